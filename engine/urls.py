"""Addresses of the pages that couples open, and of the doors for other services."""

from __future__ import annotations

from django.urls import re_path

from engine.pages.forms import form_page
from engine.pages.hooks import incoming_hook
from engine.pages.info import info_page
from engine.pages.meetings import meeting_file, meeting_page
from engine.pages.referrals import referral_page
from engine.pages.reviews import review_page, review_site
from engine.referral_links import CODE

urlpatterns = [
    # Before the providers' own call-backs, which have addresses of the same shape.
    re_path(r"^hooks/in/(?P<token>[^/]+)/?$", incoming_hook, name="incoming-hook"),
    re_path(r"^f/(?P<token>[^/]+)/?$", form_page, name="form-page"),
    re_path(r"^i/(?P<token>[^/]+)/?$", info_page, name="info-page-of-couple"),
    re_path(r"^m/(?P<token>[^/]+)/?$", meeting_page, name="meeting-page"),
    re_path(r"^m/(?P<token>[^/]+)/meeting\.ics$", meeting_file, name="meeting-file"),
    re_path(r"^r/(?P<token>[^/]+)/?$", review_page, name="review-page"),
    re_path(r"^r/(?P<token>[^/]+)/(?P<site>[a-z][a-z0-9_-]{0,39})$", review_site, name="review-site"),
    re_path(rf"^with/(?P<code>{CODE})/?$", referral_page, name="referral-page"),
]

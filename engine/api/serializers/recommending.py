"""Reviews and referrals."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from engine.models import ReferralLead, ReferralLink, Review
from engine.referral_links import referral_url
from engine.referral_words import LONGEST
from engine.review_sites import LONGEST_ADDRESS
from journeys.api.schema import choice
from journeys.api.strict import Flag, StrictSerializer, Text

LONGEST_ID = 40

ReviewStatus = choice("ReviewStatus", ("asked", "clicked", "done"))


class ReviewDetail(serializers.ModelSerializer[Review]):
    """What became of asking a couple for a review."""

    id = serializers.CharField(source="public_id")
    client_id = serializers.CharField(source="client.public_id")
    instance_id = serializers.CharField(source="ask.instance.public_id")
    status = serializers.SerializerMethodField()
    asked_at = serializers.DateTimeField(source="ask.asked_at", allow_null=True)
    reminders = serializers.IntegerField(source="ask.reminders")
    opened_at = serializers.DateTimeField(source="ask.opened_at", allow_null=True)

    class Meta:
        model = Review
        fields = (
            "id",
            "client_id",
            "instance_id",
            "status",
            "asked_at",
            "reminders",
            "opened_at",
            "site",
            "clicks",
            "clicked_at",
            "done_at",
            "done_by",
            "rating",
            "feedback",
            "feedback_at",
        )

    def get_status(self, review: Review) -> str:
        """Give how far it has come; what another system reported counts as written."""
        if review.done_at is not None or getattr(review, "reported", False):
            return "done"
        return "clicked" if review.clicked_at is not None else "asked"


class ReviewQuery(StrictSerializer):
    """Which reviews."""

    client_id = Text(max_length=LONGEST_ID, required=False)
    status = ReviewStatus(required=False)


class ReviewLinks(StrictSerializer):
    """Where reviews can be written: addresses by site, in the order in which couples see them."""

    links = serializers.DictField(child=Text(max_length=LONGEST_ADDRESS))


class ReferralDetail(serializers.ModelSerializer[ReferralLink]):
    """A couple's own link, and what came of it."""

    id = serializers.CharField(source="public_id")
    client_id = serializers.CharField(source="client.public_id")
    url = serializers.SerializerMethodField()
    leads = serializers.IntegerField(source="leads_count")

    class Meta:
        model = ReferralLink
        fields = ("id", "client_id", "url", "visits", "last_visit_at", "leads", "is_active", "created_at")

    def get_url(self, link: ReferralLink) -> str:
        """Give the address that the couple passes on."""
        return referral_url(link)


class ReferralInput(StrictSerializer):
    """Whose link."""

    client_id = Text(max_length=LONGEST_ID)


class ReferralChange(StrictSerializer):
    """Whether the link works."""

    is_active = Flag()


class ReferralQuery(StrictSerializer):
    """Which links."""

    client_id = Text(max_length=LONGEST_ID, required=False)


class LeadDetail(serializers.ModelSerializer[ReferralLead]):
    """Somebody who wrote through a couple's link."""

    id = serializers.CharField(source="public_id")
    referral_id = serializers.CharField(source="link.public_id")
    referred_by = serializers.CharField(source="link.client.public_id")
    client_id = serializers.CharField(source="client.public_id")

    class Meta:
        model = ReferralLead
        fields = ("id", "referral_id", "referred_by", "client_id", "consent", "created_at")


class ReferralWords(StrictSerializer):
    """What the page says; an empty text has the usual words. `text` and `thanks` are Markdown."""

    title = Text(max_length=LONGEST["title"], allow_blank=True, required=False)
    text = Text(max_length=LONGEST["text"], allow_blank=True, required=False)
    consent = Text(max_length=LONGEST["consent"], allow_blank=True, required=False)
    thanks = Text(max_length=LONGEST["thanks"], allow_blank=True, required=False)


class ReferralWordsDetail(serializers.Serializer[Any]):
    """What the page says now."""

    title = serializers.CharField()
    text = serializers.CharField()
    consent = serializers.CharField()
    thanks = serializers.CharField()

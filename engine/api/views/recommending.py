"""Reviews that were asked for, and links that couples pass on."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db.models import Count, Exists, OuterRef, QuerySet
from django.db.models.functions import Coalesce
from rest_framework.request import Request
from rest_framework.response import Response

from engine.api.serializers.recommending import (
    LeadDetail,
    ReferralChange,
    ReferralDetail,
    ReferralInput,
    ReferralQuery,
    ReferralWords,
    ReferralWordsDetail,
    ReviewDetail,
    ReviewLinks,
    ReviewQuery,
)
from engine.models import ReferralLead, ReferralLink, Review, TriggerEvent
from engine.referral_links import links_of
from engine.referral_words import words_of
from engine.review_sites import review_links
from engine.services.referrals import referral_link_switch, referral_words_set
from engine.services.reviews import review_done, review_links_set
from journeys.api.base import NoParameters, VendorView
from journeys.api.schema import operation
from journeys.models import Client

REVIEWS, REFERRALS = "Reviews", "Referrals"
LINKS_EXAMPLE = {"links": {"google": "https://g.page/r/luz/review", "theknot": "https://www.theknot.com/luz"}}


class ReviewRows(VendorView):
    """Give reviews with everything that their answer shows, in a fixed number of queries."""

    def reviews(self) -> QuerySet[Any]:
        """Return the vendor's reviews; `reported` says that another system has told of one."""
        told = TriggerEvent.objects.filter(
            client=OuterRef("client"),
            type="review_received",
            received_at__gte=Coalesce(OuterRef("ask__asked_at"), OuterRef("ask__created_at")),
        )
        rows = self.rows(Review).select_related("vendor", "client", "ask__instance")
        return rows.annotate(reported=Exists(told))


class Reviews(ReviewRows):
    """All reviews that were asked for."""

    @operation("List reviews", tag=REVIEWS, answers=ReviewDetail(many=True), query=ReviewQuery)
    def get(self, request: Request) -> Response:
        """Newest first: who was asked, who went to a site, who has written, and what was said in private."""
        del request
        query = self.read_query(ReviewQuery)
        rows = self.reviews()
        if "client_id" in query:
            rows = rows.filter(client__public_id=query["client_id"])
        match query.get("status"):
            case "done":
                rows = rows.filter(done_at__isnull=False) | rows.filter(reported=True)
            case "clicked":
                rows = rows.filter(done_at__isnull=True, reported=False, clicked_at__isnull=False)
            case "asked":
                rows = rows.filter(done_at__isnull=True, reported=False, clicked_at__isnull=True)
        return self.page(rows, ReviewDetail)


class ReviewView(ReviewRows):
    """One review."""

    @operation("Read a review", tag=REVIEWS, answers=ReviewDetail)
    def get(self, request: Request, review_id: str) -> Response:
        """How far it has come."""
        del request
        return self.write(self.one(self.reviews(), review_id), ReviewDetail)


class ReviewDone(ReviewRows):
    """Saying that a review is written."""

    @operation("Mark a review as written", tag=REVIEWS, takes=NoParameters, answers=ReviewDetail)
    def post(self, request: Request, review_id: str) -> Response:
        """Stop reminding of it, and let the step go on. Twice changes nothing."""
        del request
        review = self.one(self.reviews(), review_id)
        self.read_body(NoParameters)
        review_done(review=review, source=Review.Source.VENDOR, now=self.now, actor=self.actor)
        return self.write(self.one(self.reviews(), review_id), ReviewDetail)


class ReviewSettings(VendorView):
    """Where reviews can be written."""

    owner_methods = ("PUT",)

    @operation("Read where reviews are written", tag=REVIEWS, answers=ReviewLinks)
    def get(self, request: Request) -> Response:
        """Give the addresses by site."""
        del request
        return Response({"links": review_links(self.vendor)})

    @operation(
        "Set where reviews are written",
        tag=REVIEWS,
        takes=ReviewLinks,
        answers=ReviewLinks,
        example=LINKS_EXAMPLE,
    )
    def put(self, request: Request) -> Response:
        """Put these in place of the old ones; every address begins with https://."""
        del request
        links = self.read_body(ReviewLinks)["links"]
        vendor = review_links_set(vendor=self.vendor, links=links, now=self.now, actor=self.actor)
        return Response({"links": review_links(vendor)})


class ReferralRows(VendorView):
    """Give links with their figures."""

    def referrals(self) -> QuerySet[ReferralLink]:
        """Return the vendor's links."""
        rows = self.rows(ReferralLink).select_related("vendor", "client")
        return rows.annotate(leads_count=Count("leads"))


class Referrals(ReferralRows):
    """All links that couples have."""

    @operation("List referral links", tag=REFERRALS, answers=ReferralDetail(many=True), query=ReferralQuery)
    def get(self, request: Request) -> Response:
        """Newest first, with visits and friends who wrote."""
        del request
        query = self.read_query(ReferralQuery)
        rows = self.referrals()
        if "client_id" in query:
            rows = rows.filter(client__public_id=query["client_id"])
        return self.page(rows, ReferralDetail)

    @operation("Make a referral link", tag=REFERRALS, takes=ReferralInput, answers=ReferralDetail, status=201)
    def post(self, request: Request) -> Response:
        """Make a couple's link, or give the one they have: it stays the same for good."""
        del request
        client = self.one(Client, self.read_body(ReferralInput)["client_id"])
        link = links_of({client.pk: self.vendor.pk}, now=self.now)[client.pk]
        return self.write(self.one(self.referrals(), link.public_id), ReferralDetail, status=201)


class ReferralView(ReferralRows):
    """One link."""

    @operation("Read a referral link", tag=REFERRALS, answers=ReferralDetail)
    def get(self, request: Request, referral_id: str) -> Response:
        """With its figures."""
        del request
        return self.write(self.one(self.referrals(), referral_id), ReferralDetail)

    @operation("Switch a referral link", tag=REFERRALS, takes=ReferralChange, answers=ReferralDetail)
    def patch(self, request: Request, referral_id: str) -> Response:
        """Switch it off, or on again. Twice changes nothing."""
        del request
        link = self.one(self.referrals(), referral_id)
        is_active = self.read_body(ReferralChange)["is_active"]
        referral_link_switch(link=link, is_active=is_active, now=self.now, actor=self.actor)
        return self.write(self.one(self.referrals(), referral_id), ReferralDetail)


class ReferralLeads(VendorView):
    """Friends who wrote."""

    @operation("List referrals", tag=REFERRALS, answers=LeadDetail(many=True), query=ReferralQuery)
    def get(self, request: Request) -> Response:
        """Newest first; filtered by the couple whose link it was."""
        del request
        query = self.read_query(ReferralQuery)
        rows = self.rows(ReferralLead).select_related("client", "link__client")
        if "client_id" in query:
            rows = rows.filter(link__client__public_id=query["client_id"])
        return self.page(rows, LeadDetail)


class ReferralSettings(VendorView):
    """What the page behind the links says."""

    owner_methods = ("PUT",)

    @operation("Read what the referral page says", tag=REFERRALS, answers=ReferralWordsDetail)
    def get(self, request: Request) -> Response:
        """Give the texts as they are shown."""
        del request
        return self.write(asdict(words_of(self.vendor)), ReferralWordsDetail)

    @operation(
        "Set what the referral page says", tag=REFERRALS, takes=ReferralWords, answers=ReferralWordsDetail
    )
    def put(self, request: Request) -> Response:
        """Put these texts in place of the old ones; what is left out has the usual words."""
        del request
        words = self.read_body(ReferralWords)
        vendor = referral_words_set(vendor=self.vendor, words=words, now=self.now, actor=self.actor)
        return self.write(asdict(words_of(vendor)), ReferralWordsDetail)

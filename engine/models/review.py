"""Reviews that couples were asked for."""

from __future__ import annotations

from django.db import models

from engine.models.asking import Ask
from journeys.fields import EncryptedTextField, PublicIdField
from journeys.models import Client, Vendor, Wedding


class Review(models.Model):
    """What became of asking a couple for a review; one for each asking, whoever of the couple answers."""

    class Source(models.TextChoices):
        NONE = "", "Not written"
        #: Somebody of the couple said so on the page.
        PAGE = "page", "The couple says so"
        #: An event of another system said so.
        EVENT = "event", "Reported"
        #: The vendor said so.
        VENDOR = "vendor", "The vendor says so"

    public_id = PublicIdField(prefix="rvw")
    vendor = models.ForeignKey(Vendor, on_delete=models.CASCADE, related_name="reviews")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="reviews")
    wedding = models.ForeignKey(Wedding, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    ask = models.OneToOneField(Ask, on_delete=models.CASCADE, related_name="review")
    clicks = models.PositiveIntegerField(default=0)
    clicked_at = models.DateTimeField(null=True, blank=True)
    #: The site that was opened last: a name in the vendor's `review_links`.
    site = models.CharField(max_length=40, default="", blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.CharField(max_length=10, choices=Source.choices, default=Source.NONE, blank=True)
    #: What the couple said in private, 1 to 5; it never decides whether they are shown where to write a review.
    rating = models.PositiveSmallIntegerField(null=True, blank=True)
    feedback = EncryptedTextField(default="", blank=True)
    feedback_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(rating__isnull=True) | models.Q(rating__range=(1, 5)),
                name="review_rating_range",
            ),
        ]
        indexes = [
            models.Index(fields=["vendor", "-id"], name="review_newest"),
            models.Index(fields=["client", "-id"], name="review_of_client"),
        ]

    def __str__(self) -> str:
        return self.public_id

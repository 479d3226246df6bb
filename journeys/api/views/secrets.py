"""Secrets of the vendor: named, never shown, except the one that receivers need to check signatures."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from journeys.api.base import NoParameters, VendorView
from journeys.api.schema import operation
from journeys.api.serializers.forms import SecretDetail, SecretSet, SigningSecret
from journeys.models import VendorSecret
from journeys.services.secrets import secret_remove, secret_set, signing_secret, signing_secret_rotate

TAG = "Webhooks"


class Secrets(VendorView):
    """The vendor's keys at other services."""

    owner_methods = ("POST",)

    @operation("List secrets", tag=TAG, answers=SecretDetail(many=True), query=NoParameters)
    def get(self, request: Request) -> Response:
        """Names only; a value that was set is never shown again."""
        del request
        self.read_query(NoParameters)
        return self.page(self.rows(VendorSecret).exclude(name=VendorSecret.SIGNING), SecretDetail)

    @operation(
        "Set a secret",
        tag=TAG,
        takes=SecretSet,
        answers=SecretDetail,
        status=201,
        example={"name": "crm_token", "value": "4f1c…"},
    )
    def post(self, request: Request) -> Response:
        """Keep it under a name that headers of webhook steps use; a name that is there gets the new value."""
        del request
        data = self.read_body(SecretSet)
        secret = secret_set(vendor=self.vendor, now=self.now, actor=self.actor, **data)
        return self.write(secret, SecretDetail, status=201)


class SecretView(VendorView):
    """One of them."""

    owner_methods = ("DELETE",)

    @operation("Read about a secret", tag=TAG, answers=SecretDetail)
    def get(self, request: Request, secret_id: str) -> Response:
        """Its name and age, never its value."""
        del request
        return self.write(self.one(VendorSecret, secret_id), SecretDetail)

    @operation("Forget a secret", tag=TAG, status=204)
    def delete(self, request: Request, secret_id: str) -> Response:
        """Remove it; steps that name it stop at a ticket from now on."""
        del request
        secret_remove(secret=self.one(VendorSecret, secret_id), now=self.now, actor=self.actor)
        return Response(status=204)


class WebhookSigning(VendorView):
    """The secret that outgoing calls are signed with."""

    owner_methods = ("GET",)

    @operation("Read the signing secret", tag=TAG, answers=SigningSecret, query=NoParameters)
    def get(self, request: Request) -> Response:
        """Receivers check the header webhook-signature with it (Standard Webhooks). For owners and keys."""
        del request
        self.read_query(NoParameters)
        return self.write(_shown(signing_secret(vendor=self.vendor, now=self.now)), SigningSecret)


class WebhookSigningRotate(VendorView):
    """Changing it."""

    owner_methods = ("POST",)

    @operation("Rotate the signing secret", tag=TAG, takes=None, answers=SigningSecret)
    def post(self, request: Request) -> Response:
        """Sign with a new one; calls carry signatures of both for one day."""
        del request
        self.read_body(NoParameters)
        secret = signing_secret_rotate(vendor=self.vendor, now=self.now, actor=self.actor)
        return self.write(_shown(secret), SigningSecret)


def _shown(secret: VendorSecret) -> dict[str, object]:
    return {
        "secret": secret.value,
        "changed_at": secret.changed_at,
        "previous_until": secret.previous_until,
    }

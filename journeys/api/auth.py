"""Who is calling: an integration with a vendor's key, or a person with a session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from journeys import clock
from journeys.models import ApiKey, Membership, Vendor

KEYWORD = "Api-Key"
#: No key that was ever made is longer; what is longer is not looked up.
LONGEST_KEY = 200

# Asked at every request, and so written once: Django takes longer to write such a statement than PostgreSQL to answer
# it. The columns are named, so that one that is added while this process runs does not break what is prepared.
_COLUMNS = ", ".join(f"v.{field.column}" for field in Vendor._meta.concrete_fields)  # noqa: SLF001 the documented door
_VENDOR_BY_KEY = f"""
    SELECT {_COLUMNS}, k.hashed_key AS key_hash, k.expiry_date AS key_expires
      FROM journeys_apikey k JOIN journeys_vendor v ON v.id = k.vendor_id
     WHERE k.prefix = %s AND NOT k.revoked AND v.is_active
"""  # noqa: S608 columns of our own model


@dataclass(frozen=True, slots=True)
class ApiCaller:
    """Whoever sent the request, for whom, and what they may do; it stands in `request.auth`."""

    vendor: Vendor
    #: "key:<prefix>" or "user:<id>", as it is written into the audit.
    actor: str
    role: str
    #: What Django REST framework asks of a user.
    is_authenticated: bool = True
    is_anonymous: bool = False
    is_active: bool = True
    pk: None = None


def _key_of(request: Request) -> str | None:
    """Find the key in `Authorization: Api-Key …` or `X-Api-Key: …`; None when there is neither."""
    scheme, _, rest = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() == KEYWORD.lower():
        return rest.strip()
    return request.headers.get("X-Api-Key")


class ApiKeyAuthentication(BaseAuthentication):
    """Accept a vendor's API key.

    One indexed query, and no cache of verified keys: a key is a long random word, so its hash is a single
    SHA-512 (a few microseconds), and a revoked key stops at its very next request.
    """

    def authenticate(self, request: Request) -> tuple[ApiCaller, ApiCaller] | None:
        """Return the caller, or None when the request carries no key."""
        key = _key_of(request)
        if key is None:
            return None
        caller = self._caller(key)
        if caller is None:
            raise AuthenticationFailed("This API key is not known or no longer valid. Make a new one.")
        remember_vendor(request, caller.vendor)
        return caller, caller

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme for the WWW-Authenticate header, which makes a refusal a 401."""
        del request
        return KEYWORD

    @staticmethod
    def _caller(key: str) -> ApiCaller | None:
        prefix, _, secret = key.partition(".")
        if not secret or len(key) > LONGEST_KEY or not (prefix.isascii() and prefix.isalnum()):
            return None
        found: list[Any] = list(Vendor.objects.raw(_VENDOR_BY_KEY, [prefix]))
        if not found or not ApiKey.objects.key_generator.verify(key, found[0].key_hash):
            return None
        if found[0].key_expires is not None and found[0].key_expires <= clock.now():
            return None
        return ApiCaller(vendor=found[0], actor=f"key:{prefix}", role=Membership.Role.OWNER)


class VendorSessionAuthentication(SessionAuthentication):
    """Accept a person who has logged in, with CSRF protection, for one vendor they are a member of."""

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, ApiCaller] | None:
        """Return the user and the caller; the header X-Vendor chooses among several vendors."""
        answer = super().authenticate(request)
        if answer is None:
            return None
        user = answer[0]
        membership = self._membership(user, request.headers.get("X-Vendor", ""))
        remember_vendor(request, membership.vendor)
        return user, ApiCaller(vendor=membership.vendor, actor=f"user:{user.pk}", role=membership.role)

    @staticmethod
    def _membership(user: Any, wanted: str) -> Membership:
        memberships = Membership.objects.filter(user=user, vendor__is_active=True).select_related("vendor")
        chosen = [m for m in memberships if wanted in {"", m.vendor.public_id}]
        if not chosen:
            raise PermissionDenied("You are not a member of this vendor. Ask its owner to add you.")
        if len(chosen) > 1:
            raise PermissionDenied("You work for several vendors. Name one in the X-Vendor header.")
        return chosen[0]


def remember_vendor(request: Request, vendor: Vendor) -> None:
    """Put the vendor on the request, where views and middleware find it."""
    request.vendor = vendor  # type: ignore[attr-defined]

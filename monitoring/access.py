"""Who may see which vendor's pages, and who may act on them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from channels.selectors import vendors_of
from journeys.models import Membership, Vendor

#: Where the session keeps the public id of the vendor that is being looked at.
CHOSEN = "vendor"

#: A view that is also given the vendor, after the request.
View = Callable[..., HttpResponse]


def vendors_for(user: AbstractBaseUser | AnonymousUser) -> list[Vendor]:
    """Give the vendors a person may look at, by name."""
    return list(vendors_of(user).filter(is_active=True).order_by("name", "id"))


def vendor_for(request: HttpRequest, vendors: list[Vendor]) -> Vendor:
    """Give the vendor chosen in this session, or the first one.

    Raises:
        PermissionDenied: the person works for no vendor.
    """
    chosen = request.session.get(CHOSEN)
    found = next((vendor for vendor in vendors if vendor.public_id == chosen), None)
    if found is None and not vendors:
        raise PermissionDenied
    return found or vendors[0]


def may_act(user: AbstractBaseUser | AnonymousUser, vendor: Vendor) -> bool:
    """Tell whether a person may change anything of a vendor; viewers may only look."""
    if getattr(user, "is_superuser", False):
        return True
    roles = [Membership.Role.OWNER, Membership.Role.EDITOR]
    return Membership.objects.filter(user_id=user.pk or 0, vendor=vendor, role__in=roles).exists()


def actor_of(request: HttpRequest) -> str:
    """Name the person for the audit."""
    return f"user:{request.user.pk}"


def vendor_page(view: View) -> View:
    """Let a view see one vendor that the person works for; whoever is not logged in is asked to."""

    @login_required
    @wraps(view)
    def wrapped(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        vendors = vendors_for(request.user)
        vendor = vendor_for(request, vendors)
        request.vendors = vendors  # type: ignore[attr-defined]
        return view(request, vendor, **kwargs)

    return wrapped


def vendor_deed(view: View) -> View:
    """Let a view change things of one vendor; a viewer is refused."""

    @wraps(view)
    def guarded(request: HttpRequest, vendor: Vendor, **kwargs: Any) -> HttpResponse:
        if not may_act(request.user, vendor):
            raise PermissionDenied
        return view(request, vendor, **kwargs)

    return vendor_page(guarded)

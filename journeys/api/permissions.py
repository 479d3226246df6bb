"""What a caller may do."""

from __future__ import annotations

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from journeys.api.auth import ApiCaller
from journeys.models import Membership


class VendorAccess(BasePermission):
    """Let owners and editors write, viewers read, and only owners do what the view keeps for them.

    A view names the HTTP methods that are kept for owners in `owner_methods`.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Tell whether this caller may use this method here."""
        caller = request.auth
        if not isinstance(caller, ApiCaller):
            return False
        if request.method in getattr(view, "owner_methods", ()):
            self.message = "Only an owner of this vendor may do this."
            return caller.role == Membership.Role.OWNER
        self.message = "You may read here, but not change anything. Ask an owner for more rights."
        return request.method in SAFE_METHODS or caller.role != Membership.Role.VIEWER

"""The vendor's rules for writing to people."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from journeys.api.base import VendorView
from journeys.api.schema import operation
from journeys.api.serializers.contact_rules import ContactRulesChange, ContactRulesDetail
from journeys.language.contact_rules import ContactRules
from journeys.services.vendors import vendor_change_settings

TAG = "Contact rules"


class ContactRulesView(VendorView):
    """Sending hours, blackout days, quiet hours, cap, spacing and approval."""

    owner_methods = ("PATCH",)

    @operation("Read the contact rules", tag=TAG, answers=ContactRulesDetail)
    def get(self, request: Request) -> Response:
        """Give what was written, and what holds."""
        del request
        return self._answer()

    @operation(
        "Change the contact rules",
        tag=TAG,
        takes=ContactRulesChange,
        answers=ContactRulesDetail,
        example={
            "sending_hours": {"every": ["09:00", "19:00"], "sun": []},
            "contact_rules": {
                "blackout": {"own_weddings": True, "days": [{"from": "2027-08-01", "until": "2027-08-15"}]},
                "cap": {"marketing": {"count": 2, "days": 7}},
                "spacing": {"hours": 6},
            },
        },
    )
    def patch(self, request: Request) -> Response:
        """Replace what is given, whole. 400 names what can not be read."""
        del request
        data = self.read_body(ContactRulesChange)
        vendor_change_settings(vendor=self.vendor, **data, now=self.now, actor=self.actor)
        return self._answer()

    def _answer(self) -> Response:
        vendor = self.vendor
        rules = ContactRules.from_setting(vendor.contact_rules)
        value = {
            "sending_hours": vendor.sending_hours,
            "contact_rules": vendor.contact_rules,
            "effective": rules.as_setting(),
        }
        return self.write(value, ContactRulesDetail)

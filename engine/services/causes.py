"""Say what failures have in common, so that one ticket stands for all that are put right together."""

from __future__ import annotations

from channels.models import Message
from engine.models import Instance, WebhookCall
from engine.services.results import Claim, TicketDraft
from journeys.language.errors import ErrorClass

LONGEST = 200

#: A person answers for this one couple, and nothing has broken: the rest of the passage need not stand still.
QUESTIONS = frozenset({"approval_expired", "date_missing", "in_doubt", "late_ask", "never_opens"})
#: About one step of one couple, whatever class it has.
ONE_PLACE = QUESTIONS | {"poison"}

#: By class of error: what is put right once for all it has stopped. A provider or a service that stays away has an
#: origin; a fault in a step's settings, or of ours, has none and belongs to the step.
SCOPES: dict[str, str] = {
    ErrorClass.USER: "place",
    ErrorClass.PERMANENT: "step",
    ErrorClass.TRANSIENT: "origin",
    "account": "origin",
}


def scope_of(*, error_class: str, code: str) -> str:
    """Give "place" (one step of one couple), "step" (for every couple) or "origin" (a provider, a service)."""
    return "place" if code in ONE_PLACE else SCOPES.get(error_class, "step")


def cause_key(
    *, error_class: str, code: str, schedule_id: int, journey_id: int, node_id: str, origin: str
) -> str:
    """Name the cause; the same name within a vendor is the same ticket while it is open."""
    scope = scope_of(error_class=error_class, code=code)
    if scope == "place":
        return f"place:{schedule_id}"
    if scope == "origin" and origin:
        return f"{origin[: LONGEST - len(code) - 1]}:{code}"
    return f"step:{journey_id}:{node_id}:{code}"


def cause_of(claim: Claim, draft: TicketDraft) -> str:
    """Name the cause of what stopped a claimed step; reads the ledgers where the origin matters."""
    if draft.cause:
        return draft.cause[:LONGEST]
    scope = scope_of(error_class=draft.error_class, code=draft.code)
    instance = Instance.objects.only("id", "public_id", "journey_id").get(id=claim.instance_id)
    return cause_key(
        error_class=draft.error_class,
        code=draft.code[:60],
        schedule_id=claim.schedule_id,
        journey_id=instance.journey_id,
        node_id=claim.node_id,
        origin=_origin(instance, claim, draft) if scope == "origin" else "",
    )


def _origin(instance: Instance, claim: Claim, draft: TicketDraft) -> str:
    """Name the provider or the host that did not do it; "" when the fault was nobody else's."""
    message = Message.objects.filter(
        instance_ref=instance.public_id, node_id=claim.node_id, error_code=draft.code
    )
    provider = message.order_by("-id").values_list("provider", flat=True).first()
    if provider:
        return f"provider:{provider}"
    call = WebhookCall.objects.filter(instance=instance, node_id=claim.node_id, error_code=draft.code[:60])
    host = call.order_by("-id").values_list("host", flat=True).first()
    return f"webhook:{host}" if host else ""


def is_critical(*, error_class: str, code: str, level: str) -> bool:
    """Tell whether a whole passage stands still for it: a step that is broken, or an emergency that broke.

    Questions hold their own step only, and what a provider's account stops is no reason to stop the rest.
    """
    if code in QUESTIONS:
        return False
    return error_class == ErrorClass.PERMANENT or level == "emergency"

"""Modules at run time: on or off, their limits, and whether a step of one may reach outside now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from pydantic import ValidationError

from channels import transport
from channels.models import Message
from engine.models import ModuleSetting, Schedule
from engine.services import dispatch
from engine.services.failures import retry_policy
from engine.services.results import Stay
from engine.services.steps import Step
from journeys.errors import Invalid, NotFound
from journeys.language.modules import VENDOR_MODULES, Module, ModuleOverrides, overridden
from journeys.language.registry import NodeType, node_types
from journeys.models import Vendor
from journeys.services import audit

#: Held steps look again this often by themselves; switching the module on wakes them at once.
HELD_RECHECK = timedelta(hours=6)
#: How long the counts of the rate limit are kept.
USE_KEPT = timedelta(minutes=10)

_COUNT = """
INSERT INTO engine_moduleuse AS use (vendor_id, module, minute, count) VALUES (%(vendor)s, %(module)s, %(minute)s, 1)
ON CONFLICT (vendor_id, module, minute) DO UPDATE SET count = use.count + 1 WHERE use.count < %(most)s
RETURNING count
"""
_FORGET = "DELETE FROM engine_moduleuse WHERE vendor_id = %s AND module = %s AND minute < %s"


@dataclass(frozen=True, slots=True)
class Effective:
    """A module as it works for one vendor now."""

    node_type: NodeType
    #: Limits and retries with all overrides in them.
    module: Module
    #: Off for the vendor, or off for everybody.
    enabled: bool
    #: Whether it is the operators who switched it off.
    off_for_everybody: bool
    #: What the vendor itself has set differently.
    overrides: ModuleOverrides


def modules_of(vendor: Vendor) -> list[Effective]:
    """List the modules that a vendor sees, in the order in which they are shown."""
    rows = _settings(vendor.id, VENDOR_MODULES)
    return [
        _effective(node_type, rows.get(node_type.type, ()), vendor.id)
        for name in VENDOR_MODULES
        if name in node_types and (node_type := node_types.get(name)).module is not None
    ]


def module_of(vendor: Vendor, name: str) -> Effective:
    """Give one module as it works for a vendor.

    Raises:
        NotFound: there is no such module.
    """
    node_type = _declared(name)
    return _effective(node_type, _settings(vendor.id, [name]).get(name, ()), vendor.id)


@transaction.atomic
def module_change(
    *,
    vendor: Vendor | None,
    name: str,
    enabled: bool | None = None,
    overrides: Mapping[str, Any] | None = None,
    now: datetime,
    actor: str,
) -> ModuleSetting:
    """Switch a module on or off, or set what differs from its declaration (None leaves it).

    For one vendor, or for everybody (`vendor` None). Steps that were held go on at once when it is switched on.
    The same call again changes nothing.

    Raises:
        NotFound: there is no such module.
        Invalid: the overrides can not be used; the details name the fields.
    """
    node_type = _declared(name)
    wanted = None if overrides is None else checked_overrides(overrides).as_json()
    ModuleSetting.objects.bulk_create(
        [ModuleSetting(vendor=vendor, module=name, changed_at=now, changed_by=actor[:100])],
        ignore_conflicts=True,
    )
    setting = ModuleSetting.objects.select_for_update().get(vendor=vendor, module=name)
    was_enabled, changed = setting.enabled, []
    if enabled is not None and enabled != setting.enabled:
        setting.enabled = enabled
        changed.append("enabled")
    if wanted is not None and wanted != setting.overrides:
        setting.overrides = wanted
        changed.append("overrides")
    if changed:
        setting.changed_at, setting.changed_by = now, actor[:100]
        setting.save()
        detail = {"module": name, "enabled": setting.enabled, "overrides": setting.overrides}
        audit.record(vendor, actor, "module.changed", setting, now, fields=changed, **detail)
    if setting.enabled and not was_enabled:
        _wake_held(node_type, vendor=vendor, now=now)
    return setting


def checked_overrides(overrides: Mapping[str, Any]) -> ModuleOverrides:
    """Read overrides.

    Raises:
        Invalid: code `bad_overrides`; the details name the fields.
    """
    try:
        return ModuleOverrides.model_validate(dict(overrides))
    except ValidationError as error:
        fields = {".".join(str(part) for part in one["loc"]): one["msg"] for one in error.errors()}
        message = "These limits can not be used: see the fields."
        raise Invalid(message, code="bad_overrides", details=fields) from error


def hold_reason(step: Step, *, now: datetime) -> Stay | None:
    """Say whether a step of a module has to wait before it reaches outside; None lets it go.

    Inside the transaction that goes on to write the ledger, when the step has asked for an effect: each call counts
    for the rate limit. Also leaves the module's limits on the step (`step.module`).
    """
    node_type = step.node.node_type
    if node_type.module is None or step.instance is None:
        return None
    vendor_id = step.claim.vendor_id
    rows = _settings(vendor_id, [node_type.type]).get(node_type.type, ())
    effective = _effective(node_type, rows, vendor_id)
    step.module = effective.module
    stay = _held(step, effective, now=now)
    # Finding out what became of a message sends nothing, and must not wait for a switch.
    return None if stay is None or _is_under_way(step) else stay


def _held(step: Step, effective: Effective, *, now: datetime) -> Stay | None:
    node_type = step.node.node_type
    if not effective.enabled and not _is_on_by_now(node_type, step.claim.vendor_id):
        return _stay(step, now + HELD_RECHECK, held_sentence(node_type))
    until = near_the_day(step, effective.module, now=now)
    if until is not None:
        return _stay(step, *until)
    return _rate(step, effective.module, now=now)


def _is_under_way(step: Step) -> bool:
    """Tell whether a message of this place is with a provider, and nobody knows yet what came of it."""
    doubtful = (Message.Status.SENDING, Message.Status.IN_DOUBT)
    return Message.objects.filter(key__startswith=f"{step.source}:", status__in=doubtful).exists()


def time_limit(step: Step) -> AbstractContextManager[None]:
    """Keep the calls of a module's step within its time limit; other steps keep to the provider's own."""
    module = step.module or step.node.node_type.module
    return transport.time_limit(module.limits.time_seconds) if module else nullcontext()


def held_sentence(node_type: NodeType) -> str:
    """Say why a step is held while its module is off; held steps are found by it."""
    return f"Held: the module {node_type.title} is switched off."


def _stay(step: Step, until: datetime, reason: str) -> Stay:
    """Keep the place until later; this was no attempt."""
    return Stay(due_at=until, reason=reason, attempt=step.claim.attempt - 1)


def near_the_day(step: Step, module: Module, *, now: datetime) -> tuple[datetime, str] | None:
    """Say until when the wedding rules of a module hold a step, and why; touches nothing."""
    wedding = step.instance.wedding if step.instance else None
    if wedding is None:
        return None
    settings = step.node.settings
    held = [
        (until, rule.says)
        for rule in module.wedding_rules
        if (
            until := rule.holds_until(
                purpose=getattr(settings, "purpose", "transactional"),
                day=wedding.date,
                zone=wedding.time_zone,
                now=now,
                on_the_day=getattr(settings, "on_the_day", None) is True,
            )
        )
    ]
    return max(held) if held else None


def _rate(step: Step, module: Module, *, now: datetime) -> Stay | None:
    """Count the step; put it off when the vendor has used up this minute."""
    minute = now.replace(second=0, microsecond=0)
    most, name = module.limits.per_minute, step.node.node_type.type
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT, {"vendor": step.claim.vendor_id, "module": name, "minute": minute, "most": most}
        )
        row = cursor.fetchone()
        if row and row[0] == 1:
            cursor.execute(_FORGET, [step.claim.vendor_id, name, minute - USE_KEPT])
    if row is not None:
        return None
    reason = f"Put off: {most} steps of {step.node.node_type.title} in one minute are the most."
    return _stay(step, minute + timedelta(minutes=1), reason)


def _declared(name: str) -> NodeType:
    if name not in node_types or node_types.get(name).module is None:
        raise NotFound(f"There is no module {name!r}. Known: {', '.join(VENDOR_MODULES)}.")
    return node_types.get(name)


def _settings(vendor_id: int, names: Iterable[str]) -> dict[str, list[ModuleSetting]]:
    found: dict[str, list[ModuleSetting]] = {}
    rows = ModuleSetting.objects.filter(module__in=list(names), vendor_id__isnull=True) | (
        ModuleSetting.objects.filter(module__in=list(names), vendor_id=vendor_id)
    )
    for row in rows:
        found.setdefault(row.module, []).append(row)
    return found


def _effective(node_type: NodeType, rows: Iterable[ModuleSetting], vendor_id: int) -> Effective:
    """Put the declaration, what holds for everybody and what the vendor has set over one another."""
    everybody = next((row for row in rows if row.vendor_id is None), None)
    own = next((row for row in rows if row.vendor_id == vendor_id), None)
    module = node_type.module
    if module is None:
        raise NotFound(f"{node_type.title} is no module.")
    fallback = retry_policy()
    for row in (everybody, own):
        if row is not None:
            module = overridden(module, ModuleOverrides.model_validate(row.overrides), fallback=fallback)
    off_for_everybody = everybody is not None and not everybody.enabled
    return Effective(
        node_type=node_type,
        module=module,
        enabled=not off_for_everybody and (own is None or own.enabled),
        off_for_everybody=off_for_everybody,
        overrides=ModuleOverrides.model_validate(own.overrides if own else {}),
    )


def _is_on_by_now(node_type: NodeType, vendor_id: int) -> bool:
    """Read the switches again and keep them as they are until the transaction ends.

    Who switches the module on waits for that, and then finds this step among those that are held.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT enabled FROM engine_modulesetting
               WHERE module = %s AND (vendor_id IS NULL OR vendor_id = %s) ORDER BY id FOR SHARE""",
            [node_type.type, vendor_id],
        )
        return all(row[0] for row in cursor.fetchall())


def _wake_held(node_type: NodeType, *, vendor: Vendor | None, now: datetime) -> None:
    """Let the steps that the switch has held go on, at once."""
    held = Schedule.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        state=Schedule.State.WAITING, reason=held_sentence(node_type), due_at__gt=now
    )
    if vendor is not None:
        held = held.filter(vendor_id=vendor.id)
    ids = list(held.values_list("id", flat=True))
    Schedule.objects.filter(id__in=ids).update(due_at=now)
    dispatch.offer_on_commit(ids, now=now)

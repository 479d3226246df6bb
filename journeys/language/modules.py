"""What a module may use, how fast it should be, how often it tries, and what it does near the wedding day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .retries import RetryPolicy
from .zones import local_instant, local_time

#: The modules that a vendor sees, in the order in which they are shown.
VENDOR_MODULES = ("email", "sms", "form", "meeting", "info", "review", "referral")
#: A task may run 15 seconds in all, so no call may take longer.
LONGEST_CALL_SECONDS = 14

RuleKind = Literal["any_day", "not_before_the_day", "not_near_the_day", "not_when_cancelled"]


@dataclass(frozen=True, slots=True)
class WeddingRule:
    """Say one thing that a module does, or does not do, around the wedding day."""

    kind: RuleKind
    #: For people: "A review is never asked for before the day is over."
    says: str
    #: Before the day, for `not_near_the_day`.
    days: int = 0
    #: "marketing" keeps to messages of that purpose; "" is all of them.
    purpose: str = ""

    def holds_until(
        self, *, purpose: str, day: date | None, zone: str, now: datetime, on_the_day: bool = False
    ) -> datetime | None:
        """Give the instant (UTC) until which this rule holds a step back; None lets it through.

        A wedding without a date holds nothing back here: steps that hang on it are parked elsewhere. What is for
        a cancelled wedding is refused by the step itself, which says so; no time would make it right. `on_the_day`:
        the author has marked the step for the wedding day, which then is no reason to hold it.
        """
        if day is None or (self.purpose and self.purpose != purpose):
            return None
        today = local_time(now, zone).date()
        begins = {
            "not_before_the_day": date.min,
            "not_near_the_day": day - timedelta(days=self.days),
        }.get(self.kind)
        marked = on_the_day and self.kind == "not_near_the_day" and today == day
        if begins is None or marked or not begins <= today <= day:
            return None
        return local_instant(day + timedelta(days=1), _MIDNIGHT, zone)


_MIDNIGHT = datetime.min.time()


@dataclass(frozen=True, slots=True)
class Limits:
    """Say what one execution, and one vendor, may use."""

    #: Most seconds that the call to the outside may take; it is cut off then.
    time_seconds: float = 8.0
    #: What one execution needs, for sizing workers; not measured by the step itself.
    memory_mb: int = 64
    #: Most executions of one vendor in a minute; more are put off.
    per_minute: int = 600


@dataclass(frozen=True, slots=True)
class Module:
    """Declare what a step type promises, beside its settings."""

    wedding_rules: tuple[WeddingRule, ...]
    limits: Limits = Limits()
    #: What one execution should take at most, in milliseconds.
    target_ms: int = 500
    #: None follows QUEUE_MAX_RETRIES.
    retries: RetryPolicy | None = None


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LimitsOverride(_Part):
    """Other limits than the declared ones; what is left out stays."""

    time_seconds: float | None = Field(default=None, gt=0, le=LONGEST_CALL_SECONDS)
    memory_mb: int | None = Field(default=None, ge=16, le=4096)
    per_minute: int | None = Field(default=None, ge=1, le=100_000)


class RetriesOverride(_Part):
    """Another pace of retries than the declared one; what is left out stays."""

    max_attempts: int | None = Field(default=None, ge=1, le=50)
    base_seconds: float | None = Field(default=None, gt=0, le=3600)
    cap_seconds: float | None = Field(default=None, gt=0, le=86_400)


class ModuleOverrides(_Part):
    """What is set differently from what a module declares."""

    limits: LimitsOverride = LimitsOverride()
    target_ms: int | None = Field(default=None, ge=1, le=60_000)
    retries: RetriesOverride = RetriesOverride()

    def as_json(self) -> dict[str, Any]:
        """Give only what is set."""
        return self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)


def overridden(module: Module, overrides: ModuleOverrides, *, fallback: RetryPolicy) -> Module:
    """Give the module as it works with these overrides; `fallback` is the system's own retry policy."""
    limits, retries = module.limits, module.retries
    given = overrides.limits.model_dump(exclude_none=True)
    if given:
        limits = Limits(
            time_seconds=given.get("time_seconds", limits.time_seconds),
            memory_mb=given.get("memory_mb", limits.memory_mb),
            per_minute=given.get("per_minute", limits.per_minute),
        )
    pace = overrides.retries.model_dump(exclude_none=True)
    if pace:
        basis = retries or fallback
        retries = RetryPolicy(
            max_attempts=pace.get("max_attempts", basis.max_attempts),
            base_seconds=pace.get("base_seconds", basis.base_seconds),
            cap_seconds=pace.get("cap_seconds", basis.cap_seconds),
        )
    return Module(
        wedding_rules=module.wedding_rules,
        limits=limits,
        target_ms=overrides.target_ms or module.target_ms,
        retries=retries,
    )

"""Carry a step's webhook out: ledger first, call outside any transaction, result with the step.

A webhook goes out at least once: a crash between the call and its result leaves `calling`, and the next claim calls
again with the same id. What never happens is that it goes out under another id, or that its answer is used twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from channels import webhooks
from channels.contract import Sign
from channels.services import circuits
from channels.services.circuits import Barred, Line
from channels.transport import Answer, AnswerTooLarge, NoAnswer, NotSent
from channels.verdicts import retry_after
from channels.webhooks import AddressRefused
from engine.models import Instance, WebhookCall
from engine.services import claims, failures
from engine.services.delivering import barring
from engine.services.results import Stay
from engine.services.steps import Step
from journeys.language.errors import ErrorClass
from journeys.language.kinds import Variable
from journeys.language.outcomes import Advance, CallWebhook, Fail, SetVariable
from journeys.models import Vendor
from journeys.scoping import owned_by
from journeys.services.secrets import secret_values, signing_values

Status = WebhookCall.Status

USER_AGENT = "WedSync-Journeys/1"
#: How much of an answer the ledger keeps, in characters.
EXCERPT = 2000
#: Most of an answer that a step may keep, as JSON, in characters.
MOST_KEPT = 20_000

#: Newest calls among which those that went well are looked for.
ROWS_LOOKED_AT = 200

_AGAIN = frozenset({408, 425, 429})
#: About this one client's data; everything else below 500 is about the vendor's own set-up.
_ABOUT_DATA = frozenset({400, 409, 412, 422})
_MISSING = object()


@dataclass(slots=True)
class Call:
    """One webhook on its way."""

    step: Step
    outcome: CallWebhook
    row: WebhookCall
    headers: Mapping[str, str]
    #: The service, as its circuit knows it.
    line: Line
    #: What went wrong with the call itself.
    failure: Fail | None = None
    answer: Answer | None = None
    pause: timedelta | None = field(default=None)
    #: Number of the probe that this call is; 0 for none.
    probe: int = 0

    @classmethod
    def begin(cls, step: Step, outcome: CallWebhook, *, now: datetime) -> Call | None:
        """Check everything once more and write the ledger row, inside the caller's transaction.

        None when nothing is to be called now; the step then says why. The instance was locked before it was read.

        Raises:
            LeaseLost: the lease has ended.
        """
        claims.renew(step.claim)
        instance = step.instance
        if instance is None:
            message = "A call needs its instance: prepare the step first."
            raise ValueError(message)
        if instance.status != Instance.Status.ACTIVE:
            step.hold(until=now, reason=f"Held: the journey is {instance.get_status_display().lower()}.")
            return None
        headers = _headers(outcome, instance.vendor)
        refusal = headers if isinstance(headers, Fail) else _host_refusal(outcome, instance.vendor)
        if refusal is not None or isinstance(headers, Fail):
            failures.resolve(step, refusal or _UNREACHED, now=now)
            return None
        line = _line(outcome, instance.vendor)
        admitted = _admitted(step, line, now=now)
        if isinstance(admitted, Barred):
            _put_off(step, admitted, now=now)
            return None
        row = _ledger_row(step, outcome, instance, now=now)
        signed = webhooks.signatures(
            secrets=signing_values(vendor=instance.vendor, now=now),
            message_id=row.public_id,
            at=now,
            body=outcome.body.encode(),
        )
        sent = {**headers, **signed, "Idempotency-Key": row.public_id}
        return cls(step, outcome, row, sent, line, probe=admitted.probe)

    def carry_out(self, *, now: datetime) -> None:
        """Call, outside any transaction; what went wrong is remembered for `close`."""
        del now
        outcome = self.outcome
        try:
            self.answer = webhooks.call(
                method=outcome.method,
                url=outcome.url,
                headers=self.headers,
                body=outcome.body.encode() if outcome.body else None,
                timeout=outcome.timeout_seconds,
                ports=settings.WEBHOOK_PORTS,
                allow_private=settings.WEBHOOK_ALLOW_PRIVATE,
            )
        except AddressRefused as error:
            self.failure = Fail(ErrorClass.PERMANENT, "address_refused", error.reason)
        except NotSent as error:
            reason = f"The service could not be reached ({error}). Nothing was sent."
            self.failure = Fail(ErrorClass.TRANSIENT, "connect_failed", reason)
        except AnswerTooLarge:
            reason = "The service answered with more than a megabyte. Have it answer shorter."
            self.failure = Fail(ErrorClass.PERMANENT, "answer_too_large", reason)
        except NoAnswer as error:
            reason = f"The service was called, and its answer did not arrive ({error})."
            self.failure = Fail(ErrorClass.TRANSIENT, "no_answer", reason)

    def close(self, *, now: datetime) -> None:
        """Write the result down and say how the step goes on, inside the caller's transaction."""
        answer = self.answer
        failure = self.failure
        kept: dict[str, Any] = {}
        saved: dict[str, Any] = {}
        if answer is not None:
            failure = _judged(answer, self.outcome.expect)
            self.pause = retry_after(answer.headers, now=now) if failure else None
        if answer is not None and failure is None:
            read = _read_answer(answer, self.outcome, self.step.graph.variables)
            if isinstance(read, Fail):
                failure = read
            else:
                saved, kept = read
        if not self._record(failure, now=now):
            # Somebody newer owns this call; the fence of the schedule turns this result away, too.
            failure = failure or _UNREACHED
        self._tell_circuit(failure, now=now)
        if failure is not None:
            self._fail(failure, now=now)
            return
        status = answer.status if answer else 0
        self.step.follow(
            Advance(
                port=self.outcome.port,
                output={"status": status, "call": self.row.public_id, "answer": kept},
                reason=f"The service answered {status}.",
            ),
            now=now,
        )
        self.step.changes = tuple(SetVariable(name, value) for name, value in saved.items())

    def _record(self, failure: Fail | None, *, now: datetime) -> bool:
        """Write the ledger row; False when a newer claim has taken it over."""
        answer = self.answer
        status = Status.ANSWERED
        if failure is not None:
            status = Status.RETRY if failure.error_class is ErrorClass.TRANSIENT else Status.REFUSED
        changed = WebhookCall.objects.filter(pk=self.row.pk, fence=self.step.claim.fence).first()
        if changed is None:
            return False
        changed.status = status
        changed.response_status = answer.status if answer else None
        changed.excerpt = _excerpt(answer)
        changed.error_code = failure.code[:60] if failure else ""
        changed.settled_at = None if status == Status.RETRY else now
        changed.save(update_fields=["status", "response_status", "excerpt", "error_code", "settled_at"])
        return True

    def _tell_circuit(self, failure: Fail | None, *, now: datetime) -> None:
        """Say whether the service works: what it answers for reasons of this one step is no trouble of its own."""
        sign = Sign.WELL
        if failure is not None and failure.error_class is ErrorClass.TRANSIENT:
            sign = Sign.TROUBLE
        if failure is _UNREACHED or (self.answer is None and failure and failure.code == "address_refused"):
            sign = Sign.NOTHING
        circuits.heard(
            self.line,
            sign,
            code=failure.code if failure else "",
            reason=failure.message if failure else "",
            asked=self.pause,
            probe=self.probe,
            now=now,
        )

    def _fail(self, failure: Fail, *, now: datetime) -> None:
        if self.probe and failure.error_class is ErrorClass.TRANSIENT:
            barred = circuits.barred_now(self.line, now=now)
            if barred is not None:
                self.step.error_class, self.step.error_code = failure.error_class.value, failure.code
                _put_off(self.step, barred, now=now, first=True)
                return
        failures.resolve(self.step, failure, now=now)
        stay = self.step.stay
        if stay and stay.due_at and self.pause and failure.error_class is ErrorClass.TRANSIENT:
            self.step.stay = Stay(max(stay.due_at, now + self.pause), stay.reason, stay.attempt)


_UNREACHED = Fail(ErrorClass.TRANSIENT, "taken_over", "Another worker has taken this call over.")


def _line(outcome: CallWebhook, vendor: Vendor) -> Line:
    """Name the service whose circuit is asked."""
    host = _host_of(outcome.url)

    def went_well(since: datetime) -> int:
        newest = owned_by(vendor, WebhookCall).order_by("-id").values("id")[:ROWS_LOOKED_AT]
        return WebhookCall.objects.filter(
            id__in=newest, host=host[:255], status=Status.ANSWERED, settled_at__gte=since
        ).count()

    return circuits.host_of(vendor, host, went_well=went_well)


def _admitted(step: Step, line: Line, *, now: datetime) -> circuits.Pass | Barred:
    """Ask the service's circuit; the row of an earlier attempt is locked before it."""
    circuit = circuits.troubled(line)
    if circuit is None:
        return circuits.Pass()
    WebhookCall.objects.select_for_update().filter(place=str(step.source)).first()
    return circuits.admit(circuit, now=now)


def _put_off(step: Step, barred: Barred, *, now: datetime, first: bool = False) -> None:
    barring.put_off(
        step,
        barred,
        now=now,
        first=first,
        too_late=lambda held: barring.webhook_too_late(step, held, now=now),
    )


def _ledger_row(step: Step, outcome: CallWebhook, instance: Instance, *, now: datetime) -> WebhookCall:
    """Write the call down before it is made; the row of an earlier attempt is taken over with its id."""
    row, added = WebhookCall.objects.select_for_update().get_or_create(
        place=str(step.source),
        defaults={
            "vendor": instance.vendor,
            "instance": instance,
            "node_id": step.claim.node_id,
            "method": outcome.method,
            "host": _host_of(outcome.url)[:255],
            "status": Status.CALLING,
            "attempts": 1,
            "fence": step.claim.fence,
            "created_at": now,
            "called_at": now,
        },
    )
    if not added:
        row.status, row.fence, row.called_at = Status.CALLING, step.claim.fence, now
        row.attempts += 1
        row.settled_at = None
        row.save(update_fields=["status", "fence", "called_at", "attempts", "settled_at"])
    return row


def _headers(outcome: CallWebhook, vendor: Vendor) -> dict[str, str] | Fail:
    """Put the vendor's secrets into the headers that name them."""
    names = {secret for _, _, secret in outcome.headers if secret}
    values = secret_values(vendor=vendor, names=names) if names else {}
    missing = sorted(names - values.keys())
    if missing:
        reason = f"There is no secret {missing[0]!r}: set it, then retry the step."
        return Fail(ErrorClass.PERMANENT, "secret_missing", reason)
    headers = {"User-Agent": USER_AGENT, "Accept": "application/json"}
    if outcome.body:
        headers["Content-Type"] = "application/json"
    for name, text, secret in outcome.headers:
        headers = {known: value for known, value in headers.items() if known.lower() != name.lower()}
        headers[name] = text + values.get(secret, "")
    return headers


def _host_refusal(outcome: CallWebhook, vendor: Vendor) -> Fail | None:
    """Refuse a host that was put together from facts, unless the vendor has listed it."""
    if not outcome.host_from_facts:
        return None
    listed, host = vendor.settings.get("webhook_hosts"), _host_of(outcome.url)
    if isinstance(listed, list) and host and host in {str(one).lower() for one in listed}:
        return None
    reason = (
        "The host comes from variables and is not among the vendor's webhook_hosts: list it, or write it out."
    )
    return Fail(ErrorClass.PERMANENT, "host_not_listed", reason)


def _host_of(url: str) -> str:
    """Give the host of an address, "" where it has none that can be read; the call itself then says so."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _judged(answer: Answer, expect: tuple[int, ...]) -> Fail | None:
    """Say what an answer's status means; None when it is what the step expects."""
    status = answer.status
    if status // 100 in expect:
        return None
    said = f"The service answered {status}."
    if status in _AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Fail(ErrorClass.TRANSIENT, f"http_{status}", said)
    if status in _ABOUT_DATA:
        return Fail(ErrorClass.USER, f"http_{status}", f"{said} It refuses what it was sent for this client.")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Fail(
            ErrorClass.PERMANENT,
            f"http_{status}",
            f"{said} It has moved: write its new address into the step.",
        )
    return Fail(ErrorClass.PERMANENT, f"http_{status}", f"{said} Check the address and the keys of the step.")


def _read_answer(
    answer: Answer, outcome: CallWebhook, variables: Mapping[str, Variable]
) -> tuple[dict[str, Any], dict[str, Any]] | Fail:
    """Give what is to be saved and what is to be kept; what the answer does not hold is left out."""
    if not outcome.save and not outcome.keep:
        return {}, {}
    try:
        content = json.loads(answer.body.decode()) if answer.body.strip() else None
    except (ValueError, RecursionError):
        return Fail(ErrorClass.PERMANENT, "answer_unreadable", "The service's answer is not JSON.")
    kept = {
        name: value for name, path in outcome.keep.items() if (value := at(content, path)) is not _MISSING
    }
    if len(json.dumps(kept)) > MOST_KEPT:
        reason = f"What is to be kept of the answer is longer than {MOST_KEPT:,} characters: keep less."
        return Fail(ErrorClass.PERMANENT, "answer_too_large", reason)
    saved: dict[str, Any] = {}
    for name, path in outcome.save.items():
        value = at(content, path)
        if value is _MISSING or value is None:
            continue
        declared = variables.get(name)
        if declared is not None and declared.kind == "text" and isinstance(value, int | float):
            value = json.dumps(value)
        if declared is None or not declared.accepts(value) or len(json.dumps(value)) > MOST_KEPT:
            reason = f"What the service answered at {path} does not fit the variable {name!r}."
            return Fail(ErrorClass.USER, "answer_unusable", reason)
        saved[name] = value
    return saved, kept


def at(content: Any, path: str) -> Any:
    """Give what stands at a dotted path of a JSON value, such as "items.0.id"; a marker when nothing does."""
    for part in path.split("."):
        if isinstance(content, Mapping) and part in content:
            content = content[part]
        elif isinstance(content, list) and part.isascii() and part.isdigit() and int(part) < len(content):
            content = content[int(part)]
        else:
            return _MISSING
    return content


def _excerpt(answer: Answer | None) -> str:
    return answer.body[: EXCERPT * 4].decode(errors="replace").replace("\x00", "")[:EXCERPT] if answer else ""

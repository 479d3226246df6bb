"""Doors for other services: an address whose last part is a secret, and what arrives there as an event."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from engine.models import DeadLetter, IncomingHook, TriggerEvent
from engine.services import calling, dead_letters, triggering
from journeys.contacts import normal_email
from journeys.encryption import blind_index
from journeys.errors import Conflict, Invalid
from journeys.fields import ALPHABET
from journeys.models import Client, Vendor
from journeys.scoping import owned_by
from journeys.services import audit

#: Characters of a token: 40 of base 57 carry 233 random bits.
TOKEN_LENGTH = 40
#: The last use is written down this exactly, so that a busy door is not one hot row.
USED_EVERY = timedelta(minutes=1)

#: Where a call's own id stands, the first one that is there.
ID_HEADERS = ("webhook-id", "idempotency-key")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_PATH = re.compile(r"[^.\s]{1,100}(\.[^.\s]{1,100}){0,9}")
_EVENT_ID = re.compile(r"[\x21-\x7e]{1,150}")


@dataclass(frozen=True, slots=True)
class Opened:
    """A door with its address, which is shown this once."""

    hook: IncomingHook
    url: str


@transaction.atomic
def hook_add(
    *,
    vendor: Vendor,
    name: str,
    match: str = IncomingHook.Match.CLIENT_ID,
    match_path: str = "client_id",
    id_path: str = "",
    now: datetime,
    actor: str,
) -> Opened:
    """Open a door; its name is the topic of the events that arrive there, and never changes.

    Raises:
        Invalid: a value can not be used; the details name it.
        Conflict: code `name_taken`.
    """
    if not _NAME.fullmatch(name):
        message = "Write the name with small letters, digits and _, beginning with a letter: studio_ninja."
        raise Invalid(message, code="bad_name", details={"name": message})
    token = _fresh_token()
    hook = IncomingHook(
        vendor=vendor,
        name=name,
        token_index=blind_index(token),
        created_at=now,
        **_places(match, match_path, id_path),
    )
    try:
        with transaction.atomic():
            hook.save()
    except IntegrityError as error:
        message = f"There is an incoming hook {name!r} already: rotate or change it, or choose another name."
        raise Conflict(message, code="name_taken", details={"name": message}) from error
    audit.record(vendor, actor, "incoming_hook.added", hook, now, name=name)
    return Opened(hook, _url(token))


@transaction.atomic
def hook_change(
    *,
    hook: IncomingHook,
    match: str | None = None,
    match_path: str | None = None,
    id_path: str | None = None,
    is_active: bool | None = None,
    now: datetime,
    actor: str,
) -> IncomingHook:
    """Change what is given and leave the rest (None).

    Raises:
        Invalid: a value can not be used; the details name it.
    """
    hook.refresh_from_db(from_queryset=IncomingHook.objects.select_for_update())
    places = _places(
        hook.match if match is None else match,
        hook.match_path if match_path is None else match_path,
        hook.id_path if id_path is None else id_path,
    )
    wanted = {**places, "is_active": hook.is_active if is_active is None else is_active}
    changed = [name for name, value in wanted.items() if value != getattr(hook, name)]
    if changed:
        for name in changed:
            setattr(hook, name, wanted[name])
        hook.save(update_fields=changed)
        audit.record(hook.vendor, actor, "incoming_hook.changed", hook, now, fields=changed)
    return hook


@transaction.atomic
def hook_rotate(*, hook: IncomingHook, now: datetime, actor: str) -> Opened:
    """Give a door another address; the old one is shut at once."""
    token = _fresh_token()
    hook.token_index, hook.rotated_at = blind_index(token), now
    hook.save(update_fields=["token_index", "rotated_at"])
    audit.record(hook.vendor, actor, "incoming_hook.rotated", hook, now, name=hook.name)
    return Opened(hook, _url(token))


@transaction.atomic
def hook_remove(*, hook: IncomingHook, now: datetime, actor: str) -> None:
    """Shut a door for good; the events that came through it stay."""
    audit.record(hook.vendor, actor, "incoming_hook.removed", hook, now, name=hook.name)
    hook.delete()


def hook_of(*, token: str) -> IncomingHook | None:
    """Find the open door that a token belongs to."""
    rows = IncomingHook.objects.select_related("vendor").filter(token_index=blind_index(token))
    return rows.filter(is_active=True, vendor__is_active=True).first()


def hook_receive(
    *, hook: IncomingHook, headers: Mapping[str, str], content: Any, body: bytes, now: datetime
) -> TriggerEvent:
    """Turn what arrived into the event `webhook_received`; the same call a second time changes nothing.

    A call is known by its header webhook-id or Idempotency-Key (names in lower case), else by the id inside it where
    the door says where that stands, else by its body: the same bytes twice are the same call.

    Raises:
        Invalid: it is too large, or its id can not be used.
    """
    payload = content if isinstance(content, dict) else {"items": content}
    if hook.last_used_at is None or now - hook.last_used_at >= USED_EVERY:
        IncomingHook.objects.filter(pk=hook.pk).update(last_used_at=now)
    return triggering.event_receive(
        vendor=hook.vendor,
        type="webhook_received",
        event_id=f"hook:{hook.public_id}:{_event_id(hook, headers, content, body)}",
        client=_client(hook, content),
        topic=hook.name,
        payload=payload,
        now=now,
        actor=f"hook:{hook.public_id}",
    )


def hook_keep(
    *, hook: IncomingHook, headers: Mapping[str, str], body: bytes, error: Exception, now: datetime
) -> DeadLetter:
    """Keep a call that could not be taken in by a fault of ours, so that it can be taken in later."""
    ids = {name: headers[name] for name in ID_HEADERS if headers.get(name)}
    told = next(iter(ids.values()), "").encode() or body
    return dead_letters.keep(
        kind="event",
        key=f"{hook.public_id}:{hashlib.sha256(told).hexdigest()}",
        vendor_id=hook.vendor_id,
        payload={"hook": hook.public_id, "headers": ids, "body": body.decode()},
        error=error,
        now=now,
    )


def _event_id(hook: IncomingHook, headers: Mapping[str, str], content: Any, body: bytes) -> str:
    given = next((headers[name] for name in ID_HEADERS if headers.get(name)), "")
    if not given and hook.id_path:
        found = calling.at(content, hook.id_path)
        given = str(found) if isinstance(found, str | int) else ""
    if not given:
        return hashlib.sha256(body).hexdigest()
    if not _EVENT_ID.fullmatch(given):
        raise Invalid(
            "The call's id must be 1 to 150 printable characters without spaces.", code="bad_event_id"
        )
    return given


def _client(hook: IncomingHook, content: Any) -> Client | None:
    """Find whom it is about; the newest where several have the address."""
    value = calling.at(content, hook.match_path)
    if not isinstance(value, str | int) or isinstance(value, bool) or not str(value).strip():
        return None
    text, clients = str(value).strip(), owned_by(hook.vendor, Client).order_by("-id")
    if hook.match == IncomingHook.Match.CLIENT_ID:
        return clients.filter(public_id=text).first()
    if hook.match == IncomingHook.Match.EXTERNAL_REF:
        return clients.filter(external_ref=text).first()
    try:
        index = blind_index(normal_email(text))
    except Invalid:
        return None
    own = clients.filter(email_index=index).first()
    return own or clients.filter(weddings__stakeholders__email_index=index).first()


def _places(match: str, match_path: str, id_path: str) -> dict[str, str]:
    if match not in IncomingHook.Match.values:
        message = f"Choose one of: {', '.join(IncomingHook.Match.values)}."
        raise Invalid(message, code="bad_match", details={"match": message})
    for name, path in (("match_path", match_path), ("id_path", id_path)):
        if not _PATH.fullmatch(path) and (path or name == "match_path"):
            message = "Write where it stands in the JSON, such as data.client.email."
            raise Invalid(message, code=f"bad_{name}", details={name: message})
    return {"match": match, "match_path": match_path, "id_path": id_path}


def _fresh_token() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(TOKEN_LENGTH))


def _url(token: str) -> str:
    return f"{settings.PUBLIC_URL}/hooks/in/{token}"

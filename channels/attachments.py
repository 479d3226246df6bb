"""What goes along with a message: kept in the ledger as what it says, made into bytes when it is handed over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from channels.contract import Attachment
from channels.invitations import Invitation

INVITATION = "invitation"


def invitation(event: Invitation) -> dict[str, Any]:
    """Give what the ledger keeps of a calendar invitation."""
    return {"kind": INVITATION, "event": event.as_json()}


def built(kept: Sequence[Mapping[str, Any]]) -> tuple[Attachment, ...]:
    """Make the files that the ledger's notes stand for; the same notes give the same bytes.

    Raises:
        ValueError: a note is of a kind that nobody knows.
    """
    return tuple(_one(note) for note in kept)


def _one(note: Mapping[str, Any]) -> Attachment:
    if note.get("kind") != INVITATION:
        message = f"There is no attachment of the kind {note.get('kind')!r}. Known: {INVITATION}."
        raise ValueError(message)
    event = Invitation.of_json(note["event"])
    return Attachment(
        name="cancellation.ics" if event.method == "CANCEL" else "invitation.ics",
        content_type="text/calendar",
        content=event.as_file(),
        calendar_method=event.method,
    )

"""What every adapter speaks: a message out, a verdict back, a look-up, and reports that come later."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

from journeys.language.errors import ErrorClass


class Verdict(StrEnum):
    """What is known about one hand-over to a provider."""

    #: The provider took it.
    ACCEPTED = "accepted"
    #: The provider refused it for good; the same message will be refused again.
    REJECTED = "rejected"
    #: The provider surely did not take it, and may take it later.
    RETRY = "retry"
    #: It may or may not have been taken. Never simply sent again.
    IN_DOUBT = "in_doubt"


class Sign(StrEnum):
    """What one result says about the account that it went through, whatever it means for the message."""

    #: The account works: a message was taken, or refused for its own sake.
    WELL = "well"
    #: Busy, out of reach, silent: several of these together open the circuit.
    TROUBLE = "trouble"
    #: Set up wrongly for some messages, such as those to one country: a few of these open the circuit.
    MISFIT = "misfit"
    #: Nothing can be sent through it until somebody acts: opens the circuit at once.
    BROKEN = "broken"
    #: Says nothing about it.
    NOTHING = "nothing"


class LookUpState(StrEnum):
    """What a provider answered when it was asked for a message."""

    FOUND = "found"
    ABSENT = "absent"
    #: This provider can not be asked.
    UNSUPPORTED = "unsupported"
    #: It could not be asked now.
    UNREACHABLE = "unreachable"


class ReportKind(StrEnum):
    """What a provider reports about a message that it took."""

    QUEUED = "queued"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    OPENED = "opened"
    CLICKED = "clicked"
    BOUNCED = "bounced"
    DROPPED = "dropped"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    #: The person wants to be written to again (answered START); lifts a "stop".
    RESUBSCRIBED = "resubscribed"
    #: The person wrote back.
    ANSWERED = "answered"
    #: Something else; kept, and changes nothing.
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes along with an email."""

    name: str
    #: Without parameters: "text/calendar".
    content_type: str
    content: bytes
    #: "REQUEST", "CANCEL" or "PUBLISH" for a calendar invitation, which mail programs also want as a part of the
    #: letter itself; "" for any other file.
    calendar_method: str = ""


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """One message to one person, ready to be handed over."""

    #: The ledger's key: the same key is the same message.
    key: str
    #: The message's public id; the only thing of ours that a provider gets to carry.
    message_id: str
    vendor_id: int
    #: "email" or "sms".
    channel: str
    #: E-mail address, phone number (E.164) or messaging service.
    sender: str
    #: The vendor's name, shown beside the sender's address; "" for texts.
    sender_name: str
    #: Where answers go; "" leaves it to the sender's address.
    reply_to: str
    address: str
    recipient_name: str
    subject: str
    text: str
    #: "" for a message without an HTML part.
    html: str
    #: Where the provider reports about this one message; "" where it has one address for all.
    callback_url: str
    #: None unless the message carries a way out.
    unsubscribe_url: str | None
    #: The engine's time of this hand-over.
    handed_over_at: datetime
    #: Texts (SMS) have none.
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class SendResult:
    """What came of one hand-over."""

    verdict: Verdict
    #: The provider's own id of the message, when it gave one.
    provider_id: str = ""
    #: None when the message was accepted or is in doubt. ACCOUNT only together with RETRY: the message waits.
    error_class: ErrorClass | None = None
    #: Stable: "sendgrid_401", "twilio_21610", "connect_failed", …
    code: str = ""
    #: For people, without personal data.
    reason: str = ""
    #: How long the provider asked us to wait, or its code is known to last.
    retry_after: timedelta | None = None
    #: Why the address must not be written to again ("stop", "invalid"); "" leaves it as it is.
    suppress: str = ""
    #: What it says about the account; None leaves that to verdict and class.
    says: Sign | None = None

    @property
    def sign(self) -> Sign:
        """Give what it says about the account."""
        if self.says is not None:
            return self.says
        if self.verdict is Verdict.IN_DOUBT or self.error_class is ErrorClass.TRANSIENT:
            return Sign.TROUBLE
        return Sign.BROKEN if self.error_class is ErrorClass.ACCOUNT else Sign.WELL


@dataclass(frozen=True, slots=True)
class LookUp:
    """What a provider knows about a message in doubt."""

    state: LookUpState
    #: Ids of everything that fits, the likeliest first. Where the provider carries no id of ours, a fitting message
    #: may belong to another row of the ledger; the ledger knows which.
    provider_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """One report of a provider, in our words, with what it said beside it."""

    provider: str
    #: The same report twice has the same key.
    event_key: str
    #: Public id of the message; None for a report about an address (a person texted STOP).
    message_id: str | None
    kind: ReportKind
    occurred_at: datetime | None
    provider_id: str = ""
    #: Why the address must not be written to again; "" leaves it as it is.
    suppress: str = ""
    #: Only where message_id is None: the channel and the address that it is about.
    channel: str = ""
    address: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)


class CallbackRefused(Exception):
    """The call-back is not from the provider, or can not be read; nothing of it was used."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Adapter(ABC):
    """One provider. To add one, write one file in `channels/adapters` with one subclass of this.

    An adapter holds no state between calls and never touches the ledger.
    """

    #: Stored with every message; never changes.
    name: ClassVar[str]
    #: "email", "sms".
    channels: ClassVar[tuple[str, ...]]
    #: Of the configured providers of a channel, the one with the highest preference is used.
    preference: ClassVar[int]
    #: The provider can be asked whether it took a message.
    can_look_up: ClassVar[bool] = False
    #: What people call it, at the beginning of a sentence.
    title: ClassVar[str] = ""
    #: Everything goes through an account out there, which may stop working as a whole.
    has_account: ClassVar[bool] = True

    @abstractmethod
    def is_configured(self, settings: Any) -> bool:
        """Tell whether the settings hold what this provider needs."""

    @abstractmethod
    def send(self, message: OutboundMessage) -> SendResult:
        """Hand the message over, once, within PROVIDER_TIMEOUT_SECONDS.

        Never raises for anything that the provider or the network does: that is a verdict.
        """

    def look_up(self, message: OutboundMessage, *, since: datetime) -> LookUp:  # noqa: ARG002 the contract
        """Ask the provider whether it took the message after `since`; never raises, never sends."""
        return LookUp(LookUpState.UNSUPPORTED)

    def parse_callback(
        self, *, headers: Mapping[str, str], body: bytes, url: str, now: datetime
    ) -> list[DeliveryReport]:
        """Check that a call-back is genuine and give its reports.

        Args:
            headers: names in any case.
            body: the bytes as they came; signatures are over these.
            url: the public address that was called.
            now: for reports that carry no time.

        Raises:
            CallbackRefused: it is not genuine or can not be read.
        """
        del headers, body, url, now
        raise CallbackRefused(f"{self.name} sends no call-backs.")

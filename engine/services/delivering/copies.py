"""Whom a step writes to, in which words: one copy for each person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from channels.rendering import Wording, frame_message, word_message
from channels.services.sending import MessageSpec
from engine.links import link_for
from engine.models import Instance
from engine.services.steps import Step
from journeys.language.errors import ErrorClass
from journeys.language.outcomes import Deliver, Fail, Words
from journeys.language.sending import SendSettings, words_for
from journeys.language.spoken_dates import spoken_date
from journeys.recipients import Recipient, recipients


@dataclass(frozen=True, slots=True)
class Copy:
    """One person's copy, not yet rendered."""

    recipient: Recipient
    #: The ledger's key: "<place>:<role>", with "#<part>" for one of several sendings of the step.
    key: str
    #: Liquid sources in this person's language.
    words: Words

    @property
    def channel(self) -> str:
        """The way it takes."""
        return self.recipient.channel


def settings_of(step: Step) -> SendSettings | None:
    """Give what the step says about sending; None for a type that says nothing beyond its outcome."""
    settings = step.node.settings
    return settings if isinstance(settings, SendSettings) else None


def instance_of(step: Step) -> Instance:
    """Give the step's instance.

    Raises:
        ValueError: the step was not prepared.
    """
    if step.instance is None:
        message = "A delivery needs its instance: prepare the step first."
        raise ValueError(message)
    return step.instance


def part_of_place(step: Step, outcome: Deliver) -> str:
    """Name this sending of the step: its place, with its part where it has several."""
    return f"{step.source}#{outcome.part}" if outcome.part else str(step.source)


def copies_of(step: Step, outcome: Deliver) -> list[Copy] | Fail:
    """Resolve the roles for the wedding as it is now; touches nothing."""
    instance = instance_of(step)
    people = recipients(
        instance.wedding,
        instance.client,
        outcome.to,
        channel=outcome.channel,
        either=outcome.channel == "email" and bool(outcome.short),
    )
    if not people:
        roles = " or ".join(role.replace("_", " ") for role in outcome.to)
        return Fail(ErrorClass.USER, "no_recipient", f"This wedding has no {roles}: add the person.")
    first = Words(outcome.subject, outcome.body, outcome.short)
    part = f"#{outcome.part}" if outcome.part else ""
    return [
        Copy(
            recipient,
            f"{step.source}:{recipient.role}{part}",
            words_for(first, outcome.translations, locale=recipient.locale),
        )
        for recipient in people
    ]


def facts_of(step: Step, outcome: Deliver, copy: Copy) -> dict[str, Any]:
    """Give what the texts of this copy read."""
    recipient = copy.recipient
    facts = {**step.facts, "recipient": recipient.facts()}
    wedding = facts.get("wedding")
    if isinstance(wedding, Mapping) and wedding.get("date"):
        spoken = spoken_date(date.fromisoformat(str(wedding["date"])), locale=recipient.locale)
        facts["wedding"] = {**wedding, "long_date": spoken}
    if outcome.link:
        facts["link"] = link_for(kind=outcome.link, place=step.source, role=recipient.role)
    return facts


def wording_of(step: Step, outcome: Deliver, copy: Copy) -> Wording:
    """Put the facts into the words of this copy.

    Raises:
        TextError: something that is printed is missing for this couple.
    """
    by_email = copy.channel == "email"
    body = copy.words.body if by_email or outcome.channel == "sms" else copy.words.short
    return word_message(
        channel=copy.channel,
        subject=copy.words.subject if by_email else "",
        body=body,
        facts=facts_of(step, outcome, copy),
    )


def spec_of(step: Step, outcome: Deliver, copy: Copy, wording: Wording) -> MessageSpec:
    """Give what the ledger is told of this copy.

    Raises:
        TextError: nothing is left to send, or it is longer than providers take.
    """
    rendered = frame_message(
        channel=copy.channel, wording=wording, facts=facts_of(step, outcome, copy), purpose=outcome.purpose
    )
    return _spec(
        step, outcome, copy, subject=rendered.subject, text=rendered.text, html=rendered.html, kept=""
    )


def kept_spec_of(step: Step, outcome: Deliver, copy: Copy, reason: str) -> MessageSpec:
    """Give what the ledger is told of a copy that is not sent because it went out before: no words, but the reason."""
    return _spec(step, outcome, copy, subject="", text="", html="", kept=reason)


def _spec(
    step: Step, outcome: Deliver, copy: Copy, *, subject: str, text: str, html: str, kept: str
) -> MessageSpec:
    instance = instance_of(step)
    return MessageSpec(
        vendor=instance.vendor,
        client=instance.client,
        key=copy.key,
        instance_ref=instance.public_id,
        node_id=step.claim.node_id,
        channel=copy.channel,
        purpose=outcome.purpose,
        recipient=copy.recipient,
        subject=subject,
        text=text,
        html=html,
        sent_before=kept,
    )

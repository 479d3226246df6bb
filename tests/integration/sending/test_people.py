"""Each person their own copy: language, channel, consent, and never two to one address."""

from __future__ import annotations

from datetime import datetime

import pytest

from channels.models import Message
from engine.services.instances import instance_start
from journeys.language.errors import DefinitionInvalid
from journeys.models import Client, Vendor
from journeys.recipients import recipients
from journeys.services.weddings import StakeholderData
from tests.builders import ACTOR, JourneyBuilder, a_couple, a_journey
from tests.drive import run_until_idle


def person(role: str, **fields) -> StakeholderData:
    return StakeholderData(
        **{"role": role, "first_name": role.title(), "email": f"{role}@example.com", **fields}
    )


def sent(builder: JourneyBuilder, couple: Client, *, now: datetime) -> list[Message]:
    journey = builder.publish(couple.vendor, now=now)
    instance_start(vendor=couple.vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR)
    run_until_idle(now)
    return list(Message.objects.order_by("id"))


LETTER = {
    "subject": "Your day",
    "body": "Dear {{ recipient.first_name }}, {{ wedding.long_date | default: 'soon' }}.",
    "translations": {
        "pt": {"subject": "O vosso dia", "body": "Olá {{ recipient.first_name }}, {{ wedding.long_date | default: 'em breve' }}."},
        "pt-BR": {"subject": "Seu dia"},
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("locale", "subject", "body"),
    [
        ("en", "Your day", "Dear Partner_1, Sunday 31 October 2027."),
        ("pt", "O vosso dia", "Olá Partner_1, domingo, 31 de outubro de 2027."),
        ("pt-PT", "O vosso dia", "Olá Partner_1, domingo, 31 de outubro de 2027."),
        ("pt_BR", "Seu dia", "Olá Partner_1, domingo, 31 de outubro de 2027."),
        ("de", "Your day", "Dear Partner_1, Sonntag, 31. Oktober 2027."),
    ],
)
def test_everybody_reads_their_own_language(
    vendor: Vendor, now: datetime, locale: str, subject: str, body: str
) -> None:
    couple = a_couple(vendor, now=now, stakeholders=[person("partner_1", locale=locale)])

    (message,) = sent(a_journey().email("mail", **LETTER), couple, now=now)

    assert subject == message.subject
    assert message.body_text.startswith(body)


def test_a_couple_with_two_languages_gets_two_letters_and_frames(vendor: Vendor, now: datetime) -> None:
    couple = a_couple(
        vendor, now=now, stakeholders=[person("partner_1", locale="pt"), person("partner_2", locale="fr")]
    )

    first, second = sent(
        a_journey().email("mail", **LETTER, purpose="marketing", to=["couple"]), couple, now=now
    )

    assert ("O vosso dia", "Your day") == (first.subject, second.subject)
    assert "Cancelar subscrição</a>" in first.body_html
    assert '<html lang="pt">' in first.body_html
    assert "Para não receber mais mensagens como esta:" in first.body_text
    assert "Se désabonner</a>" in second.body_html


@pytest.mark.parametrize(
    ("translations", "field"),
    [
        ({"pt": {"body": "Olá {{ client.frist_name }}"}}, "translations.pt.body"),
        ({"pt": {"subject": "{{ wedding.venue }}"}}, "translations.pt.subject"),
        ({"portuguese!": {"body": "Olá"}}, "settings"),
    ],
)
def test_translations_are_checked_when_the_journey_is_published(
    vendor: Vendor, now: datetime, translations: dict, field: str
) -> None:
    with pytest.raises(DefinitionInvalid) as refused:
        a_journey().email("mail", translations=translations).publish(vendor, now=now)

    assert field in str(refused.value)


def test_who_would_rather_get_a_text_gets_the_short_words(vendor: Vendor, now: datetime) -> None:
    couple = a_couple(
        vendor,
        now=now,
        stakeholders=[
            person("partner_1", phone="+351911111111", channel="sms"),
            person("partner_2", phone="+351922222222"),
        ],
    )
    short = "{{ recipient.first_name }}: see your e-mail"

    text, letter = sent(a_journey().email("mail", short=short, to=["couple"]), couple, now=now)

    assert ("sms", "Partner_1: see your e-mail", "+351911111111") == (
        text.channel,
        text.body_text,
        text.address,
    )
    assert ("email", "partner_2@example.com") == (letter.channel, letter.address)


@pytest.mark.parametrize(
    ("fields", "channel"),
    [
        ({"email": "", "phone": "+351911111111"}, "sms"),
        ({"email_allowed": False, "phone": "+351911111111"}, "sms"),
        ({"channel": "sms"}, "email"),
        ({"channel": "sms", "phone": "+351911111111", "sms_allowed": False}, "email"),
    ],
)
def test_the_short_words_go_where_somebody_can_be_reached(
    vendor: Vendor, now: datetime, fields: dict, channel: str
) -> None:
    couple = a_couple(vendor, now=now, stakeholders=[person("partner_1", **fields)])

    (message,) = sent(a_journey().email("mail", short="In short"), couple, now=now)

    assert (channel, "accepted") == (message.channel, message.status)


def test_without_short_words_everybody_gets_the_letter(vendor: Vendor, now: datetime) -> None:
    couple = a_couple(
        vendor, now=now, stakeholders=[person("partner_1", phone="+351911111111", channel="sms")]
    )

    (message,) = sent(a_journey().email("mail"), couple, now=now)

    assert "email" == message.channel


def test_one_address_gets_one_copy_whatever_roles_it_has(vendor: Vendor, now: datetime) -> None:
    couple = a_couple(
        vendor,
        now=now,
        stakeholders=[
            person("partner_1"),
            person("partner_2", email="PARTNER_1@example.com"),
            person("planner"),
            person("venue", email="planner@example.com"),
            person("florist"),
            person("mother"),
        ],
    )

    messages = sent(a_journey().email("mail", to=["couple", "vendors", "planner", "others"]), couple, now=now)

    assert ["partner_1", "florist", "planner", "mother"] == [one.recipient_role for one in messages]


def test_groups_are_everybody_who_works_there_and_everybody_else(vendor: Vendor, now: datetime) -> None:
    couple = a_couple(
        vendor, now=now, stakeholders=[person("partner_1"), person("dj"), person("mother"), person("band")]
    )
    wedding = couple.weddings.get()

    assert ["band", "dj"] == [one.role for one in recipients(wedding, couple, ["vendors"])]
    assert ["band", "dj", "mother"] == [one.role for one in recipients(wedding, couple, ["others"])]
    assert [] == recipients(None, couple, ["vendors", "others"])


def test_a_role_that_is_no_word_is_refused(vendor: Vendor, now: datetime) -> None:
    with pytest.raises(DefinitionInvalid, match="small letters"):
        a_journey().email("mail", to=["The Planner"]).publish(vendor, now=now)

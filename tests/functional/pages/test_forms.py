"""A form: asked by a journey, filled in on a phone, answered once."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any
from unittest import mock

import pytest
from django.test import Client as Browser

from channels.models import Message, SinkMessage
from engine.links import link_for, read_link
from engine.models import FormDraft, FormSubmission, Instance, PageView, Schedule, TriggerEvent
from engine.services import answering
from engine.services.instances import instance_cancel, instance_start
from journeys import clock
from journeys.models import Client, Form, Vendor
from journeys.services.forms import form_add, form_change
from journeys.validation import problems_of
from tests.builders import ACTOR, JourneyBuilder, a_couple, a_journey, a_vendor
from tests.drive import run_until_idle
from tests.racing import together

BODY = "Dear {{ recipient.first_name }}, tell us: {{ link }}"
FIELDS: list[dict[str, Any]] = [
    {"name": "guests", "label": "Guests at dinner", "kind": "number", "required": True},
    {"name": "menu", "label": "Menu", "kind": "choice", "options": ["Garden", "Sea"]},
    {"name": "allergies", "label": "Allergies", "kind": "choices", "options": ["Nuts", "Milk"]},
    {"name": "note", "label": "Anything else", "kind": "long_text"},
    {"name": "mail", "label": "Who to write to", "kind": "email"},
]
GOOD = {"guests": "84", "menu": "Sea", "allergies": ["Milk", "Nuts"], "action": "send"}


@pytest.fixture(autouse=True)
def _only_the_sink(settings: Any) -> None:
    settings.SENDGRID_API_KEY = settings.SMTP_URL = settings.TWILIO_ACCOUNT_SID = ""
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture
def vendor(db: None, now: datetime) -> Vendor:
    return a_vendor(now=now)


@pytest.fixture
def couple(vendor: Vendor, now: datetime) -> Client:
    return a_couple(vendor, now=now)


@pytest.fixture
def headcount(vendor: Vendor, now: datetime) -> Form:
    return form_add(
        vendor=vendor,
        key="headcount",
        title="How many are coming?",
        intro="Two **minutes**.",
        fields=FIELDS,
        thanks="Noted.",
        now=now,
        actor=ACTOR,
    )


def a_questionnaire(**settings: Any) -> JourneyBuilder:
    given = {
        "form": "headcount",
        "to": ["couple"],
        "subject": "Your guests",
        "body": BODY,
        **settings,
    }
    return a_journey().step("ask", "form", **given)


def started(builder: JourneyBuilder, vendor: Vendor, couple: Client, now: datetime) -> Instance:
    journey = builder.publish(vendor, now=now)
    instance = instance_start(
        vendor=vendor, journey=journey, client=couple, variables={}, now=now, actor=ACTOR
    )
    run_until_idle(now)
    return instance


def path_of(instance: Instance, role: str = "partner_1") -> str:
    url = link_for(kind="form", place=f"{instance.public_id}:ask::1", role=role)
    return url.partition("//")[2].partition("/")[2].join(["/", ""])


def texts_of(couple: Client) -> list[str]:
    return list(SinkMessage.objects.order_by("id").values_list("body_text", flat=True))


def test_a_link_opens_one_kind_of_page_for_one_person() -> None:
    url = link_for(kind="form", place="ins_abc:ask::1", role="planner")
    token = url.rpartition("/")[2]

    found = read_link("form", token)

    assert found is not None
    assert ("ins_abc:ask::1", "planner") == (str(found.place), found.role)
    assert "planner" not in url
    assert read_link("info", token) is None
    assert read_link("form", token[:-1] + ("a" if token[-1] != "a" else "b")) is None
    assert read_link("form", "x" * 5000) is None
    assert link_for(kind="form", place="ins_abc:ask::1", role="planner") == url


def test_each_partner_gets_a_link_of_their_own(
    vendor: Vendor, couple: Client, headcount: Form, now: datetime
) -> None:
    instance = started(a_questionnaire(), vendor, couple, now)

    texts = texts_of(couple)

    assert len(texts) == 2
    assert path_of(instance) in "".join(texts)
    assert path_of(instance, "partner_2") in "".join(texts)


def test_the_page_asks_everything_and_gives_nothing_away(
    vendor: Vendor, couple: Client, headcount: Form, now: datetime
) -> None:
    instance = started(a_questionnaire(), vendor, couple, now)

    page = Browser().get(path_of(instance))

    html = page.content.decode()
    assert page.status_code == 200
    assert page["X-Robots-Tag"] == "noindex"
    assert "no-store" in page["Cache-Control"]
    for field in FIELDS:
        assert field["label"] in html
    assert "<strong>minutes</strong>" in html
    assert "style=" not in html
    assert couple.email not in html
    assert PageView.objects.get(kind="form").count == 1


def test_a_bad_link_gets_a_plain_page(db: None) -> None:
    page = Browser().get("/f/nonsense.token")

    assert page.status_code == 404
    assert "does not work" in page.content.decode()


def test_answers_are_checked_beside_their_fields_and_nothing_typed_is_lost(
    vendor: Vendor, couple: Client, headcount: Form, now: datetime
) -> None:
    instance = started(a_questionnaire(), vendor, couple, now)

    page = Browser().post(
        path_of(instance),
        {"guests": "many", "menu": "Moon", "mail": "nobody", "note": "Tia Rosa", "action": "send"},
    )

    html = page.content.decode()
    assert page.status_code == 400
    assert "Write a number in digits, such as 120." in html
    assert "Choose one of the answers offered." in html
    assert "Write an address such as ana@example.com." in html
    assert "Tia Rosa" in html
    assert not FormSubmission.objects.exists()
    assert FormDraft.objects.get().typed["guests"] == ["many"]


def test_an_answer_wakes_the_step_and_becomes_variables(
    vendor: Vendor, couple: Client, headcount: Form, now: datetime
) -> None:
    builder = (
        a_questionnaire(save={"guests": "guests"})
        .variable("guests", kind="number", default=0)
        .email("thanks", body="You said {{ variables.guests }}")
    )
    instance = started(builder, vendor, couple, now)
    assert Schedule.objects.get(instance=instance).node_id == "ask"

    with mock.patch.object(clock, "now", return_value=now):
        sent = Browser().post(path_of(instance), GOOD)
    run_until_idle(now)

    instance.refresh_from_db()
    assert sent.status_code == 303
    assert instance.status == Instance.Status.COMPLETED
    assert instance.variables["guests"] == 84
    assert any("You said 84" in text for text in texts_of(couple))
    event = TriggerEvent.objects.get(type="form_submitted")
    assert event.topic == "headcount"
    assert event.payload["answers"] == {"guests": 84, "menu": "Sea", "allergies": ["Nuts", "Milk"]}


def test_a_second_submission_shows_what_was_sent(
    vendor: Vendor, couple: Client, headcount: Form, now: datetime
) -> None:
    instance = started(a_questionnaire(), vendor, couple, now)
    Browser().post(path_of(instance), GOOD)

    again = Browser().post(path_of(instance, "partner_2"), {**GOOD, "guests": "12"}, follow=True)

    html = again.content.decode()
    assert "Your answers have arrived." in html
    assert "84" in html
    assert "Nuts, Milk" in html
    assert "Noted." in html
    assert FormSubmission.objects.count() == 1
    assert TriggerEvent.objects.filter(type="form_submitted").count() == 1


def test_answers_keep_the_questions_of_their_time(
    vendor: Vendor, couple: Client, headcount: Form, now: datetime
) -> None:
    instance = started(a_questionnaire(), vendor, couple, now)
    Browser().post(path_of(instance), GOOD)

    form_change(
        form=headcount, fields=[{"name": "guests", "label": "Heads", "kind": "number"}], now=now, actor=ACTOR
    )

    html = Browser().get(path_of(instance)).content.decode()
    assert "Guests at dinner" in html
    assert "Sea" in html


def test_a_draft_is_kept_for_its_link_and_goes_with_the_answers(
    vendor: Vendor, couple: Client, headcount: Form, now: datetime
) -> None:
    instance = started(a_questionnaire(), vendor, couple, now)
    browser = Browser()

    kept = browser.post(path_of(instance), {"note": "Half a sentence", "action": "keep"})

    assert kept.status_code == 204
    assert "Half a sentence" in browser.get(path_of(instance)).content.decode()
    assert "Half a sentence" not in browser.get(path_of(instance, "partner_2")).content.decode()
    browser.post(path_of(instance), GOOD)
    assert not FormDraft.objects.exists()
    browser.post(path_of(instance), {"note": "Too late", "action": "keep"})
    assert not FormDraft.objects.exists()


def test_a_page_of_a_passage_that_was_called_off_is_closed(
    vendor: Vendor, couple: Client, headcount: Form, now: datetime
) -> None:
    instance = started(a_questionnaire(), vendor, couple, now)
    instance_cancel(instance=instance, reason="", now=now, actor=ACTOR)

    page = Browser().post(path_of(instance), GOOD, follow=True)

    assert "This form is closed" in page.content.decode()
    assert not FormSubmission.objects.exists()


def test_a_form_is_refused_without_the_token_against_forgery(
    vendor: Vendor, couple: Client, headcount: Form, now: datetime
) -> None:
    instance = started(a_questionnaire(), vendor, couple, now)

    page = Browser(enforce_csrf_checks=True).post(path_of(instance), GOOD)

    assert page.status_code == 403
    assert not FormSubmission.objects.exists()


def test_reminders_go_out_once_each_until_the_answer_is_there(
    vendor: Vendor, couple: Client, headcount: Form, now: datetime
) -> None:
    builder = a_questionnaire(
        to=["partner_1"],
        remind=["3d", "7d"],
        reminder_subject="Still open",
        reminder_body="Still open: {{ link }}",
        timeout={"kind": "duration", "for": "14d"},
    )
    builder._open.append(("ask", "timeout"))
    instance = started(builder, vendor, couple, now)
    counts = []
    for day in (1, 3, 3, 5, 7, 9):
        run_until_idle(now + timedelta(days=day, minutes=5))
        counts.append(Message.objects.count())

    assert counts == [1, 2, 2, 2, 3, 3]
    run_until_idle(now + timedelta(days=14, minutes=5))
    instance.refresh_from_db()
    assert instance.status == Instance.Status.COMPLETED


def test_an_answer_before_the_reminder_stops_it(
    vendor: Vendor, couple: Client, headcount: Form, now: datetime
) -> None:
    instance = started(a_questionnaire(to=["partner_1"], remind=["3d"]), vendor, couple, now)
    Browser().post(path_of(instance), GOOD)

    run_until_idle(now + timedelta(days=4))

    assert Message.objects.count() == 1


def test_a_form_that_is_not_waited_for_can_still_be_answered(
    vendor: Vendor, couple: Client, headcount: Form, now: datetime
) -> None:
    instance = started(a_questionnaire(wait=False), vendor, couple, now)
    instance.refresh_from_db()
    assert instance.status == Instance.Status.COMPLETED

    Browser().post(path_of(instance), GOOD)

    assert FormSubmission.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_double_click_on_two_machines_keeps_one_submission(now: datetime) -> None:
    vendor = a_vendor(now=now)
    couple = a_couple(vendor, now=now)
    form_add(vendor=vendor, key="headcount", title="How many?", fields=FIELDS, now=now, actor=ACTOR)
    instance = started(a_questionnaire(), vendor, couple, now)

    def press(guests: int) -> str:
        role = "partner_1" if guests % 2 else "partner_2"
        token = link_for(kind="form", place=f"{instance.public_id}:ask::1", role=role).rpartition("/")[2]
        request = answering.request_of(token=token)
        assert request is not None
        done = answering.answer(request=request, raw={"guests": [str(guests)]}, now=now)
        assert done.request.submission is not None
        return str(done.request.submission.public_id)

    seen = together(*[partial(press, number) for number in range(1, 5)])

    assert len(set(seen)) == 1
    assert FormSubmission.objects.count() == 1
    assert TriggerEvent.objects.filter(type="form_submitted").count() == 1


def test_a_text_that_leads_nowhere_is_not_published(vendor: Vendor, now: datetime) -> None:
    without = a_questionnaire(body="Answer us").definition()
    elsewhere = a_journey().email("hello", body="See {{ link }}").definition()

    assert any("{{ link }}" in one.message for one in problems_of(without))
    assert any("link is known only" in one.message for one in problems_of(elsewhere))

"""People are written to about alerts: as rows, never twice within an hour about one thing."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.db import connection, transaction

from monitoring.models import Alert, AlertLetter
from monitoring.services import alerts, letters
from monitoring.services.alerts import Trouble, alert_acknowledge
from tests.fakes.mail_server import FakeMailServer
from tests.fakes.webhook_server import a_service
from tests.racing import together

pytestmark = pytest.mark.django_db(transaction=True)

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
LEAK = Trouble(key="leak", level=Alert.Level.CRITICAL, title="It leaks.", detail="A bucket helps.")


@pytest.fixture
def server(settings):
    with FakeMailServer() as server:
        parts = urlsplit(server.url)
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = parts.hostname, parts.port
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.EMAIL_TIMEOUT = 2
        settings.ALERT_EMAILS = ("ops@example.com", "night@example.com")
        settings.ALERT_WEBHOOK_URL = ""
        yield server


@pytest.fixture
def service(settings):
    with a_service() as service:
        settings.ALERT_EMAILS = ()
        settings.ALERT_WEBHOOK_URL = f"{service.url}/in?token=secret"
        settings.WEBHOOK_ALLOW_PRIVATE = True
        settings.PROVIDER_TIMEOUT_SECONDS = 1
        yield service


def report(**look):
    with transaction.atomic():
        alerts.report(**look)


def open_alert(now):
    report(source="pipe", troubles=[LEAK], now=now)
    return Alert.objects.get(status="open")


def mend(now):
    report(source="pipe", troubles=[], now=now)


def send(now):
    letters.plan(now=now)
    return letters.send_due(now=now)


def test_open_alert_is_written_about_once_to_everybody(server, now):
    open_alert(now)
    assert [1, 0, 0] == [send(now), send(now + MINUTE), send(now + 2 * HOUR)]
    (mail,) = server.mails
    assert "[Critical] It leaks." == mail["Subject"]
    assert "ops@example.com, night@example.com" == mail["To"]
    assert "A bucket helps." in mail.get_content()
    assert "/journey-monitor/alerts/" in mail.get_content()


def test_webhook_is_called_with_json_and_an_id_to_know_it_by(service, now):
    alert = open_alert(now)
    assert 1 == send(now)
    (told,) = service.told
    letter = AlertLetter.objects.get()
    assert ("alert.opened", letter.public_id) == (told.json["type"], told.json["id"])
    assert letter.public_id == told.headers["idempotency-key"]
    assert (alert.public_id, "leak", None) == tuple(
        told.json["alert"][name] for name in ("id", "key", "vendor_id")
    )


def test_nobody_is_written_to_where_nobody_is_named(settings, now):
    settings.ALERT_EMAILS, settings.ALERT_WEBHOOK_URL = (), ""
    open_alert(now)
    assert 0 == send(now)
    assert not AlertLetter.objects.exists()


def test_suspicion_is_not_written_about(server, now):
    report(
        source="pipe",
        troubles=[Trouble("leak", Alert.Level.WARNING, "It may leak.", "", patience=MINUTE)],
        now=now,
    )
    assert 0 == send(now)


def test_trouble_that_comes_back_within_the_hour_is_told_of_when_the_hour_is_over(server, now):
    open_alert(now)
    send(now)
    mend(now + MINUTE)
    open_alert(now + 2 * MINUTE)
    assert [0, 1] == [send(now + 59 * MINUTE), send(now + 61 * MINUTE)]
    assert 2 == len(server.mails)


def test_trouble_that_came_back_and_went_again_within_the_hour_is_not_told_of(server, now):
    open_alert(now)
    send(now)
    mend(now + MINUTE)
    open_alert(now + 2 * MINUTE)
    mend(now + 3 * MINUTE)
    assert 0 == send(now + 2 * HOUR)


def test_letter_that_surely_did_not_go_out_is_tried_again_soon_and_more_seldom(server, now):
    server.replies["MAIL"] = "451 later"
    open_alert(now)
    assert 0 == send(now)
    assert (now + MINUTE, 1) == AlertLetter.objects.values_list("due_at", "attempts").get()
    assert [0, 0] == [send(now + 59 * SECOND), send(now + MINUTE)]
    assert (now + 3 * MINUTE, 2) == AlertLetter.objects.values_list("due_at", "attempts").get()
    server.replies.clear()
    assert 1 == send(now + 3 * MINUTE)
    assert 1 == len(server.mails)


def test_letter_whose_answer_was_lost_is_not_repeated_within_the_hour(server, now):
    server.replies["."] = "take and cut"
    open_alert(now)
    assert 0 == send(now)
    server.replies.clear()
    assert [0, 1] == [send(now + 59 * MINUTE), send(now + 60 * MINUTE)]
    assert 2 == len(server.mails)
    assert server.mails[0]["Message-ID"] == server.mails[1]["Message-ID"]


def test_letter_whose_process_died_on_the_way_is_not_repeated_within_the_hour(service, now):
    open_alert(now)
    letters.plan(now=now)
    letters._take(now=now)
    assert 0 == send(now + 10 * SECOND), "it is still being sent"
    with connection.cursor() as cursor:
        cursor.execute("UPDATE monitoring_alertletter SET lease_until = clock_timestamp() - interval '1 s'")
    assert [0, 1] == [send(now + 59 * MINUTE), send(now + 60 * MINUTE)]


def test_late_word_of_one_who_lost_the_letter_changes_nothing(service, now):
    open_alert(now)
    letters.plan(now=now)
    lost = letters._take(now=now)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE monitoring_alertletter SET lease_until = clock_timestamp() - interval '1 s'")
    send(now + HOUR)
    letters._record(lost, letters.Fate(sent=False, reason="Late."), now=now + HOUR)
    assert "sent" == AlertLetter.objects.get().state


@pytest.mark.parametrize(
    ("answer", "pause"),
    [
        ((429, {}, b""), MINUTE),
        ((404, {}, b""), MINUTE),
        ((503, {}, b""), MINUTE),
        ((500, {}, b""), HOUR),
        ("cut", HOUR),
    ],
)
def test_webhook_that_fails_is_called_again_soon_only_if_it_took_nothing(service, now, answer, pause):
    service.answers = [answer]
    open_alert(now)
    assert 0 == send(now)
    assert now + pause == AlertLetter.objects.get().due_at
    assert "secret" not in AlertLetter.objects.get().reason


def test_address_that_may_not_be_called_is_given_up_at_once(service, settings, now):
    settings.WEBHOOK_ALLOW_PRIVATE = False
    open_alert(now)
    assert 0 == send(now)
    letter = AlertLetter.objects.get()
    assert "failed" == letter.state
    assert "127.0.0.1" not in letter.reason


def test_letter_is_given_up_after_many_attempts(server, now):
    server.replies["MAIL"] = "550 no"
    open_alert(now)
    for hours in range(letters.MOST_ATTEMPTS + 2):
        send(now + hours * HOUR)
    assert ("failed", letters.MOST_ATTEMPTS) == AlertLetter.objects.values_list("state", "attempts").get()


@pytest.mark.parametrize("meanwhile", ["mended", "taken up"])
def test_letter_that_waits_is_dropped_when_there_is_nothing_to_tell(server, now, meanwhile):
    alert = open_alert(now)
    letters.plan(now=now)
    if meanwhile == "mended":
        mend(now)
    else:
        alert_acknowledge(alert=alert, now=now, actor="user:1")
    assert 0 == send(now)
    assert "dropped" == AlertLetter.objects.get().state
    assert [] == server.mails


def test_alert_that_was_taken_up_before_is_not_written_about(server, now):
    alert_acknowledge(alert=open_alert(now), now=now, actor="user:1")
    assert 0 == send(now)


def test_two_at_once_send_each_letter_once(service, now):
    for key in ("one", "two", "three", "four"):
        report(source=key, troubles=[Trouble(key, Alert.Level.WARNING, key, "")], now=now)
    together(*[lambda: send(now)] * 2)
    send(now)
    assert 4 == len(service.told)
    assert {"one", "two", "three", "four"} == {told.json["alert"]["key"] for told in service.told}


def test_letter_goes_out_outside_of_any_transaction(service, now):
    open_alert(now)
    letters.plan(now=now)
    with pytest.raises(RuntimeError), transaction.atomic():
        letters.send_due(now=now)
    assert [] == service.told

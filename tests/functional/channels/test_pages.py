"""The sink and the way out, as people meet them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client as Browser

from channels.links import unsubscribe_url
from channels.models import Message, SinkMessage, Suppression
from channels.services import sending
from journeys.models import Client, Membership, Vendor
from tests.builders import a_couple, a_vendor
from tests.fakes.messages import a_spec


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


def person(vendor: Vendor | None, now: datetime, name: str = "luz") -> Browser:
    user = get_user_model().objects.create_user(name, password="journeys-2027")
    if vendor is not None:
        Membership.objects.create(vendor=vendor, user=user, created_at=now)
    browser = Browser()
    browser.force_login(user)
    return browser


def sent(vendor: Vendor, couple: Client, now: datetime, **changes: Any) -> SinkMessage:
    message = sending.prepare(spec=a_spec(vendor, couple, **changes), fence=1, now=now)
    sending.record(message_id=message.pk, fence=1, result=sending.hand_over(message), now=now)
    return SinkMessage.objects.get(key=message.key)


def test_list_shows_the_newest_first(vendor, couple, now):
    sent(vendor, couple, now, key="k1", subject="First letter")
    sent(vendor, couple, now, key="k2", subject="Second letter")

    html = person(vendor, now).get("/sink/").content.decode()

    assert 0 < html.index("Second letter") < html.index("First letter")


def test_list_is_empty_in_words(vendor, now):
    assert "No message has gone out yet" in person(vendor, now).get("/sink").content.decode()


def test_list_comes_in_pages(vendor, couple, now, monkeypatch):
    for number in range(52):
        sent(vendor, couple, now, key=f"k{number}", subject=f"Letter {number:02}")
    browser = person(vendor, now)

    first = browser.get("/sink/?channel=email")
    older = first.context["older"]
    second = browser.get(f"/sink/?{older}")

    assert [len(page.context["page"].rows) for page in (first, second)] == [50, 2]
    assert "channel=email" in older
    assert second.context["older"] == ""


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("channel=email", ["Letter"]),
        ("channel=sms", [""]),
        ("channel=pigeon", ["", "Letter"]),
        ("address=ANA@example.com", ["Letter"]),
        ("address=%2B351912345678", [""]),
        ("address=nobody@example.com", []),
        ("before=99999999999999999999999", ["", "Letter"]),
        ("before=x", ["", "Letter"]),
        ("before=1", []),
        ("client=cli_nobody", []),
    ],
)
def test_list_is_filtered(vendor, couple, now, query: str, found: list[str]):
    sent(vendor, couple, now, key="k1", subject="Letter")
    sent(vendor, couple, now, key="k2", channel="sms", subject="", html="")

    page = person(vendor, now).get(f"/sink/?{query}")

    rows = [row.subject for row in page.context["page"].rows]
    assert rows == found if query != "before=1" else rows == []


def test_list_of_one_couple(vendor, couple, now):
    other = a_couple(vendor, now=now)
    sent(vendor, couple, now, key="k1", subject="Ours")
    sent(vendor, other, now, key="k2", subject="Theirs")

    page = person(vendor, now).get(f"/sink/?client={couple.public_id}")

    assert [row.subject for row in page.context["page"].rows] == ["Ours"]


@pytest.mark.parametrize("address", ["/sink/", "/sink/{id}/", "/sink/{id}/body/"])
def test_stranger_sees_nothing(vendor, couple, now, address: str):
    public_id = sent(vendor, couple, now, subject="Secret").public_id
    stranger = person(a_vendor(name="Other", now=now), now)

    answer = stranger.get(address.format(id=public_id))

    assert answer.status_code == (200 if address == "/sink/" else 404)
    assert "Secret" not in answer.content.decode()


@pytest.mark.parametrize("address", ["/sink/", "/sink/{id}/", "/sink/{id}/body/"])
def test_nobody_reads_without_logging_in(vendor, couple, now, address: str):
    public_id = sent(vendor, couple, now).public_id

    answer = Browser().get(address.format(id=public_id))

    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/")


def test_letter_is_shown_in_a_frame_that_can_do_nothing(vendor, couple, now):
    found = sent(vendor, couple, now, html="<p>Dear Ana</p><script>steal()</script>")
    browser = person(vendor, now)

    page = browser.get(f"/sink/{found.public_id}/")
    body = browser.get(f"/sink/{found.public_id}/body/")

    assert f'src="/sink/{found.public_id}/body"' in page.content.decode().replace("/body/", "/body")
    assert "steal()" not in page.content.decode()
    assert body.content.decode() == "<p>Dear Ana</p><script>steal()</script>"
    policy = body["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert policy.startswith("sandbox ")
    assert "allow-scripts" not in policy
    assert body["X-Frame-Options"] == "SAMEORIGIN"


def test_text_part_can_be_read(vendor, couple, now):
    found = sent(vendor, couple, now, text="Plain <words>")

    html = person(vendor, now).get(f"/sink/{found.public_id}/?view=text").content.decode()

    assert "Plain &lt;words&gt;" in html


def test_text_is_shown_on_a_phone(vendor, couple, now):
    found = sent(vendor, couple, now, channel="sms", subject="", html="", text="See you at 9")

    html = person(vendor, now).get(f"/sink/{found.public_id}/").content.decode()

    assert "See you at 9" in html
    assert "12 characters, 1 part (GSM-7)" in html


def test_superuser_sees_every_vendor(vendor, couple, now):
    sent(vendor, couple, now, subject="Letter")
    browser = Browser()
    browser.force_login(get_user_model().objects.create_superuser("root"))

    assert "Letter" in browser.get("/sink/").content.decode()


# The way out


@pytest.fixture
def way_out(vendor, couple, now) -> str:
    message = sending.prepare(spec=a_spec(vendor, couple, purpose="marketing"), fence=1, now=now)
    return "/u/" + unsubscribe_url(message.public_id).rpartition("/")[2]


def test_looking_at_the_page_changes_nothing(way_out: str):
    answer = Browser().get(way_out)

    assert "Luz &amp; Linho will send no more email to a…@example.com" in answer.content.decode()
    assert not Suppression.objects.exists()
    assert answer["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("body", [{}, {"List-Unsubscribe": "One-Click"}])
def test_one_click_unsubscribes_without_a_login(way_out: str, body: dict[str, str], vendor):
    browser = Browser(enforce_csrf_checks=True)

    first, second = browser.post(way_out, body), browser.post(way_out, body)

    assert (first.status_code, second.status_code) == (200, 200)
    assert "You are unsubscribed" in second.content.decode()
    (row,) = Suppression.objects.all()
    assert (row.vendor, row.channel, row.reason, row.address) == (
        vendor,
        "email",
        "unsubscribed",
        "ana@example.com",
    )
    assert Message.objects.get().delivery == Message.Delivery.UNSUBSCRIBED


def test_unsubscription_can_be_undone(way_out: str):
    Browser().post(way_out)

    answer = Browser().post(way_out, {"action": "resubscribe"})

    assert "will send no more" in answer.content.decode()
    assert not Suppression.objects.exists()


def test_other_reasons_are_not_undone(way_out: str, vendor, now):
    Browser().post(way_out)
    Suppression.objects.update(reason="complained")

    answer = Browser().post(way_out, {"action": "resubscribe"})

    assert "You are unsubscribed" in answer.content.decode()
    assert "Undo" not in answer.content.decode()
    assert Suppression.objects.get().reason == "complained"


@pytest.mark.parametrize("token", ["x", "msg_abc.forged"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_link_of_somebody_else_does_nothing(db, token: str, method: str):
    answer = getattr(Browser(), method)(f"/u/{token}")

    assert answer.status_code == 404
    assert "This link does not work" in answer.content.decode()


def test_link_of_an_erased_message_does_nothing(way_out: str):
    Message.objects.all().delete()

    assert Browser().get(way_out).status_code == 404

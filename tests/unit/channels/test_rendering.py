"""What a message looks like to the person who gets it."""

from __future__ import annotations

from typing import Any

import pytest

from channels.links import UNSUBSCRIBE_MARK
from channels.rendering import Rendered, escape, render_markdown, render_message
from journeys.language.errors import TextError

FACTS: dict[str, Any] = {
    "client": {"first_name": "Ana", "display_name": "Ana & Tom", "fields": {}},
    "recipient": {"first_name": "Ana", "locale": "pt"},
    "vendor": {"name": "Luz & Linho", "phone": "+351 912 345 678", "website": "luz.example.com"},
    "variables": {"gallery_url": "https://gallery.example.com/a_b?c=d&e=f"},
}


def email(body: str, *, subject: str = "Hello", facts: dict[str, Any] | None = None, **more: Any) -> Rendered:
    return render_message(channel="email", subject=subject, body=body, facts=facts or FACTS, **more)


def sms(body: str) -> Rendered:
    return render_message(channel="sms", subject="", body=body, facts=FACTS)


def named(name: str) -> dict[str, Any]:
    return FACTS | {"client": {"first_name": name, "display_name": name, "fields": {}}}


def test_email_has_a_text_and_an_html_part():
    rendered = email(
        "Dear **{{ recipient.first_name }}**,\n\nsee you *soon*.", subject="Hello {{ client.first_name }}"
    )

    assert rendered.subject == "Hello Ana"
    assert rendered.text.startswith("Dear Ana,\n\nsee you soon.\n")
    assert "<strong>Ana</strong>" in rendered.html
    assert "<em>soon</em>" in rendered.html
    assert rendered.segments == 0


def test_email_carries_the_vendor_and_the_language_of_its_reader():
    rendered = email("Hello")

    assert "Luz &amp; Linho" in rendered.html
    assert '<html lang="pt">' in rendered.html
    assert 'href="https://luz.example.com"' in rendered.html
    assert rendered.text.endswith("-- \nLuz & Linho\n+351 912 345 678\nluz.example.com\n")


def test_only_marketing_carries_a_way_out():
    assert UNSUBSCRIBE_MARK not in email("Hello").html + email("Hello").text

    offer = email("Hello", purpose="marketing")

    assert UNSUBSCRIBE_MARK in offer.html
    assert UNSUBSCRIBE_MARK in offer.text


@pytest.mark.parametrize(
    "name",
    [
        "**Ana**",
        "_Ana_",
        "# Ana",
        "1. Ana",
        "- Ana",
        "> Ana",
        "    Ana",
        "`Ana`",
        "[Ana](https://evil.example.com)",
        "![Ana](https://evil.example.com/pixel.png)",
        "<b>Ana</b>",
        "<script>alert(1)</script>",
        "<https://evil.example.com>x",
        "&lt;b&gt;",
        "\\*Ana\\*",
        "~~Ana~~",
        "Ana\n===",
        "Ana\n\n# Tom",
        "Ana\n- Tom",
        "a\ue001**b**\ue000c",
        "| a | b |",
    ],
)
def test_name_never_becomes_markup(name: str):
    rendered = email("Dear {{ client.first_name }}!", facts=named(name))
    letter = rendered.html.partition("</div>")[2].partition("</td>")[0]

    for tag in ("<b>", "<script", "<strong", "<em", "<h1", "<h2", "<ol", "<ul", "<li", "<blockquote", "<code", "<pre",
                "<img", "<a ", "<s>", "<table"):  # fmt: skip
        assert tag not in letter
    for word in name.replace("\ue000", "").replace("\ue001", "").split():
        assert word in rendered.text


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd"]
)
def test_link_to_anything_but_the_web_is_not_a_link(address: str):
    assert "<a class" not in email(f"[here]({address})").html.partition("</td>")[0]


def test_web_address_from_a_variable_works_as_text_and_inside_a_link():
    bare = email("Your photos: {{ variables.gallery_url }}.")
    inside = email("[Your photos]({{ variables.gallery_url }})")

    assert 'href="https://gallery.example.com/a_b?c=d&amp;e=f"' in bare.html
    assert "Your photos: https://gallery.example.com/a_b?c=d&e=f." in bare.text
    assert 'href="https://gallery.example.com/a_b?c=d&amp;e=f"' in inside.html
    assert "Your photos (https://gallery.example.com/a_b?c=d&e=f)" in inside.text


def test_web_address_that_the_author_wrote_becomes_a_link():
    rendered = email("See https://example.com/plan.")

    assert 'href="https://example.com/plan"' in rendered.html
    assert "See https://example.com/plan." in rendered.text


def test_html_of_the_author_is_shown_as_written():
    assert "&lt;div&gt;" in email("<div>hello</div>").html


def test_dashes_of_liquid_trim_white_space():
    assert render_markdown("a   {{- client.first_name -}}   b", FACTS) == "aAnab"


def test_captured_value_is_escaped_once():
    source = "{% capture who %}{{ client.first_name }}{% endcapture %}Dear {{ who }}"

    assert render_markdown(source, named("*A*")) == r"Dear \*A\*"


def test_condition_sees_values_as_they_are():
    source = '{% if client.first_name == "*A*" %}yes{% else %}no{% endif %}'

    assert render_markdown(source, named("*A*")) == "yes"


def test_several_lines_of_a_value_stay_several_lines():
    assert escape("first - line\n  second\n\nthird") == "first \\- line\\\nsecond\n\nthird"


def test_text_part_keeps_lists_quotations_and_numbers_readable():
    source = "# Plan\n\n- one\n- two\n  more\n\n3. three\n4. four\n\n> quoted\n\n---\n\n```\ncode\n```\n\nend"

    text = email(source).text.partition("\n\n-- ")[0]

    assert text == "Plan\n\n- one\n- two\n  more\n\n3. three\n4. four\n\n> quoted\n\n---\n\ncode\n\nend"


def test_new_line_of_the_author_is_a_new_line():
    rendered = email("Warm regards,\nLuz")

    assert "Warm regards,<br>\nLuz</p>" in rendered.html
    assert rendered.text.startswith("Warm regards,\nLuz\n")


def test_subject_is_one_line():
    assert email("x", subject="Hello\n Bcc: evil@example.com").subject == "Hello Bcc: evil@example.com"


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("{{ client.nothing }}", "x"),
        ("x", "{{ client.nothing }}"),
        ("x", "{{ client.fields.color }}"),
        ("x", "{% if false %}a{% endif %}"),
        ("{% if false %}a{% endif %}", "x"),
        ("x", "{{ client.first_name"),
        ("x", "{% include 'secret' %}"),
    ],
)
def test_message_with_a_gap_is_never_rendered(subject: str, body: str):
    with pytest.raises(TextError):
        email(body, subject=subject)


def test_default_fills_a_gap():
    rendered = email('Your color: {{ client.fields.color | default: "open" }}')

    assert "Your color: open" in rendered.text


def test_sms_is_plain_and_counted():
    rendered = sms("Dear {{ client.display_name }}, *see you* at 9.")

    assert rendered == Rendered(subject="", text="Dear Ana & Tom, *see you* at 9.", html="", segments=1)


def test_sms_longer_than_providers_take_is_refused():
    with pytest.raises(TextError, match="1,600"):
        sms("a" * 1601)


def test_empty_sms_is_refused():
    with pytest.raises(TextError, match="empty"):
        sms("{% if false %}a{% endif %}")

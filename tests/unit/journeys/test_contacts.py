from __future__ import annotations

import pytest

from journeys.contacts import normal_email, normal_phone
from journeys.errors import Invalid


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("   ", ""),
        ("Ana.Silva@Example.COM", "ana.silva@example.com"),
        ("  tom@example.org ", "tom@example.org"),
        ("lena@bücher.example.com", "lena@bücher.example.com"),
    ],
)
def test_an_email_address_has_one_form(text, expected):
    assert normal_email(text) == expected


@pytest.mark.parametrize(
    "text", ["ana", "ana@", "@example.com", "a b@example.com", "ana@example..com", "ana@-x.com"]
)
def test_an_email_address_that_is_none_is_refused(text):
    with pytest.raises(Invalid) as refusal:
        normal_email(text)

    assert refusal.value.code == "bad_email"


@pytest.mark.parametrize(
    ("text", "region", "expected"),
    [
        ("", "PT", ""),
        ("+351 912 345 678", "", "+351912345678"),
        ("912 345 678", "PT", "+351912345678"),
        ("(212) 555-0142", "US-NY", "+12125550142"),
        ("+1 555 123 4567", "", "+15551234567"),
        ("07700 900123", "GB", "+447700900123"),
        ("0151 23456789", "DE-BY", "+4915123456789"),
    ],
)
def test_a_phone_number_has_one_form(text, region, expected):
    assert normal_phone(text, region=region) == expected


@pytest.mark.parametrize(
    ("text", "region", "says"),
    [
        ("912 345 678", "", "country code"),
        ("call me", "PT", "can not be read"),
        ("+351 91", "", "too few digits"),
        ("+351 912 345 678 901 234", "", "too many digits"),
        ("555-0142", "US", "area code"),
    ],
)
def test_a_phone_number_that_is_none_is_refused_with_the_cure(text, region, says):
    with pytest.raises(Invalid) as refusal:
        normal_phone(text, region=region)

    assert refusal.value.code == "bad_phone"
    assert says in refusal.value.message

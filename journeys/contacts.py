"""E-mail addresses and phone numbers in the one form in which they are stored and found again."""

from __future__ import annotations

from collections.abc import Sequence

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from journeys.errors import Invalid
from journeys.language.contact_rules import QuietHours
from journeys.language.errors import LanguageError

_PHONE_FAULTS = {
    phonenumbers.ValidationResult.TOO_SHORT: "has too few digits",
    phonenumbers.ValidationResult.TOO_LONG: "has too many digits",
    phonenumbers.ValidationResult.INVALID_COUNTRY_CODE: "begins with a country code that does not exist",
    phonenumbers.ValidationResult.INVALID_LENGTH: "does not have as many digits as numbers of its country",
    phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "lacks its area code",
}
_PHONE_HOW = "Write it with the country code, such as +351 912 345 678."


def normal_email(text: str) -> str:
    """Give the address in lower case with its domain in Unicode; "" stays "".

    Syntax only: nothing is asked of the network.

    Raises:
        Invalid: code `bad_email`; the message says what is wrong with it.
    """
    if not text.strip():
        return ""
    try:
        found = validate_email(text.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise Invalid(f"The e-mail address can not be used: {error}", code="bad_email") from error
    return found.normalized.lower()


def normal_phone(text: str, *, region: str = "") -> str:
    """Give the number as E.164, such as +351912345678; "" stays "".

    A number without country code is read as one of `region` ("PT", "US-CA"). The number's length must fit its
    country; whether it is in use is for the provider to say.

    Raises:
        Invalid: code `bad_phone`; the message says what is wrong with it.
    """
    if not text.strip():
        return ""
    try:
        number = phonenumbers.parse(text.strip(), region.partition("-")[0].upper() or None)
    except phonenumbers.NumberParseException as error:
        raise Invalid(f"The phone number can not be read. {_PHONE_HOW}", code="bad_phone") from error
    fault = _PHONE_FAULTS.get(phonenumbers.is_possible_number_with_reason(number))
    if fault is not None:
        raise Invalid(f"The phone number {fault}. {_PHONE_HOW}", code="bad_phone")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def checked_channel(name: str) -> str:
    """Give the name of a channel back, or "".

    Raises:
        Invalid: code `bad_channel`.
    """
    if name not in {"", "email", "sms"}:
        raise Invalid(
            f'There is no channel {name!r}. Write "email", "sms", or nothing to leave it to the step.',
            code="bad_channel",
        )
    return name


def checked_quiet_hours(hours: Sequence[str] | None) -> list[str] | None:
    """Give quiet hours as they are stored: two times, [] for never, None for what the vendor says.

    Raises:
        Invalid: code `bad_quiet_hours`.
    """
    if hours is None or not hours:
        return None if hours is None else []
    try:
        return QuietHours.read(list(hours)).as_setting()
    except LanguageError as error:
        raise Invalid(str(error), code="bad_quiet_hours") from error

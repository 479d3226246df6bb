"""Providers are found by themselves and chosen by the settings."""

from __future__ import annotations

from types import ModuleType
from typing import Any, ClassVar

import pytest

from channels import adapters as package
from channels import registry
from channels.contract import Adapter, OutboundMessage, SendResult, Verdict
from channels.services.providers import NoProvider, provider_for
from journeys.language.errors import AlreadyRegistered, NotRegistered


def test_every_file_of_adapters_is_registered():
    assert sorted(registry.adapters()) == ["sendgrid", "sink", "smtp", "twilio"]


def test_unknown_provider_is_refused_with_the_cure():
    with pytest.raises(NotRegistered, match="channels/adapters/pigeon.py"):
        registry.adapter_named("pigeon")


def test_name_taken_twice_is_an_error(monkeypatch):
    class Twin(Adapter):
        name: ClassVar[str] = "sink"
        channels: ClassVar[tuple[str, ...]] = ("email",)
        preference: ClassVar[int] = 0

        def is_configured(self, settings: Any) -> bool:
            return True

        def send(self, message: OutboundMessage) -> SendResult:
            return SendResult(Verdict.ACCEPTED)

    module = ModuleType("twin")
    Twin.__module__ = "twin"
    module.Twin = Twin  # type: ignore[attr-defined]
    original = registry.import_module
    monkeypatch.setattr(
        registry, "import_module", lambda name: module if name.endswith(".smtp") else original(name)
    )
    registry.adapters.cache_clear()
    try:
        with pytest.raises(AlreadyRegistered, match="sink"):
            registry.adapters()
    finally:
        registry.adapters.cache_clear()
    assert package.__path__


@pytest.mark.parametrize(
    ("given", "email", "sms"),
    [
        ({}, "sink", "sink"),
        ({"SMTP_URL": "smtp://mail.example.com"}, "smtp", "sink"),
        ({"SMTP_URL": "smtp://mail.example.com", "SENDGRID_API_KEY": "SG.x"}, "sendgrid", "sink"),
        ({"TWILIO_ACCOUNT_SID": "AC0"}, "sink", "twilio"),
    ],
)
def test_settings_choose_the_provider(settings, given: dict[str, str], email: str, sms: str):
    for name in ("SMTP_URL", "SENDGRID_API_KEY", "TWILIO_ACCOUNT_SID"):
        setattr(settings, name, given.get(name, ""))

    assert (provider_for("email").name, provider_for("sms").name) == (email, sms)


def test_unknown_channel_is_refused():
    with pytest.raises(NoProvider):
        provider_for("pigeon")

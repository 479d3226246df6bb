"""The providers' own OpenAPI documents, where they stand beside the checkout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "provider-apis"


def available() -> bool:
    return FOLDER.is_dir()


def faults_of_sendgrid_mail(body: Any) -> list[str]:
    """Say what SendGrid's document finds wrong with a body of mail/send."""
    document = json.loads((FOLDER / "sendgrid_mail_v3.json").read_text())
    operation = document["paths"]["/v3/mail/send"]["post"]["requestBody"]
    return _faults(document, _schema(document, operation, "application/json"), body)


def faults_of_twilio_message(form: dict[str, str]) -> list[str]:
    """Say what Twilio's document finds wrong with a form of Messages.create, unknown fields included."""
    document = json.loads((FOLDER / "twilio_messages_2010.json").read_text())
    operation = document["paths"]["/2010-04-01/Accounts/{AccountSid}/Messages.json"]["post"]["requestBody"]
    schema = _schema(document, operation, "application/x-www-form-urlencoded")
    unknown = [f"{name} is not a field" for name in form if name not in schema["properties"]]
    return unknown + _faults(document, schema, form)


def _schema(document: dict[str, Any], operation: dict[str, Any], kind: str) -> dict[str, Any]:
    if "$ref" in operation:
        operation = document["components"]["requestBodies"][operation["$ref"].rpartition("/")[2]]
    schema: dict[str, Any] = operation["content"][kind]["schema"]
    return schema


def _faults(document: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    validator = Draft202012Validator({**schema, "components": document["components"]})
    return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(value)]

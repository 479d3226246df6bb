"""Call-backs as the providers would send them, signed."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twilio.request_validator import RequestValidator


class SendGridSigner:
    """SendGrid's side of the event webhook: a key pair and signed batches of events."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> str:
        """What SENDGRID_WEBHOOK_KEY must be."""
        der = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return b64encode(der).decode()

    def sign(
        self, events: Sequence[Mapping[str, Any]], *, timestamp: str = "1807693200"
    ) -> tuple[dict[str, str], bytes]:
        """Give headers and body of one call."""
        body = json.dumps(list(events)).encode()
        signature = self._key.sign(timestamp.encode() + body, ec.ECDSA(SHA256()))
        return {
            "X-Twilio-Email-Event-Webhook-Signature": b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
        }, body


def sendgrid_event(event: str, *, message_id: str, event_id: str, **more: Any) -> dict[str, Any]:
    """Give one event of SendGrid about one of our messages."""
    return {
        "email": "ana@example.com",
        "event": event,
        "message_id": message_id,
        "sg_event_id": event_id,
        "sg_message_id": "abc.filter0001",
        "timestamp": 1_807_693_200,
        **more,
    }


def sign_twilio(url: str, form: Mapping[str, str], *, token: str) -> tuple[dict[str, str], bytes]:
    """Give headers and body of one call of Twilio."""
    signature = RequestValidator(token).compute_signature(url, dict(form))
    return {"X-Twilio-Signature": signature}, urlencode(form).encode()

"""The doctor's rounds, and whom the system tells when something is wrong with it."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from config.env import env

DOCTOR_SECONDS = env.doctor_seconds
ALERT_EMAILS = env.alert_emails
ALERT_WEBHOOK_URL = env.alert_webhook_url
ALERT_DOUBT_MINUTES = env.alert_doubt_minutes

#: A password goes to these without encryption, and to no other.
_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})
_server = urlsplit(env.smtp_url)

# Letters about alerts are Django's mail; it speaks to the same server as the adapter for email.
EMAIL_HOST = _server.hostname or "localhost"
EMAIL_USE_SSL = _server.scheme == "smtps"
EMAIL_USE_TLS = _server.scheme == "smtp" and EMAIL_HOST not in _THIS_MACHINE
EMAIL_PORT = _server.port or (465 if EMAIL_USE_SSL else 587)
EMAIL_HOST_USER = unquote(_server.username or "")
EMAIL_HOST_PASSWORD = unquote(_server.password or "")
EMAIL_TIMEOUT = env.provider_timeout_seconds
DEFAULT_FROM_EMAIL = env.email_from

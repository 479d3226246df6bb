"""Providers that carry messages; without keys everything goes to the local sink."""

from __future__ import annotations

from config.env import env

PROVIDER_TIMEOUT_SECONDS = env.provider_timeout_seconds
IN_DOUBT_GRACE_SECONDS = env.in_doubt_grace_seconds
IN_DOUBT_LIMIT_SECONDS = env.in_doubt_limit_seconds
CIRCUIT_GIVE_UP_HOURS = env.circuit_give_up_hours

SENDGRID_API_KEY = env.sendgrid_api_key
SENDGRID_API_BASE = env.sendgrid_api_base
SENDGRID_WEBHOOK_KEY = env.sendgrid_webhook_key

TWILIO_ACCOUNT_SID = env.twilio_account_sid
TWILIO_AUTH_TOKEN = env.twilio_auth_token
TWILIO_FROM = env.twilio_from
TWILIO_API_BASE = env.twilio_api_base

SMTP_URL = env.smtp_url
EMAIL_FROM = env.email_from

#: Ports that webhook steps may call; more are added by the environment.
WEBHOOK_PORTS = frozenset({80, 443, *map(int, env.webhook_ports)})
WEBHOOK_ALLOW_PRIVATE = env.webhook_allow_private

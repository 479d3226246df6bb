"""Every environment variable: its name, type, default and meaning, read and checked once."""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

KEY_BYTES: Final = 32
TASK_TIME_LIMIT_SECONDS: Final = 15
FILE_SUFFIX: Final = "_FILE"


class EnvironmentInvalid(Exception):
    """The environment of the process is not usable; each line of the message names one variable."""


def _words(value: object) -> object:
    """Split a comma-separated text into its trimmed, non-empty words."""
    return (
        tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value
    )


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]


def _key(text: str) -> bytes:
    """Decode a base64 key of 32 bytes; raise ValueError with the cure."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != KEY_BYTES:
        msg = f"must be {KEY_BYTES} bytes in base64; make one with: openssl rand -base64 {KEY_BYTES}"
        raise ValueError(msg)
    return raw


class Environment(BaseModel):
    """What the process was told by its environment; the variable has the field's name in capitals."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    # Where things are
    database_url: str = Field(description="PostgreSQL, as `postgres://user:password@host:port/name`.")
    redis_url: str = Field(description="Redis or Valkey, as `redis://host:port/number`.")
    public_url: str = Field(
        default="http://localhost:8000",
        description="Address under which people and providers reach this system; links and signatures use it.",
    )

    # Secrets
    secret_key: str = Field(min_length=32, description="Django's secret key, at least 32 characters.")
    data_keys: Words = Field(
        description="Keys that encrypt personal data, as `id:base64` separated by commas; the first one "
        "encrypts, all of them decrypt."
    )
    index_key: str = Field(
        description="Key of the blind indexes over encrypted fields: 32 bytes in base64. "
        "It never changes while there is data."
    )

    # Web
    debug: bool = Field(default=False, description="Django's debug pages. Never on a reachable machine.")
    allowed_hosts: Words = Field(
        default=(), description="Host names that are answered, besides the host of `PUBLIC_URL`."
    )
    csrf_trusted_origins: Words = Field(
        default=(), description="Origins whose forms are accepted, besides the one of `PUBLIC_URL`."
    )
    behind_proxy: bool = Field(
        default=False,
        description="True when a proxy in front always sets or removes `X-Forwarded-Proto`.",
    )
    web_concurrency: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Processes that answer requests: as many as processors where nothing else runs.",
    )
    max_body_bytes: int = Field(
        default=1_048_576, ge=1024, description="Largest request body that is read, in bytes."
    )
    api_rate_per_minute: int = Field(
        default=100, ge=1, description="REST requests a minute allowed to a vendor."
    )
    static_root: str = Field(
        default="var/static",
        description="Folder that `manage.py collectstatic` fills and the web process serves.",
    )
    clock_movable: bool = Field(
        default=False, description="Lets a demo or a test move the clock of the system. Never in production."
    )
    flower_url: str = Field(
        default="", description="Address of Flower, shown on the dashboard when it is set."
    )

    # Database
    database_pool_size: int = Field(
        default=10,
        ge=1,
        le=200,
        description="Most database connections held open by one process; "
        "a web process answers as many requests at once.",
    )
    database_statement_timeout_seconds: int = Field(
        default=30,
        ge=0,
        description="Seconds after which PostgreSQL ends a statement; 0 for a long migration.",
    )

    # Queues and workers
    queue_max_concurrency: int = Field(
        default=5, ge=1, le=500, description="Most executions that run at once in one worker."
    )
    queue_min_concurrency: int = Field(
        default=2,
        ge=1,
        le=500,
        description="Processes a worker keeps while its queues are shallow; never more than `QUEUE_MAX_CONCURRENCY`.",
    )
    queue_batch_size: int = Field(
        default=10, ge=1, le=1000, description="Most instant executions that travel in one task."
    )
    queue_max_retries: int = Field(
        default=3, ge=0, le=50, description="Tries after the first before a transient error becomes a ticket."
    )
    queue_lease_seconds: int = Field(
        default=20, ge=1, le=3600, description="Seconds a worker owns a schedule before it may be taken back."
    )
    queue_bell_lease_seconds: int = Field(
        default=3, ge=1, le=3600, description="Seconds after which an unanswered ring is rung again."
    )
    queue_depth_per_slot: int = Field(
        default=4,
        ge=1,
        le=1000,
        description="Tasks kept in the broker for each worker slot; the rest waits in the database.",
    )
    sweep_seconds: int = Field(
        default=1, ge=1, le=60, description="Seconds between two looks for due or stuck work."
    )
    worker_concurrency: int | None = Field(
        default=None,
        ge=1,
        le=500,
        description="Processes of one worker, always; when unset they follow the depth of its queues.",
    )

    ticket_escalate_hours: int = Field(
        default=24, ge=1, le=720, description="Hours after which an open ticket is raised by one level."
    )

    # Providers
    provider_timeout_seconds: int = Field(
        default=8,
        ge=1,
        le=14,
        description="Seconds a provider may take to answer; less than a task may run (15).",
    )
    in_doubt_grace_seconds: int = Field(
        default=120, ge=0, description="Seconds before a provider is asked what became of a message in doubt."
    )
    in_doubt_limit_seconds: int = Field(
        default=900, ge=1, description="Seconds after which the step's own rule settles a message in doubt."
    )
    circuit_give_up_hours: int = Field(
        default=24,
        ge=1,
        le=720,
        description="Hours a step waits for a provider or service that does not work before a person is asked.",
    )
    sendgrid_api_key: str = Field(
        default="", description="SendGrid key; without it email goes to the local sink."
    )
    sendgrid_api_base: str = Field(
        default="https://api.sendgrid.com", description="Base address of SendGrid's API."
    )
    sendgrid_webhook_key: str = Field(
        default="", description="Public key (base64 DER) that checks SendGrid's event call-backs."
    )
    twilio_account_sid: str = Field(
        default="", description="Twilio account; without it texts go to the local sink."
    )
    twilio_auth_token: str = Field(
        default="", description="Twilio token; it also checks Twilio's call-backs."
    )
    twilio_from: str = Field(
        default="", description="Number (E.164) or messaging service that texts are sent from."
    )
    twilio_api_base: str = Field(
        default="https://api.twilio.com", description="Base address of Twilio's API."
    )
    smtp_url: str = Field(
        default="",
        description="SMTP server as `smtp://user:password@host:587` (or `smtps://`), a second way for email.",
    )
    email_from: str = Field(
        default="journeys@localhost", description="Sender address of email when a vendor has none of its own."
    )

    # Webhooks of journeys
    webhook_ports: Words = Field(
        default=(), description="Ports that webhook steps may call, besides 80 and 443."
    )
    webhook_allow_private: bool = Field(
        default=False,
        description="Lets webhook steps call this machine and private networks. For tests and demos only.",
    )

    # Watching
    doctor_seconds: int = Field(
        default=300, ge=10, le=86_400, description="Seconds between two looks of the doctor at each promise."
    )
    alert_emails: Words = Field(
        default=(), description="Addresses that are written to when something is wrong; they need `SMTP_URL`."
    )
    alert_webhook_url: str = Field(
        default="", description="Address that is called with JSON when something is wrong."
    )
    alert_doubt_minutes: int = Field(
        default=20, ge=1, description="Minutes after which a message that is still in doubt is an alert."
    )

    # Logs
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least severe message that is logged."
    )
    log_format: Literal["json", "console"] = Field(
        default="json", description="`json` for machines, `console` for a person at a terminal."
    )

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
            raise ValueError("must look like postgres://user:password@host:5432/name")
        return value

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: str) -> str:
        if urlsplit(value).scheme not in {"redis", "rediss"}:
            raise ValueError("must look like redis://host:6379/0")
        return value

    @field_validator("public_url", "sendgrid_api_base", "twilio_api_base")
    @classmethod
    def _is_web_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be a web address such as https://journeys.example.com")
        return value.rstrip("/")

    @field_validator("alert_emails")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"[^@\s,]+@[^@\s,]+", address) for address in value):
            raise ValueError("must be email addresses, separated by commas")
        return value

    @field_validator("alert_webhook_url")
    @classmethod
    def _can_be_called(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.username):
            raise ValueError("must be a web address such as https://alerts.example.com/in")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _is_mail_server(cls, value: str) -> str:
        if value and urlsplit(value).scheme not in {"smtp", "smtps"}:
            raise ValueError("must look like smtp://user:password@host:587")
        return value

    @field_validator("webhook_ports")
    @classmethod
    def _are_ports(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(port.isascii() and port.isdigit() and 0 < int(port) < 65_536 for port in value):  # noqa: PLR2004
            raise ValueError("must be port numbers such as 8443, separated by commas")
        return value

    @field_validator("data_keys")
    @classmethod
    def _has_good_keys(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("needs at least one key, as id:base64")
        ids = [entry.partition(":")[0] for entry in value]
        if len(set(ids)) < len(ids) or not all(ids):
            raise ValueError("needs a different id before the colon of each key")
        for entry in value:
            _key(entry.partition(":")[2])
        return value

    @field_validator("index_key")
    @classmethod
    def _is_key(cls, value: str) -> str:
        _key(value)
        return value

    @field_validator("queue_lease_seconds")
    @classmethod
    def _outlives_a_task(cls, value: int) -> int:
        if value <= TASK_TIME_LIMIT_SECONDS:
            msg = f"must be more than the {TASK_TIME_LIMIT_SECONDS} seconds a task may run"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _limits_fit(self) -> Self:
        is_chosen = "queue_min_concurrency" in self.model_fields_set
        if is_chosen and self.queue_min_concurrency > self.queue_max_concurrency:
            raise ValueError("QUEUE_MIN_CONCURRENCY must not be more than QUEUE_MAX_CONCURRENCY")
        if self.in_doubt_limit_seconds < self.in_doubt_grace_seconds:
            raise ValueError("IN_DOUBT_LIMIT_SECONDS must not be less than IN_DOUBT_GRACE_SECONDS")
        if self.alert_emails and not self.smtp_url:
            raise ValueError("ALERT_EMAILS need a mail server: set SMTP_URL")
        return self

    @property
    def https(self) -> bool:
        """Tell whether people reach the system over TLS."""
        return self.public_url.startswith("https://")

    @property
    def public_host(self) -> str:
        """Name the host of the public address."""
        return urlsplit(self.public_url).hostname or "localhost"


def _given(environ: Mapping[str, str]) -> dict[str, str]:
    """Pick our variables; an empty one counts as unset, and NAME_FILE names a file that holds the value."""
    given: dict[str, str] = {}
    for field in Environment.model_fields:
        name = field.upper()
        if environ.get(name):
            given[field] = environ[name]
        elif path := environ.get(name + FILE_SUFFIX):
            try:
                given[field] = Path(path).read_text(encoding="utf-8").strip()
            except OSError as error:
                msg = f"{name}{FILE_SUFFIX} names a file that cannot be read: {error.strerror}."
                raise EnvironmentInvalid(msg) from error
    return given


def _sentence(error: object) -> str:
    """Turn one pydantic error into a sentence that names the variable, never its value."""
    assert isinstance(error, dict)  # noqa: S101 - narrows pydantic's TypedDict
    name = str(error["loc"][0]).upper() if error["loc"] else ""
    if error["type"] == "missing":
        what = f"is not set: {Environment.model_fields[name.lower()].description}"
    else:
        what = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return f"{name} {what}".strip().rstrip(".") + "."


def read_environment(environ: Mapping[str, str]) -> Environment:
    """Check the variables and return them typed.

    Raises EnvironmentInvalid with one sentence for each variable that is missing or wrong; values are never shown.
    """
    try:
        return Environment.model_validate(_given(environ))
    except ValidationError as error:
        sentences = [_sentence(problem) for problem in error.errors(include_input=False, include_url=False)]
        raise EnvironmentInvalid("\n".join(sentences)) from None


env: Final = read_environment(os.environ)

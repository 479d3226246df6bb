"""Structured logs through structlog: JSON for machines, colors for a person, personal data masked."""

from __future__ import annotations

import logging.config
import re
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import structlog

_EMAIL: Final = re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE: Final = re.compile(r"(?<![\w.:/-])\+?\d[\d\s().-]{7,}\d(?![\w:])")
#: What looks like a telephone number and is none: dates, and addresses of machines.
_NO_PHONE: Final = re.compile(r"\d{4}-\d{2}-\d{2}|^\d{1,3}(?:\.\d{1,3}){3}$")
_SECRET_NAMES: Final = (
    "password",
    "secret",
    "token",
    "authorization",
    "api_key",
    "cookie",
    "body",
    "payload",
)
#: Names whose digits are ours (ids, times), not somebody's telephone.
_OWN_NUMBERS: Final = ("id", "_id", "_ids", "_at", "seconds", "_ms", "pid", "timestamp", "count", "lineno")


def _mask_text(text: str) -> str:
    """Replace addresses and telephone numbers; dates and addresses of machines stay readable."""
    text = _EMAIL.sub("[email]", text)
    return _PHONE.sub(lambda found: found.group() if _NO_PHONE.search(found.group()) else "[phone]", text)


def _mask(value: Any) -> Any:
    if isinstance(value, str):
        return _mask_text(value)
    if isinstance(value, Mapping):
        return {key: _mask_entry(str(key), entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_mask(entry) for entry in value]
    return value


def _mask_entry(name: str, value: Any) -> Any:
    lowered = name.lower()
    if any(secret in lowered for secret in _SECRET_NAMES):
        return "[hidden]"
    return value if lowered.endswith(_OWN_NUMBERS) else _mask(value)


def mask_personal_data(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Hide secrets by their name, and email addresses and telephone numbers wherever they stand."""
    for name in list(event):
        if not name.startswith("_") and name not in {"level", "logger", "timestamp"}:
            event[name] = _mask_entry(name, event[name])
    return event


def _shared() -> list[structlog.typing.Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
    ]


def _finish(style: str) -> list[structlog.typing.Processor]:
    """Mask last of all but the stamp: tracebacks carry personal data too."""
    ending: list[structlog.typing.Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        mask_personal_data,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if style == "json":
        return [*ending, structlog.processors.JSONRenderer()]
    return [*ending, structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)]


def logging_config(*, level: str, style: str) -> dict[str, Any]:
    """Describe the standard library's logging so that every line passes through structlog."""
    quiet = {"level": "WARNING", "handlers": [], "propagate": True}
    own = {"level": level, "handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": _finish(style),
                "foreign_pre_chain": _shared(),
            },
        },
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "formatter": "structured",
                "stream": "ext://sys.stdout",
            }
        },
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": {
            "django": own,
            "django.server": own,
            # What a caller got wrong, the caller is told; only our own errors are noted.
            "django.request": own | {"level": "ERROR"},
            "uvicorn": own,
            "uvicorn.error": own,
            "uvicorn.access": quiet,
            "celery": own,
            # One line for each task would drown the rest; the engine logs what matters.
            "celery.app.trace": quiet,
            "flower": quiet,
            # While workers start they do not answer Flower yet.
            "flower.inspector": quiet | {"level": "ERROR"},
            "celery.worker.strategy": quiet,
            "celery.worker.request": quiet,
            "celery.beat": quiet,
            "django_celery_beat": quiet,
        },
    }


def configure(config: dict[str, Any]) -> None:
    """Set up logging and structlog together; a second call replaces the first."""
    logging.config.dictConfig(config)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )

"""What a service refuses to do, and what the caller can do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ServiceError(Exception):
    """A service refused; nothing was changed."""

    #: What the REST API answers for this family of refusals.
    http_status = 400

    def __init__(self, code: str, message: str, details: Mapping[str, Any] | None = None) -> None:
        """Keep a stable code for programs, a sentence for people, and details by field name."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.details: dict[str, Any] = dict(details or {})


class Invalid(ServiceError):
    """What was given can not be used as it is."""

    def __init__(
        self, message: str, *, code: str = "invalid", details: Mapping[str, Any] | None = None
    ) -> None:
        """Keep the sentence; `details` names the fields."""
        super().__init__(code, message, details)


class NotFound(ServiceError):
    """What was asked for does not exist, or belongs to somebody else."""

    http_status = 404

    def __init__(
        self, message: str, *, code: str = "not_found", details: Mapping[str, Any] | None = None
    ) -> None:
        """Keep the sentence; it never says whether somebody else has it."""
        super().__init__(code, message, details)


class Conflict(ServiceError):
    """What was asked for does not go together with how things stand now."""

    http_status = 409

    def __init__(
        self, message: str, *, code: str = "conflict", details: Mapping[str, Any] | None = None
    ) -> None:
        """Keep the sentence; it says how things stand."""
        super().__init__(code, message, details)

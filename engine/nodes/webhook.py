"""Webhook: call another service, and keep what it answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from journeys.language.errors import ErrorClass
from journeys.language.outcomes import CallWebhook, Fail, Outcome, StepContext
from journeys.language.registry import NodeType, node_types
from journeys.language.settings import NodeSettings

#: Longest body, as JSON, in bytes; and how deep it may be nested.
MOST_BODY_BYTES, DEEPEST = 200_000, 12
#: A text in the body that begins so is an expression, whose value keeps its kind.
EXPRESSION = "= "

_OUTPUT = re.compile(r"(\{\{.*?\}\})", re.DOTALL)
_HOST = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_OURS = frozenset(
    {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "idempotency-key",
        "user-agent",
        "te",
        "trailer",
    }
)
_PATH = re.compile(r"[^.\s]{1,100}(\.[^.\s]{1,100}){0,19}")

JsonPath = Annotated[str, Field(max_length=300)]
VariableName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class Header(BaseModel):
    """One header; a secret of the vendor's may stand behind its text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(max_length=100)
    value: str = Field(default="", max_length=2000)
    secret: str = Field(default="", pattern=r"^([a-z][a-z0-9_]{0,39})?$", description="Name of a secret.")

    @field_validator("name")
    @classmethod
    def _is_theirs_to_set(cls, value: str) -> str:
        if not _HEADER.fullmatch(value):
            raise PydanticCustomError("header", "A header's name has letters, digits and - only.")
        if value.lower() in _OURS or value.lower().startswith("webhook-"):
            raise PydanticCustomError("header", "This header is set with every call: leave it out.")
        return value


class WebhookSettings(NodeSettings):
    """Whom to call, with what, and what to keep of the answer."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field(default="POST", title="Method")
    url: str = Field(min_length=10, max_length=2000, title="Address")
    headers: tuple[Header, ...] = Field(default=(), max_length=20, title="Headers")
    body: Any = Field(
        default=None,
        title="Body",
        description='JSON; texts may hold variables, and "= wedding.guest_count" gives a value of its own kind.',
    )
    expect: tuple[Literal[1, 2, 3, 4, 5], ...] = Field(
        default=(2,),
        min_length=1,
        max_length=5,
        title="Statuses that count as done",
        description="First digits.",
    )
    save: dict[VariableName, JsonPath] = Field(default_factory=dict, title="Keep as variables")
    keep: dict[VariableName, JsonPath] = Field(
        default_factory=dict, title="Keep as the step's result", description="steps.<this step>.answer.<name>"
    )
    timeout_seconds: float = Field(default=8, gt=0, le=10, title="Seconds to answer")

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if "{%" in value:
            raise PydanticCustomError("url", "An address holds variables only: take the tags ({%) out.")
        if not _HOST.match(value):
            raise PydanticCustomError("url", "The address must begin with https:// or http:// and a host.")
        return value

    @field_validator("save", "keep")
    @classmethod
    def _are_paths(cls, value: dict[str, str]) -> dict[str, str]:
        for path in value.values():
            if not _PATH.fullmatch(path):
                raise PydanticCustomError(
                    "path", "Write where it stands in the answer, such as data.items.0.id."
                )
        return value

    @model_validator(mode="after")
    def _body_fits(self) -> Self:
        if self.body is not None and self.method == "GET":
            raise PydanticCustomError("body", "A GET has no body: write what is asked into the address.")
        _check_body(self.body, depth=1)
        if len(json.dumps(self.body)) > MOST_BODY_BYTES:
            raise PydanticCustomError("body", "The body is longer than 200,000 characters: shorten it.")
        return self


@node_types.register
class Webhook(NodeType[WebhookSettings]):
    """At least once, always under the same id: receivers that keep the id do nothing twice."""

    type: ClassVar[str] = "webhook"
    title: ClassVar[str] = "Webhook"
    description: ClassVar[str] = "Call another service, and keep what it answers"
    icon: ClassVar[str] = "webhook"
    settings_model = WebhookSettings
    outside: ClassVar[bool] = True
    speaks: ClassVar[bool] = False

    def texts(self, settings: WebhookSettings) -> Iterable[tuple[str, str]]:
        """Check the texts of address, headers and body when the journey is published."""
        yield "url", settings.url
        for number, header in enumerate(settings.headers):
            if header.value:
                yield f"headers.{number}.value", header.value
        for path, text in _texts(settings.body, "body"):
            if not text.startswith(EXPRESSION):
                yield path, text

    def expressions(self, settings: WebhookSettings) -> Iterable[tuple[str, str]]:
        """Check the expressions of the body when the journey is published."""
        for path, text in _texts(settings.body, "body"):
            if text.startswith(EXPRESSION):
                yield path, text.removeprefix(EXPRESSION)

    def reads(self, settings: WebhookSettings) -> Iterable[str]:
        """Name the variables that it writes, so that each is declared."""
        return [f"variables.{name}" for name in settings.save]

    def execute(self, context: StepContext[WebhookSettings]) -> Outcome:
        """Render everything and ask for the call."""
        settings = context.settings
        headers = tuple(
            (one.name, " ".join(context.render(one.value).split(" ")), one.secret) for one in settings.headers
        )
        bad = next((name for name, text, _ in headers if not _is_header_text(text)), None)
        if bad is not None:
            message = f"The header {bad} would hold a character that headers can not carry."
            return Fail(ErrorClass.USER, "bad_header", message)
        body = (
            "" if settings.body is None else json.dumps(_rendered(settings.body, context), ensure_ascii=False)
        )
        if len(body.encode()) > MOST_BODY_BYTES:
            return Fail(
                ErrorClass.USER, "body_too_large", "The body is longer than 200,000 bytes for this client."
            )
        return CallWebhook(
            method=settings.method,
            url=_url(settings.url, context),
            headers=headers,
            body=body,
            expect=tuple(settings.expect),
            save=settings.save,
            keep=settings.keep,
            timeout_seconds=settings.timeout_seconds,
            host_from_facts="{{" in _host_of(settings.url),
        )


def _host_of(url: str) -> str:
    """Give the part of an address that names the host, variables included."""
    masked = _OUTPUT.sub(lambda found: "{{" + "x" * (len(found[0]) - 4) + "}}", url)
    found = _HOST.match(masked)
    return url[found.start(1) : found.end(1)] if found else ""


def _url(source: str, context: StepContext[Any]) -> str:
    """Render an address; what facts print is percent-encoded, so that it stays inside its place."""
    host_ends = source.index("//") + 2 + len(_host_of(source))
    made: list[str] = []
    position = 0
    for piece in _OUTPUT.split(source):
        if _OUTPUT.fullmatch(piece):
            text = context.render(piece)
            made.append(text if position < host_ends else quote(text, safe=""))
        else:
            made.append(quote(piece, safe="%/:?#[]@!$&'()*+,;=~-._"))
        position += len(piece)
    return "".join(made)


def _is_header_text(text: str) -> bool:
    return text.isascii() and (text.isprintable() or not text)


def _check_body(value: Any, *, depth: int) -> None:
    if depth > DEEPEST:
        raise PydanticCustomError("body", "The body is nested deeper than 12 levels: flatten it.")
    if isinstance(value, dict):
        for name, inner in value.items():
            if not isinstance(name, str):
                raise PydanticCustomError("body", "Names in the body are texts.")
            _check_body(inner, depth=depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check_body(inner, depth=depth + 1)
    elif not isinstance(value, str | int | float | bool | None):
        raise PydanticCustomError("body", "The body holds a value that is not JSON.")


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Give (path, text) of every text inside a JSON value."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, f"{path}.{number}")


def _rendered(value: Any, context: StepContext[Any]) -> Any:
    """Put the facts into every text of a JSON value; names and structure stay as the author wrote them."""
    if isinstance(value, str):
        if value.startswith(EXPRESSION):
            return context.evaluate(value.removeprefix(EXPRESSION))
        return context.render(value)
    if isinstance(value, dict):
        return {name: _rendered(inner, context) for name, inner in value.items()}
    if isinstance(value, list):
        return [_rendered(inner, context) for inner in value]
    return value

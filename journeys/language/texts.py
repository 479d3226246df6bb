"""The words people read: Liquid without files, without gaps and without "None"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TextIO

from liquid import BoundTemplate, Environment, Mode
from liquid.ast import ConditionalBlockNode, Node
from liquid.builtin import content, illegal
from liquid.builtin.expressions import BooleanExpression, FilteredExpression
from liquid.builtin.expressions.logical import (
    EqExpression,
    LogicalAndExpression,
    LogicalNotExpression,
    LogicalOrExpression,
    NeExpression,
)
from liquid.builtin.expressions.primitive import (
    Blank,
    Empty,
    IntegerLiteral,
    Nil,
    RangeLiteral,
    StringLiteral,
)
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags import (
    assign_tag,
    capture_tag,
    case_tag,
    comment_tag,
    for_tag,
    if_tag,
    inline_comment_tag,
    unless_tag,
)
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.context import RenderContext
from liquid.exceptions import LiquidError, LiquidSyntaxError, UndefinedError, UnknownFilterError
from liquid.expression import Expression
from liquid.stringify import to_liquid_string
from liquid.undefined import FalsyStrictUndefined, is_undefined

from .errors import TextError
from .text_dates import READS
from .text_filters import FILTERS, MAX_ENTRIES, MAX_OUTPUT, as_iso
from .text_reads import TextRead, reads_of

MAX_LENGTH = 100_000
#: The template library would look these up on the machine's own clock where the facts do not have them.
_CLOCKS = ("now", "today")
#: Roots that filters look at although a text does not name them.
_FILTERED = frozenset({"recipient", *(path.partition(".")[0] for paths in READS.values() for path in paths)})


class _StrictOutputNode(OutputNode):
    """Print a value, or say that there is none."""

    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        value = self.expression.evaluate(context)
        if value is None or is_undefined(value) or value == []:
            raise UndefinedError(f"{self.expression} is empty", token=self.expression.token)
        if isinstance(value, Mapping):
            raise UndefinedError(
                f"{self.expression} is a group; name one of its fields", token=self.expression.token
            )
        return buffer.write(to_liquid_string(value, autoescape=False))


class _StrictOutput(Output):
    node_class = _StrictOutputNode


class _TextEnvironment(Environment):
    """Know only what is needed to write to somebody."""

    output_stream_limit = MAX_OUTPUT
    loop_iteration_limit = MAX_ENTRIES
    local_namespace_limit = 1_000_000
    logical_parentheses = True
    logical_not_operator = True

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """Register the tags and filters of this language and no others."""
        del extra
        for tag in (
            content.Literal,
            illegal.Illegal,
            _StrictOutput,
            if_tag.IfTag,
            unless_tag.UnlessTag,
            case_tag.CaseTag,
            for_tag.ForTag,
            for_tag.BreakTag,
            for_tag.ContinueTag,
            assign_tag.AssignTag,
            capture_tag.CaptureTag,
            comment_tag.CommentTag,
            inline_comment_tag.InlineCommentTag,
        ):
            self.add_tag(tag)
        self.filters.update(FILTERS)


_ENVIRONMENT = _TextEnvironment(tolerance=Mode.STRICT, undefined=FalsyStrictUndefined)


@dataclass(frozen=True, slots=True)
class Text:
    """Hold a compiled text."""

    source: str
    #: Every fact the text reads, in order.
    reads: tuple[TextRead, ...]
    _template: BoundTemplate

    def render(self, facts: Mapping[str, Any]) -> str:
        """Return the text for these facts; raise TextError when anything it prints is empty."""
        try:
            return self._template.render(**{**dict.fromkeys(_CLOCKS), **_full(self._seen(facts))})
        except LiquidError as error:
            raise _explained(error) from None
        except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError):
            raise TextError("The text cannot be put together from this couple's data.") from None

    def _seen(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Return the roots that the text could look at: most facts are never named in it."""
        return {name: value for name, value in facts.items() if name in _FILTERED or name in self.source}


@lru_cache(maxsize=1024)
def compile_text(source: str) -> Text:
    """Compile a text; raise TextError, with the position where it is known."""
    if len(source) > MAX_LENGTH:
        raise TextError(f"The text has {len(source):,} characters, {MAX_LENGTH:,} are the limit. Shorten it.")
    try:
        template = _ENVIRONMENT.from_string(source)
        _check_expressions(template.nodes)
        reads = reads_of(template.nodes)
        _settle_blanks(template.nodes)
        return Text(source, reads, template)
    except LiquidError as error:
        raise _explained(error) from None
    except (RecursionError, ValueError, TypeError, LookupError, ArithmeticError):
        raise TextError("The text cannot be read. Look for brackets that are not closed.") from None


def variables_of(source: str) -> tuple[TextRead, ...]:
    """Return every fact the text reads, each with whether an empty value is provided for."""
    return compile_text(source).reads


def render(source: str, facts: Mapping[str, Any]) -> str:
    """Render a text for these facts; an undefined or empty value without a default is a TextError."""
    return compile_text(source).render(facts)


def _full(value: Any) -> Any:
    """Return the value without its empty parts, so that a condition finds nothing there."""
    if isinstance(value, Mapping):
        return {str(key): _full(inner) for key, inner in value.items() if not _is_empty(inner)}
    if isinstance(value, list | tuple):
        return [_full(inner) for inner in value if not _is_empty(inner)]
    return as_iso(value)


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _check_expressions(nodes: Iterable[Node]) -> None:
    """Refuse unknown filters, and ranges that are computed or long: nothing bounds them while they grow."""
    for node in nodes:
        waiting: list[Expression] = list(node.expressions())
        while waiting:
            expression = waiting.pop()
            waiting.extend(expression.children())
            if isinstance(expression, FilteredExpression):
                for filter_ in expression.filters or ():
                    filter_.validate_filter_arguments(_ENVIRONMENT)
            if isinstance(expression, RangeLiteral) and not _is_short(expression):
                raise LiquidSyntaxError(
                    f"a range counts between two numbers at most {MAX_ENTRIES:,} apart",
                    token=expression.token,
                )
        _check_expressions(node.children(_NOWHERE))


def _is_short(range_: RangeLiteral) -> bool:
    start, stop = range_.start, range_.stop
    if not isinstance(start, IntegerLiteral) or not isinstance(stop, IntegerLiteral):
        return False
    return stop.value - start.value <= MAX_ENTRIES


def _settle_blanks(nodes: Iterable[Node]) -> None:
    """Let a value that is not there equal blank, empty and "", as people expect."""
    for node in nodes:
        if isinstance(node, IfNode | UnlessNode):
            _settle(node.condition)
        elif isinstance(node, ConditionalBlockNode):
            _settle(node.expression)
        _settle_blanks(node.children(_NOWHERE))


def _settle(expression: Expression) -> Expression:
    """Return the condition in which each `x == blank` became `x == blank or x == nil`."""
    match expression:
        case BooleanExpression():
            expression.expression = _settle(expression.expression)
        case LogicalAndExpression() | LogicalOrExpression():
            expression.left, expression.right = _settle(expression.left), _settle(expression.right)
        case LogicalNotExpression():
            expression.right = _settle(expression.right)
        case EqExpression() | NeExpression() if _is_blank(expression.left) or _is_blank(expression.right):
            value = expression.right if _is_blank(expression.left) else expression.left
            token = expression.token
            equal = EqExpression(token, expression.left, expression.right)
            either = LogicalOrExpression(token, equal, EqExpression(token, value, Nil(token)))
            return either if isinstance(expression, EqExpression) else LogicalNotExpression(token, either)
    return expression


def _is_blank(expression: Expression) -> bool:
    if isinstance(expression, StringLiteral):
        return not expression.value.strip()
    return isinstance(expression, Blank | Empty)


def _explained(error: LiquidError) -> TextError:
    """Put an error of the template library into words, without the values it met."""
    message = str(error.message or "it cannot be read")
    index = error.token.start_index if error.token else -1
    if isinstance(error, LiquidSyntaxError | UnknownFilterError):
        sentence = f"The text cannot be read: {message}."
    elif isinstance(error, UndefinedError):
        sentence = (
            f'The text prints something that is not there: {message}. Write | default: "…" for that case.'
        )
    else:
        sentence = f"The text cannot be put together: {message}."
    return TextError(sentence, index if index >= 0 else None)


_NOWHERE = RenderContext(_ENVIRONMENT.from_string(""))

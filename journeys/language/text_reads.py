"""Which facts a text reads, and whether it knows what to write when they are empty."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from liquid.ast import BlockNode, ConditionalBlockNode, Node
from liquid.builtin.expressions import (
    BooleanExpression,
    FilteredExpression,
    LoopExpression,
    logical,
    primitive,
)
from liquid.builtin.expressions import Path as LiquidPath
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.capture_tag import CaptureNode
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.expression import Expression

from .facts import Path, dotted
from .text_dates import READS

_ORDERED = (
    logical.LtExpression,
    logical.GtExpression,
    logical.LeExpression,
    logical.GeExpression,
)
_ABSENT = (primitive.Nil, primitive.Blank, primitive.Empty)


@dataclass(frozen=True, slots=True)
class TextRead:
    """Say that a text reads a fact."""

    path: Path
    #: An empty value is provided for: by `| default`, by an {% if %} around it, or it is only asked about.
    guarded: bool
    #: Characters from the start of the text; None where the template library does not tell.
    position: int | None

    @property
    def name(self) -> str:
        """Return the path with dots."""
        return dotted(self.path)


def reads_of(nodes: Iterable[Node]) -> tuple[TextRead, ...]:
    """Return every fact the nodes read, in order; names made by assign, capture and for are left out."""
    walk = _Walk()
    walk.through(nodes, frozenset())
    return tuple(walk.found)


@dataclass(slots=True)
class _Walk:
    """Go through a parsed text, knowing which facts are certain to be there at each place."""

    found: list[TextRead] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def through(self, nodes: Iterable[Node], certain: frozenset[Path]) -> None:
        for node in nodes:
            self.node(node, certain)

    def node(self, node: Node, certain: frozenset[Path]) -> None:
        match node:
            case IfNode():
                self.branches(node, certain, truth=True)
            case UnlessNode():
                self.branches(node, certain, truth=False)
            case CaseNode():
                self.case(node, certain)
            case ForNode():
                self.loop(node, certain)
            case AssignNode():
                self.value(node.expression, certain)
                self.names.add(str(node.name))
            case CaptureNode():
                self.through([node.block], certain)
                self.names.add(str(node.name))
            case OutputNode():
                self.value(node.expression, certain)
            case BlockNode():
                self.through(node.nodes, certain)
            case _:
                for expression in node.expressions():
                    self.value(expression, certain)

    def branches(self, node: IfNode | UnlessNode, certain: frozenset[Path], *, truth: bool) -> None:
        """Go through if or unless: each branch knows how the conditions before it came out."""
        self.question(node.condition)
        self.node(node.consequence, certain | _present(node.condition, truth=truth))
        certain |= _present(node.condition, truth=not truth)
        for alternative in node.alternatives:
            self.alternative(alternative, certain)
            certain |= _present(alternative.expression, truth=False)
        if node.default:
            self.node(node.default, certain)

    def alternative(self, node: ConditionalBlockNode, certain: frozenset[Path]) -> None:
        self.question(node.expression)
        self.node(node.block, certain | _present(node.expression, truth=True))

    def case(self, node: CaseNode, certain: frozenset[Path]) -> None:
        self.question(node.expression)
        for block in node.blocks:
            if isinstance(block, MultiExpressionBlockNode):
                for expression in block.expressions():
                    self.question(expression)
                self.node(block.block, certain)
            else:
                self.node(block, certain)

    def loop(self, node: ForNode, certain: frozenset[Path]) -> None:
        expression: LoopExpression = node.expression
        for part in expression.children():
            self.value(part, certain)
        outside = set(self.names)
        self.names |= {str(expression.identifier), "forloop"}
        self.node(node.block, certain)
        self.names = outside | (self.names - {str(expression.identifier), "forloop"})
        if node.default:
            self.node(node.default, certain)

    def value(self, expression: Expression, certain: frozenset[Path]) -> None:
        """Note facts whose value is printed or worked with."""
        if not isinstance(expression, FilteredExpression):
            self.paths(expression, certain, guarded=False)
            return
        filters = expression.filters or []
        defaulted = bool(filters) and filters[0].name == "default"
        self.paths(expression.left, certain, guarded=defaulted)
        for filter_ in filters:
            for path in READS.get(filter_.name, ()):
                self.found.append(TextRead(tuple(path.split(".")), guarded=True, position=None))
            for argument in filter_.children():
                self.paths(argument, certain, guarded=False)

    def question(self, expression: Expression) -> None:
        """Note facts that are only asked about: nothing is a fine answer."""
        self.paths(expression, frozenset(), guarded=True)

    def paths(self, expression: Expression, certain: frozenset[Path], *, guarded: bool) -> None:
        if isinstance(expression, LiquidPath):
            path = _path(expression)
            if path and path[0] not in self.names:
                known = guarded or any(path[:length] in certain for length in range(1, len(path) + 1))
                index = expression.token.start_index
                self.found.append(TextRead(path, known, index if index >= 0 else None))
        for part in expression.children():
            self.paths(part, certain, guarded=guarded)


def _path(expression: LiquidPath) -> Path:
    """Return the names on the way, up to the first that is computed."""
    parts: list[str | int] = []
    for part in expression.path:
        if isinstance(part, LiquidPath):
            break
        parts.append(part)
    return tuple(parts)


def _present(expression: Expression, *, truth: bool) -> frozenset[Path]:
    """Return the facts that are certainly not empty when the condition comes out like this."""
    found: frozenset[Path] = frozenset()
    match expression:
        case BooleanExpression():
            found = _present(expression.expression, truth=truth)
        case logical.LogicalNotExpression():
            found = _present(expression.right, truth=not truth)
        case logical.LogicalAndExpression() | logical.LogicalOrExpression():
            left = _present(expression.left, truth=truth)
            right = _present(expression.right, truth=truth)
            both = isinstance(expression, logical.LogicalAndExpression) is truth
            found = left | right if both else left & right
        case logical.EqExpression():
            found = _compared(expression, equal=truth)
        case logical.NeExpression():
            found = _compared(expression, equal=not truth)
        case LiquidPath() if truth:
            found = frozenset({_path(expression)})
        case logical.ContainsExpression() if truth and isinstance(expression.left, LiquidPath):
            found = frozenset({_path(expression.left)})
        case _ if truth and isinstance(expression, _ORDERED):
            sides = (expression.left, expression.right)
            found = frozenset(_path(side) for side in sides if isinstance(side, LiquidPath))
    return found


def _compared(expression: logical.EqExpression | logical.NeExpression, *, equal: bool) -> frozenset[Path]:
    """Return the fact that is there: equal to some word, or different from nothing."""
    for path, other in ((expression.left, expression.right), (expression.right, expression.left)):
        if isinstance(path, LiquidPath) and not isinstance(other, LiquidPath):
            absent = isinstance(other, _ABSENT) or (
                isinstance(other, primitive.StringLiteral) and not other.value.strip()
            )
            return frozenset({_path(path)}) if absent is not equal else frozenset()
    return frozenset()

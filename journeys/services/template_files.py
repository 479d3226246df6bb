"""Templates as YAML files: read with the place of every problem, and written the way a person would."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from journeys.language.errors import Problem
from journeys.language.registry import node_types
from journeys.models import Vendor
from journeys.validation import MAX_DRAFT_BYTES, problems_of

#: The fields of a file, in the order they are written.
FIELDS = ("key", "name", "description", "vendor_kind", "definition")
_NEEDED = ("name", "definition")
_LONGEST = {"name": 200, "description": 5_000}
_KEY = re.compile(r"[a-z][a-z0-9_-]{0,59}")
_STEP_FIELDS = ("id", "type", "name", "settings")
_TOP = (
    "schema_version",
    "description",
    "parameters",
    "variables",
    "entry",
    "goals",
    "exits",
    "on_wedding_cancelled",
    "late_start",
    "nodes",
    "edges",
    "layout",
)
_STEP = ("id", "type", "name", "note", "settings", "position")
_EDGE = ("from", "port", "to", "label")
_KIND_FIRST = ("kind", "type", "rule", "anchor", "offset", "for", "at")
#: Widest line of a file; texts are never broken.
_WIDTH = 110


@dataclass(frozen=True, slots=True)
class FileProblem:
    """One thing that is wrong with a file, and where."""

    code: str
    message: str
    #: Counted from 1.
    line: int
    column: int
    node: str | None = None
    field: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the problem as JSON-able values."""
        return {
            "code": self.code,
            "message": self.message,
            "line": self.line,
            "column": self.column,
            "node": self.node,
            "field": self.field,
        }

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.message}"


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """What a file says."""

    name: str
    definition: Mapping[str, Any]
    #: "" when the file does not name it.
    key: str = ""
    description: str = ""
    #: "" fits every kind of vendor.
    vendor_kind: str = ""


@dataclass(slots=True)
class Reading:
    """A file as far as it could be read; `file` is None when something is wrong with it."""

    file: TemplateFile | None = None
    problems: list[FileProblem] = field(default_factory=list)


class Loader(yaml.SafeLoader):
    """Read YAML 1.2: `yes` and `09:00` are texts, and so are dates."""


class OwnLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Read the same ten times faster, for files somebody here wrote: C has no limit for what is nested."""


Loader.yaml_implicit_resolvers = {}
OwnLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _begins in (
    ("tag:yaml.org,2002:bool", r"^(?:true|false)$", "tf"),
    ("tag:yaml.org,2002:null", r"^(?:~|null|)$", ["~", "n", ""]),
    ("tag:yaml.org,2002:int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("tag:yaml.org,2002:float", r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?$", "-+0123456789."),
):
    for _loader in (Loader, OwnLoader):
        _loader.add_implicit_resolver(_tag, re.compile(_pattern), list(_begins))


class _Dumper(yaml.SafeDumper):
    """Write texts of several lines as blocks, and what looks like something else in quotes."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002 the library's own signature
        """Indent lists below their name."""
        del indentless
        super().increase_indent(flow, indentless=False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None
    if "\n" in text and not re.search(r"[ \t]\n|[^\S\n]$|\r|^\s", text):
        style = "|"
    elif re.fullmatch(r"[0-9][0-9_:.-]*", text):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)


def written(file: TemplateFile) -> str:
    """Write a file; reading it gives the same again."""
    values = {name: getattr(file, name) for name in FIELDS}
    values["definition"] = _in_order(file.definition)
    shown = {name: value for name, value in values.items() if value or name in _NEEDED}
    text: str = yaml.dump(
        shown, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH, default_flow_style=False
    )
    return text


def _in_order(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Put fields where a reader looks for them; the database keeps no order of its own."""
    shown: dict[str, Any] = _first(definition, _TOP)
    if isinstance(shown.get("nodes"), list):
        shown["nodes"] = [_step_in_order(step) for step in shown["nodes"]]
    if isinstance(shown.get("edges"), list):
        shown["edges"] = [_first(edge, _EDGE) for edge in shown["edges"]]
    return shown


def _step_in_order(step: Any) -> Any:
    shown = _first(step, _STEP)
    if (
        isinstance(shown, dict)
        and isinstance(shown.get("settings"), dict)
        and shown.get("type") in node_types
    ):
        fields = node_types.get(shown["type"]).settings_model.model_fields
        names = [field.alias or name for name, field in fields.items()]
        settings = _first(shown["settings"], names)
        shown["settings"] = {name: _first(value, _KIND_FIRST) for name, value in settings.items()}
    return shown


def _first(value: Any, names: Sequence[str]) -> Any:
    """Put these names first, in their order; what is no object stays as it is."""
    if not isinstance(value, Mapping):
        return value
    return {name: value[name] for name in (*(name for name in names if name in value), *value)}


def read(text: str) -> Reading:
    """Read a file and check it like a definition that is to be published; never raises for what the text says."""
    reading = Reading()
    if len(text.encode("utf-8", "replace")) > MAX_DRAFT_BYTES:
        message = f"The file is longer than {MAX_DRAFT_BYTES:,} bytes. Shorten its texts."
        reading.problems.append(FileProblem("too_large", message, 1, 1))
        return reading
    try:
        root = _composed(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = (error.problem or "it is no YAML").strip()
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        reading.problems.append(FileProblem("bad_yaml", f"The file can not be read: {said}.", *place))
        return reading
    except (yaml.YAMLError, RecursionError, ValueError):
        reading.problems.append(FileProblem("bad_yaml", "The file can not be read: it is no YAML.", 1, 1))
        return reading
    _Checker(text, root, reading).check()
    return reading


def _composed(text: str) -> yaml.Node | None:
    """Read the text as nodes, with names that stand for other parts and names given twice refused."""
    for event in yaml.parse(text, Loader=Loader):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem="write it out: * is not read here",
                problem_mark=event.start_mark,  # type: ignore[arg-type] # the stubs name the marks of the C reader too
            )
    root: yaml.Node | None = yaml.compose(text, Loader=Loader)
    waiting = [root] if root is not None else []
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                name = str(key.value)
                if not isinstance(key, yaml.ScalarNode) or name in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"the name {name[:60]!r} stands here twice, or is none",
                        problem_mark=key.start_mark,
                    )
                seen.add(name)
                waiting.append(value)
        elif isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
    return root


class _Checker:
    """Check the fields of a file, and find the place of what is wrong with its definition."""

    def __init__(self, text: str, root: yaml.Node | None, reading: Reading) -> None:
        self.lines = text.splitlines()
        self.root = root
        self.reading = reading

    def check(self) -> None:
        """Read and check the whole file."""
        if not isinstance(self.root, yaml.MappingNode):
            self._note(
                "not_an_object", "The file is no list of names and values. Begin with name.", self.root
            )
            return
        try:
            values: dict[str, Any] = Loader("").construct_document(self.root)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            message = f"The file can not be read: {error.problem or 'a value is of no known kind'}."
            self.reading.problems.append(FileProblem("bad_yaml", message, *place))
            return
        self._fields(values)
        definition = values.get("definition")
        if isinstance(definition, dict):
            for problem in problems_of(definition):
                self._of_definition(problem)
        if not self.reading.problems:
            self.reading.file = TemplateFile(
                name=values["name"].strip(),
                definition=values["definition"],
                key=values.get("key", ""),
                description=values.get("description", "").strip(),
                vendor_kind=values.get("vendor_kind", ""),
            )

    def _fields(self, values: Mapping[str, Any]) -> None:
        for name in values:
            if name not in FIELDS:
                known = ", ".join(FIELDS)
                self._note(
                    "unknown_field",
                    f"There is no field {str(name)[:60]!r}. Known: {known}.",
                    _key(self.root, name),
                )
        for name in _NEEDED:
            if not values.get(name):
                self._note("missing", f"The field {name} is needed. Fill it in.", self.root, name)
        for name in ("key", "name", "description", "vendor_kind"):
            value = values.get(name, "")
            if not isinstance(value, str) or len(value) > _LONGEST.get(name, 60):
                most = _LONGEST.get(name, 60)
                self._note(
                    "bad_field",
                    f"The field {name} is no text of at most {most:,} characters.",
                    self._at(name),
                    name,
                )
        key, kind = values.get("key", ""), values.get("vendor_kind", "")
        if isinstance(key, str) and key and not _KEY.fullmatch(key):
            message = "The key is not valid. Start with a small letter; use small letters, digits, _ and -."
            self._note("bad_key", message, self._at("key"), "key")
        if kind and kind not in Vendor.Kind.values:
            known = ", ".join(Vendor.Kind.values)
            self._note(
                "bad_vendor_kind",
                f"There is no kind of vendor {kind!r}. Known: {known}.",
                self._at("vendor_kind"),
            )
        if "definition" in values and not isinstance(values["definition"], dict):
            self._note(
                "not_an_object", "The definition is no list of names and values.", self._at("definition")
            )

    def _of_definition(self, problem: Problem) -> None:
        node = self._found(problem)
        line, column = _place(node)
        if problem.position is not None and isinstance(node, yaml.ScalarNode):
            line, column = _inside(node, problem.position, self.lines)
        self.reading.problems.append(
            FileProblem(problem.code, problem.message, line, column, problem.node, problem.field)
        )

    def _found(self, problem: Problem) -> yaml.Node | None:
        """Find what a problem is about: the field, or the nearest thing around it."""
        around = self._at("definition")
        parts = (problem.field or "").split(".") if problem.field else []
        if problem.node is not None:
            step = next(
                (
                    one
                    for one in _items(_value(around, "nodes"))
                    if _scalar(_value(one, "id")) == problem.node
                ),
                None,
            )
            if step is None:
                return around
            if not parts:
                return step
            inside = _value(step, "settings")
            return _deep(step if parts[0] in _STEP_FIELDS else inside or step, parts) or step
        if parts[:1] and parts[0] in {"exits", "goals"} and len(parts) > 1 and not parts[1].isdecimal():
            named = [_scalar(_value(one, "name")) for one in _items(_value(around, parts[0]))]
            parts[1] = str(named.index(parts[1])) if parts[1] in named else parts[1]
        return _deep(around, parts) or around

    def _at(self, name: str) -> yaml.Node | None:
        return _value(self.root, name)

    def _note(self, code: str, message: str, node: yaml.Node | None, field_: str | None = None) -> None:
        line, column = _place(node)
        self.reading.problems.append(FileProblem(code, message, line, column, field=field_))


def _place(node: yaml.Node | None) -> tuple[int, int]:
    return (node.start_mark.line + 1, node.start_mark.column + 1) if node is not None else (1, 1)


def _inside(node: yaml.ScalarNode, position: int, lines: list[str]) -> tuple[int, int]:
    """Find a character of a text: exact in blocks and in texts of one line."""
    line, column = _place(node)
    before = node.value[:position]
    if node.style == "|":
        line += 1 + before.count("\n")
        said = node.value.split("\n")[before.count("\n")]
        indent = len(lines[line - 1]) - len(said) if line <= len(lines) else 0
        return line, max(indent, 0) + len(before.rpartition("\n")[2]) + 1
    if "\n" in before or node.style == ">":
        return line, column
    return line, column + position + (1 if node.style in {'"', "'"} else 0)


def _deep(node: yaml.Node | None, parts: list[str]) -> yaml.Node | None:
    """Go down as far as the parts lead; return where that ends."""
    found = node
    for part in parts:
        inner = (
            _items(found)[int(part)]
            if part.isdecimal() and int(part) < len(_items(found))
            else _value(found, part)
        )
        if inner is None:
            break
        found = inner
    return found


def _value(node: yaml.Node | None, name: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for key, value in node.value if key.value == name), None)


def _key(node: yaml.Node | None, name: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((key for key, _ in node.value if key.value == name), None)


def _items(node: yaml.Node | None) -> list[yaml.Node]:
    return node.value if isinstance(node, yaml.SequenceNode) else []


def _scalar(node: yaml.Node | None) -> str | None:
    return node.value if isinstance(node, yaml.ScalarNode) else None

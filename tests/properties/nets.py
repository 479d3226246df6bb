"""Random journeys: nested splits of all kinds, merges of all modes, jumps, waits, ends inside of branches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

#: Splits around one another.
DEEPEST = 3
TAGS = ("red", "green", "blue")

Draw = Callable[[st.SearchStrategy[Any]], Any]
#: Ways out that lead nowhere yet: (step, port).
Open = list[tuple[str, str]]


@dataclass
class Net:
    """A journey that grows step by step; everything in it hangs together by construction."""

    draw: Draw
    #: Kinds of plain steps that may appear.
    kinds: tuple[str, ...]
    most_steps: int
    nodes: list[dict[str, Any]] = field(default_factory=list)
    edges: list[dict[str, str]] = field(default_factory=list)

    def add(self, kind: str, settings: dict[str, Any], coming: Open, *, name: str = "") -> str:
        node_id = name or f"{kind[:5].replace('_', '')}{len(self.nodes)}"
        self.nodes.append({"id": node_id, "type": kind, "name": node_id, "settings": settings})
        self.edges += [{"from": source, "port": port, "to": node_id} for source, port in coming]
        return node_id

    def chain(self, coming: Open, depth: int) -> Open:
        """Add one to three parts behind one another; nothing is open when the last one ended."""
        for _ in range(self.draw(st.integers(1, 3))):
            if not coming:
                break
            coming = self.part(coming, depth)
        return coming

    def part(self, coming: Open, depth: int) -> Open:
        kinds = [*self.kinds]
        if len(self.nodes) < self.most_steps:
            kinds += ["loop"] if depth < DEEPEST else []
            kinds += ["fork", "fork", "choose"] if depth < DEEPEST else []
        kind = self.draw(st.sampled_from(kinds))
        return getattr(self, f"_{kind}")(coming, depth)

    def _tag(self, coming: Open, depth: int) -> Open:
        deed = {
            "kind": self.draw(st.sampled_from(["add_tag", "remove_tag"])),
            "tag": self.draw(st.sampled_from(TAGS)),
        }
        return [(self.add("action", {"do": [deed]}, coming), "next")]

    def _wait(self, coming: Open, depth: int) -> Open:
        length = self.draw(st.sampled_from(["1h", "1d", "3d", "2w"]))
        return [(self.add("wait", {"when": {"kind": "duration", "for": length}}, coming), "next")]

    def _anchor(self, coming: Open, depth: int) -> Open:
        offset = self.draw(st.sampled_from(["-150d", "-30d", "-1d", "1d", "2w"]))
        late = self.draw(st.sampled_from(["send", "skip", "ask"]))
        when = {"kind": "anchor", "anchor": "wedding", "offset": offset, "at": "09:00"}
        return [(self.add("wait", {"when": when, "late": {"rule": late}}, coming), "next")]

    def _event(self, coming: Open, depth: int) -> Open:
        settings: dict[str, Any] = {
            "event": self.draw(st.sampled_from(["form_submitted", "payment_received", "message_opened"])),
            "since": self.draw(st.sampled_from(["reached", "journey_start"])),
        }
        return self._timed("wait_for", settings, coming)

    def _until(self, coming: Open, depth: int) -> Open:
        return self._timed("wait_until", {"if": self._condition_source()}, coming)

    def _task(self, coming: Open, depth: int) -> Open:
        if self.draw(st.integers(0, 3)) == 0:
            return [(self.add("task", {"title": "Call them", "wait": False}, coming), "next")]
        return self._timed("task", {"title": "Call them"}, coming)

    def _timed(self, kind: str, settings: dict[str, Any], coming: Open) -> Open:
        if self.draw(st.booleans()):
            length = self.draw(st.sampled_from(["2h", "2d"]))
            settings["timeout"] = {"kind": "duration", "for": length}
        node_id = self.add(kind, settings, coming)
        return [(node_id, "next"), *([(node_id, "timeout")] if "timeout" in settings else [])]

    def _send(self, coming: Open, depth: int) -> Open:
        settings = {"body": "Hello", "to": ["partner_1"]}
        return [(self.add("sms", settings, coming), "next")]

    def _fail(self, coming: Open, depth: int) -> Open:
        """There is no planner at this wedding."""
        settings = {
            "body": "Hello",
            "to": ["planner"],
            "on_error": self.draw(st.sampled_from(["ticket", "ticket", "skip"])),
        }
        node_id = self.add("sms", settings, coming)
        return [(node_id, "next"), *([(node_id, "error")] if self.draw(st.booleans()) else [])]

    def _condition_source(self) -> str:
        return f"'{self.draw(st.sampled_from(TAGS))}' in client.tags"

    def _choose(self, coming: Open, depth: int) -> Open:
        """Part into ways of which one is taken: no merge is needed, they simply lead on."""
        kind = self.draw(st.sampled_from(["condition", "case", "weight"]))
        if kind == "condition":
            node_id, ports = self.add("condition", {"if": self._condition_source()}, coming), ["yes", "no"]
        elif kind == "case":
            cases = [{"port": port, "if": self._condition_source()} for port in ("a", "b")]
            node_id = self.add("split", {"by": {"kind": "case", "branches": cases}}, coming)
            ports = ["a", "b", "else"]
        else:
            variants = [{"port": "a", "weight": 1}, {"port": "b", "weight": 2}]
            node_id = self.add("split", {"by": {"kind": "weight", "branches": variants}}, coming)
            ports = ["a", "b"]
        leading: Open = []
        for port in ports:
            leading += (
                self.chain([(node_id, port)], depth + 1) if self.draw(st.booleans()) else [(node_id, port)]
            )
        return leading

    def _fork(self, coming: Open, depth: int) -> Open:
        """Part into branches that are taken side by side, and bring together what does not end."""
        ports = list("abc"[: self.draw(st.integers(2, 3))])
        if self.draw(st.integers(0, 2)):
            by: dict[str, Any] = {"kind": "all", "branches": [{"port": port} for port in ports]}
        else:
            cases = [{"port": port, "if": self._condition_source()} for port in ports]
            by, ports = {"kind": "matching", "branches": cases}, [*ports, "else"]
        split = self.add("split", {"by": by}, coming)
        leading: Open = []
        together = self.draw(st.integers(0, 3)) == 0
        for group in [ports] if together else [[port] for port in ports]:
            # Branches may share their steps: each does them for itself.
            entering = [(split, port) for port in group]
            inside = self.chain(entering, depth + 1)
            if inside and self.draw(st.integers(0, 5)) == 0:
                ends = self.draw(st.sampled_from(["branch", "branch", "journey"]))
                self.add("end", {"ends": ends, "result": "stopped"}, inside)
                inside = []
            leading += inside
        if not leading:
            return []
        settings = {
            "split": split,
            "mode": self.draw(st.sampled_from(["all", "first", "count"])),
            "others": self.draw(st.sampled_from(["cancel", "go_on"])),
            "failed": self.draw(st.sampled_from(["wait", "go_on"])),
        }
        if settings["mode"] == "count":
            settings["count"] = self.draw(st.integers(1, len(ports)))
        return [(self.add("merge", settings, leading), "next")]

    def _loop(self, coming: Open, depth: int) -> Open:
        first = self.add("condition", {"if": self._condition_source()}, coming)
        leading = self.chain([(first, "yes"), (first, "no")], depth + 1)
        if not leading:
            return []
        jump = self.add("jump", {"at_most": self.draw(st.integers(1, 2))}, leading)
        self.edges.append({"from": jump, "port": "back", "to": first})
        return [(jump, "next")]


#: Steps that go on by themselves, for what looks at branches alone.
PLAIN = ("tag", "wait")
EVERYTHING = ("tag", "wait", "anchor", "event", "until", "task", "send", "fail")


@st.composite
def definitions(
    draw: Draw, *, kinds: tuple[str, ...] = EVERYTHING, most_steps: int = 25, rules: bool = True
) -> dict[str, Any]:
    """A journey that is accepted, of most_steps steps or a few more."""
    net = Net(draw, kinds, most_steps)
    start = net.add("start", {"trigger": {"type": "manual"}}, [], name="start")
    leading = net.chain([(start, "next")], 0)
    if len(net.nodes) < 5 and leading:
        leading = net._fork(leading, 0)
    if leading or not any(node["type"] == "end" for node in net.nodes):
        net.add("end", {}, leading, name="end")
    definition: dict[str, Any] = {"schema_version": 1, "nodes": net.nodes, "edges": net.edges}
    if rules and draw(st.integers(0, 2)) == 0:
        definition["goals"] = [{"name": "won", "if": "'gold' in client.tags"}]
        definition["exits"] = [{"name": "lost", "if": "'black' in client.tags"}]
    return definition

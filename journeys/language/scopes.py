"""Which splits are around each step, and whether every merge stands where its branches can meet."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from .branches import MAX_DEPTH
from .definition import Draft, Step
from .errors import Problem
from .registry import JoinRule

#: The splits around a step, the outermost first.
Around = tuple[str, ...]


def problems_of_scopes(draft: Draft, start: Step) -> Iterator[Problem]:
    """Yield what is wrong with splits and merges; nothing for a journey that has none.

    Each step has the same splits around it on every way that leads to it, so that a token's branch and the merges
    ahead of it follow from where it stands.
    """
    merges = {step.id: rule for step in draft.steps.values() if (rule := _join(step)) is not None}
    if not merges and not any(_forks(step) for step in draft.steps.values()):
        return
    yield from _merges(draft, merges)
    yield from _walk(draft, start, merges)


def _join(step: Step) -> JoinRule | None:
    if step.node_type is None or step.settings is None:
        return None
    return step.node_type.join_of(step.settings)


def _forks(step: Step) -> bool:
    return step.node_type is not None and step.settings is not None and step.node_type.forks(step.settings)


def _merges(draft: Draft, merges: dict[str, JoinRule]) -> Iterator[Problem]:
    taken: dict[str, str] = {}
    for name, rule in merges.items():
        step, split = draft.steps[name], draft.steps.get(rule.split)
        if split is None or (split.settings is not None and not _forks(split)):
            message = (
                f"{step.label} merges {rule.split[:64]!r}, which is no split into several branches. Name one."
            )
            yield Problem("unknown_split", message, name, "split")
        elif rule.split in taken:
            message = (
                f"{step.label} and {draft.steps[taken[rule.split]].label} both merge {split.label}. "
                "Lead all branches to one merge."
            )
            yield Problem("merged_twice", message, name, "split")
        elif split.node_type is not None and rule.count is not None:
            ports = len(split.node_type.ports_of(split.settings))
            if rule.count > ports:
                message = (
                    f"{step.label} waits for {rule.count} branches, but {split.label} has {ports}. "
                    "Ask for fewer."
                )
                yield Problem("too_many_branches", message, name, "count")
        taken.setdefault(rule.split, name)


def _walk(draft: Draft, start: Step, merges: dict[str, JoinRule]) -> Iterator[Problem]:
    """Follow every edge once from the start and compare the splits around each step."""
    edges: dict[str, list[tuple[str, str]]] = {}
    for edge in draft.edges:
        if edge.source in draft.steps and edge.target in draft.steps:
            edges.setdefault(edge.source, []).append((edge.port, edge.target))
    around: dict[str, Around] = {start.id: ()}
    waiting = deque([start.id])
    told: dict[str, Problem] = {}
    while waiting:
        name = waiting.popleft()
        for port, target in edges.get(name, ()):
            inside = _behind(draft.steps[name], port, around[name])
            problem, inside = _entered(draft, draft.steps[target], merges.get(target), inside)
            if problem is None and target in around and around[target] != inside:
                problem = _mixed(draft, draft.steps[target], around[target], inside)
            if problem is not None:
                told.setdefault(target, problem)
            elif target not in around:
                around[target] = inside
                waiting.append(target)
    yield from told.values()


def _entered(
    draft: Draft, step: Step, rule: JoinRule | None, inside: Around
) -> tuple[Problem | None, Around]:
    """Return the splits around a step that is come to, a merge's own taken off, or what is wrong with it."""
    if rule is not None and rule.split in draft.steps:
        if not inside or inside[-1] != rule.split:
            return _misplaced(draft, step, rule, inside), inside
        return None, inside[:-1]
    if len(inside) > MAX_DEPTH:
        message = f"{step.label} has more than {MAX_DEPTH} splits around it. Merge some before."
        return Problem("split_too_deep", message, step.id), inside
    return None, inside


def _behind(step: Step, port: str, around: Around) -> Around:
    if _forks(step) and step.node_type is not None and port not in step.node_type.optional_ports:
        return (*around, step.id)
    return around


def _misplaced(draft: Draft, step: Step, rule: JoinRule, inside: Around) -> Problem:
    split = draft.steps[rule.split].label
    if rule.split in inside:
        between = draft.steps[inside[-1]].label
        message = f"{step.label} merges {split}, but {between} is still open there. Merge that one first."
    else:
        message = f"A way leads to {step.label} that does not come from {split}, which it merges. Lead it elsewhere."
    return Problem("merge_out_of_place", message, step.id)


def _mixed(draft: Draft, step: Step, one: Around, other: Around) -> Problem:
    odd = next((name for name in (*one, *other) if name not in one or name not in other), step.id)
    message = (
        f"{step.label} is reached both inside and outside of the branches of {draft.steps[odd].label}. "
        "Merge the branches before, or give each side a step of its own."
    )
    return Problem("mixed_branches", message, step.id)

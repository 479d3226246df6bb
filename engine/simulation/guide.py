"""Which way is taken where nobody can know: by today's facts, by choice, or every way in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from engine.services.steps import Step
from engine.simulation.calendar import Choice
from engine.simulation.given import AssumedAnswer, Assumptions
from journeys.language.errors import ErrorClass
from journeys.language.outcomes import Advance, AssignVariant, CallWebhook, Deliver, Fail, Fork, Outcome

#: The port by which waits are left when nothing was heard in time.
TIMEOUT = "timeout"
ERROR = "error"
#: In loops the choice is free so often; then the other port is taken, so that every way comes to an end.
FREE_ROUNDS = 2
#: Not a port: nothing is heard and there is no time-out.
NEVER = "never"


@dataclass(slots=True)
class Guide:
    """Decide at every fork, and remember what was decided and what else there was."""

    assumptions: Assumptions
    #: What to take at the first forks; used to follow every way.
    prefix: Sequence[str] = ()
    taken: list[Choice] = field(default_factory=list)
    #: Ports that could have been taken instead, for each choice.
    others: list[tuple[str, ...]] = field(default_factory=list)
    likely: bool = True
    _rounds: dict[str, int] = field(default_factory=dict)

    def direct(self, step: Step, outcome: Outcome) -> Outcome:
        """Return the outcome of a step that was just carried out, led where this way goes."""
        wanted = self.assumptions.chosen.get(step.claim.node_id)
        match outcome:
            case Advance():
                return self._advance(step, outcome, wanted)
            case Fork() if wanted:
                return replace(outcome, ports=tuple(wanted.split(",")))
            case Deliver() | CallWebhook() if wanted == ERROR or self._fails(step):
                return Fail(ErrorClass.USER, "assumed", "Taken to fail, to see what follows.")
        return outcome

    def answer(self, step: Step) -> AssumedAnswer | None:
        """Say how a wait that just began ends; None when nothing is heard."""
        given = self.assumptions.answer_of(step.claim.node_id)
        wanted = self.assumptions.chosen.get(step.claim.node_id, "")
        if wanted:
            return (
                None if wanted == TIMEOUT else (given or AssumedAnswer()).model_copy(update={"port": wanted})
            )
        ports = [port for port in self._ports(step) if port != ERROR]
        if self.assumptions.ways != "every" or not ports:
            return given
        likely = (given.port or ports[0]) if given else (TIMEOUT if TIMEOUT in ports else NEVER)
        options = list(dict.fromkeys([likely, *ports])) if likely != NEVER else [*ports, NEVER]
        port = self._choose(step, options, likely=likely, because="")
        if port in {TIMEOUT, NEVER}:
            return None
        if given and not given.port and port == ports[0]:
            return given
        return (given or AssumedAnswer()).model_copy(update={"port": port})

    def _advance(self, step: Step, outcome: Advance, wanted: str | None) -> Advance:
        if wanted and wanted != outcome.port and wanted in self._ports(step):
            return _turned(outcome, wanted)
        if self.assumptions.ways == "every" and _is_fork(step, outcome):
            return _turned(
                outcome,
                self._choose(step, self._ports(step), likely=outcome.port, because=because(step)),
            )
        return outcome

    def _fails(self, step: Step) -> bool:
        if self.assumptions.ways != "every" or step.graph.successor(step.claim.node_id, ERROR) is None:
            return False
        if step.claim.attempt > 1:
            return False
        return self._choose(step, ["next", ERROR], likely="next", because="it goes out") == ERROR

    def _choose(self, step: Step, options: Sequence[str], *, likely: str, because: str) -> str:
        node = step.claim.node_id
        rounds = self._rounds[node] = self._rounds.get(node, 0) + 1
        if rounds > FREE_ROUNDS and len(options) > 1:
            before = [one.port for one in self.taken if one.node_id == node]
            return next((port for port in options if port != before[-1]), likely)
        number = len(self.taken)
        port = self.prefix[number] if number < len(self.prefix) else likely
        if port not in options:
            port = options[0]
        self.likely = self.likely and port == likely
        title = step.node.name or step.node.id
        self.taken.append(
            Choice(node, title, step.claim.visit, port, f"{because} → {port}" if because else port)
        )
        self.others.append(tuple(one for one in options if one != port))
        return port

    def _ports(self, step: Step) -> list[str]:
        """Name the ports that an edge leads on from."""
        node = step.claim.node_id
        return [
            port for port in step.node.ports if port != ERROR and step.graph.successor(node, port) is not None
        ]


def _turned(outcome: Advance, port: str) -> Advance:
    """Leave by another port, with the variant that belongs to it."""
    if port == outcome.port:
        return outcome
    changes = tuple(
        replace(change, variant=port) if isinstance(change, AssignVariant) else change
        for change in outcome.changes
    )
    return replace(outcome, port=port, changes=changes, reason="Taken to go this way.")


def _is_fork(step: Step, outcome: Advance) -> bool:
    """Tell whether the port hangs on what is known of the couple, or on chance."""
    counted = step.node.node_type.counted_ports
    if counted and outcome.port not in counted:
        return False
    if any(isinstance(change, AssignVariant) for change in outcome.changes):
        return True
    return len(step.node.ports) > 1 and any(True for _ in step.node.node_type.expressions(step.node.settings))


def because(step: Step) -> str:
    """Say what the fork hangs on: the expressions of the step."""
    sources = [source for _, source in step.node.node_type.expressions(step.node.settings)]
    return " / ".join(sources)[:300]

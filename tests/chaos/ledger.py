"""Compare what the engine believes with what the provider has in its own ledger."""

from __future__ import annotations

from collections import Counter, defaultdict

from channels.models import Message
from engine.models import Instance, NodeExecution, Schedule
from tests.fakes.provider import SENDGRID_KEY, FakeProvider

Place = tuple[str, str, int]


def provider_env(provider: FakeProvider | str) -> dict[str, str]:
    """Give the environment that lets workers send email through the fake provider."""
    url = provider if isinstance(provider, str) else provider.url
    return {"SENDGRID_API_KEY": SENDGRID_KEY, "SENDGRID_API_BASE": url}


def history(instance: Instance) -> list[tuple[str, str]]:
    """Give (node, status) of an instance in the order in which it happened."""
    return list(
        NodeExecution.objects.filter(instance=instance).order_by("id").values_list("node_id", "status")
    )


def histories() -> dict[int, list[tuple[str, str]]]:
    """Give the history of every instance, by its id."""
    rows: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for instance, node, status in NodeExecution.objects.order_by("id").values_list(
        "instance_id", "node_id", "status"
    ):
        rows[instance].append((node, status))
    return dict(rows)


def completed_twice() -> list[Place]:
    """Name the places that were completed more than once; there must be none."""
    done = NodeExecution.objects.filter(status__in=NodeExecution.COMPLETED)
    counted = Counter(done.values_list("instance_id", "node_id", "branch", "visit"))
    return [place for place, times in counted.items() if times > 1]


def sent_twice(provider: FakeProvider) -> list[str]:
    """Name the messages of which the provider has more than one; there must be none."""
    counted = Counter(entry["message_id"] for entry in provider.accepted())
    return [message for message, times in counted.items() if times > 1]


def disagreements(provider: FakeProvider) -> set[str]:
    """Name the messages that one side has and the other has not."""
    theirs = {entry["message_id"] for entry in provider.accepted()}
    ours = set(Message.objects.filter(status=Message.Status.ACCEPTED).values_list("public_id", flat=True))
    return theirs ^ ours


def all_ended() -> bool:
    """Tell whether every instance has ended and left no place behind."""
    live = Instance.objects.filter(status__in=Instance.LIVE).exists()
    return not live and not Schedule.objects.exists()

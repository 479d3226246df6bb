"""How large a pool should be: within its bounds, at once when more is needed, slowly when less is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.services.pools import MOST_AT_ONCE, PATIENCE, Depth, Pool, next_size, wanted_sizes

QUEUES = ("critical", "high", "medium", "low")

depth = st.builds(Depth, waiting=st.integers(0, 2_000_000), busy=st.integers(0, 500))
held = st.dictionaries(st.sampled_from(QUEUES), depth)


@st.composite
def some_pools(draw: st.DrawFn) -> list[Pool]:
    return [
        Pool(
            name=f"worker-{nth}",
            queues=tuple(draw(st.sets(st.sampled_from(QUEUES), min_size=1))),
            size=draw(st.integers(1, 500)),
            fewest=(fewest := draw(st.integers(1, 20))),
            most=draw(st.integers(fewest, 500)),
        )
        for nth in range(draw(st.integers(1, 4)))
    ]


def a_pool(name: str = "all", *, queues: tuple[str, ...] = QUEUES, size: int = 2) -> Pool:
    return Pool(name, queues, size=size, fewest=2, most=10)


def wanted(*pools: Pool, **depths: Depth) -> list[int]:
    sizes = wanted_sizes(pools, depths)
    return [sizes[pool.name] for pool in pools]


@given(pools=some_pools(), held=held)
def test_what_is_wanted_keeps_the_bounds_of_each_pool(pools: list[Pool], held: dict[str, Depth]) -> None:
    sizes = wanted_sizes(pools, held)

    assert all(pool.fewest <= sizes[pool.name] <= pool.most for pool in pools)


@given(pools=some_pools(), held=held, more=held)
def test_what_is_wanted_never_falls_when_queues_grow_deeper(
    pools: list[Pool], held: dict[str, Depth], more: dict[str, Depth]
) -> None:
    deeper = {
        queue: Depth(
            waiting=held.get(queue, Depth()).waiting + more.get(queue, Depth()).waiting,
            busy=held.get(queue, Depth()).busy + more.get(queue, Depth()).busy,
        )
        for queue in held.keys() | more.keys()
    }

    before, after = wanted_sizes(pools, held), wanted_sizes(pools, deeper)

    assert all(before[name] <= after[name] for name in before)


@given(size=st.integers(1, 500), wanted=st.integers(1, 500), shallow_for=st.floats(0, 3600))
def test_a_pool_moves_towards_what_is_wanted_and_never_past_it(
    size: int, wanted: int, shallow_for: float
) -> None:
    then = next_size(size=size, wanted=wanted, shallow_for=shallow_for)

    assert min(size, wanted) <= then <= max(size, wanted)
    assert -1 <= then - size <= MOST_AT_ONCE


@given(size=st.integers(1, 500), wanted=st.integers(1, 500))
def test_a_pool_grows_at_the_first_look_and_gets_there(size: int, wanted: int) -> None:
    looks = 0
    while size < wanted:
        size = next_size(size=size, wanted=wanted, shallow_for=0.0)
        looks += 1
        assert looks <= 1 + wanted // MOST_AT_ONCE


@given(size=st.integers(2, 500), shallow_for=st.floats(0, PATIENCE, exclude_max=True))
def test_a_pool_that_was_too_large_only_for_a_moment_stays(size: int, shallow_for: float) -> None:
    assert size == next_size(size=size, wanted=1, shallow_for=shallow_for)


def test_a_pool_that_was_too_large_for_a_while_shrinks_by_one() -> None:
    assert 9 == next_size(size=10, wanted=2, shallow_for=PATIENCE)


@pytest.mark.parametrize(
    ("waiting", "busy", "size"),
    [(0, 0, 2), (0, 2, 2), (1, 2, 3), (4, 2, 3), (5, 2, 4), (0, 7, 7), (90, 2, 10)],
)
def test_a_pool_has_a_process_for_each_task_under_way_and_one_for_every_four_that_wait(
    waiting: int, busy: int, size: int
) -> None:
    assert [size] == wanted(a_pool(), low=Depth(waiting, busy))


def test_all_queues_of_a_pool_count_together() -> None:
    assert [4] == wanted(a_pool(), critical=Depth(1, 1), high=Depth(3, 1), low=Depth(4, 0))


def test_pools_that_serve_the_same_queue_share_its_tasks() -> None:
    pools = a_pool("one"), a_pool("two"), a_pool("urgent", queues=("critical", "high"))

    assert [4, 4, 2] == wanted(*pools, low=Depth(waiting=24, busy=2))


def test_a_queue_that_a_pool_does_not_serve_does_not_count() -> None:
    assert [2, 8] == wanted(
        a_pool("urgent", queues=("critical",)), a_pool("rest", queues=("low",)), low=Depth(waiting=32)
    )

"""Names of branches say where a token came from, and can be read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys.language import branches

NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True)
PORTS = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
FRAMES = st.builds(branches.Frame, NAMES, st.integers(1, 100), PORTS)


def named(frames: list[branches.Frame]) -> str:
    branch = ""
    for frame in frames:
        branch = branches.inside(branch, split=frame.split, visit=frame.visit, port=frame.port)
    return branch


@given(st.lists(FRAMES, max_size=branches.MAX_DEPTH))
def test_a_branch_is_read_back_frame_by_frame(frames):
    branch, found = named(frames), []
    assert branches.depth(branch) == len(frames)

    while branch:
        branch, frame = branches.outside(branch)
        found.append(frame)

    assert found[::-1] == frames


@given(st.lists(FRAMES, max_size=3), FRAMES, st.lists(FRAMES, max_size=2))
def test_a_scope_begins_the_names_of_all_that_came_out_of_its_split(around, frame, within):
    branch = named([*around, frame, *within])

    assert branch.startswith(branches.scope(named(around), split=frame.split, visit=frame.visit))


@given(st.lists(FRAMES, max_size=3), FRAMES, FRAMES, st.lists(FRAMES, max_size=2))
def test_a_scope_begins_no_name_of_another_passage(around, frame, other, within):
    same = (frame.split, frame.visit) == (other.split, other.visit)
    branch = named([*around, other, *within])

    found = branch.startswith(branches.scope(named(around), split=frame.split, visit=frame.visit))

    assert found == same


@pytest.mark.parametrize("branch", ["", "main"])
def test_a_name_without_a_frame_is_outside_of_every_split(branch):
    assert branches.outside(branch) == (branch, None)


def test_the_longest_names_fit_their_column():
    frame = branches.Frame("s" * 64, 100, "p" * 40)

    assert len(named([frame] * branches.MAX_DEPTH)) <= 600

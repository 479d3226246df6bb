"""The event stream's format and order."""

from __future__ import annotations

import pytest

from monitoring.live import Page, Told, after


def test_event_is_written_with_its_id_so_that_it_can_be_resumed():
    assert b'id: 5-1\nevent: step\ndata: {"steps": []}\n\n' == Told("step", {"steps": []}, "5-1").encode()


def test_figures_have_no_id_so_that_they_do_not_move_the_place():
    assert b'event: cards\ndata: {"active": "3"}\n\n' == Told("cards", {"active": "3"}).encode()


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [("10-0", "9-5", True), ("9-10", "9-9", True), ("9-9", "9-9", False), ("5-0", "0-0", True)],
)
def test_ids_are_compared_as_numbers(left, right, expected):
    assert expected == after(left, right)


def test_page_that_reads_too_slowly_is_told_that_it_lost_something():
    page = Page(1)
    for _ in range(page.queue.maxsize + 1):
        page.offer(Told("step", {}))
    assert page.lost

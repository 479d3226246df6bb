"""What a request costs, as the bench counts it."""

from __future__ import annotations

from bench.api import _price


def test_price_of_a_request_is_that_of_web_database_and_redis_together() -> None:
    figure = _price("list", {"web": 1.5, "database": 0.4, "redis": 0.1}, 1000)

    assert (figure.name, figure.unit, round(figure.value or 0, 6)) == (
        "API, list, processor time",
        "ms a request",
        2.0,
    )
    assert figure.detail == {"web_ms": 1.5, "database_ms": 0.4, "redis_ms": 0.1}


def test_price_is_left_out_where_the_servers_are_elsewhere() -> None:
    assert "another machine" in _price("list", {}, 1000).skipped

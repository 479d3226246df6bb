"""What nobody can care about is struck off the outbox at once; whoever cares is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from unittest import mock

import pytest
from django.db import connection, transaction

from engine.models import Instance, Schedule, Wake
from engine.services import unawaited, waking
from engine.services.waking import wake, wake_all
from journeys.language.errors import DefinitionInvalid
from journeys.models import Client, Vendor
from journeys.services.clients import client_change, tag_add, tags_add
from tests.builders import ACTOR, JourneyBuilder, a_couple, a_journey, a_vendor
from tests.drive import enter, run_until_idle
from tests.racing import WAIT_SECONDS, Threads, blocked_or_done, together

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]


@pytest.fixture
def vendor(transactional_db: None, now: datetime) -> Vendor:
    return a_vendor(now=now)


@pytest.fixture
def couple(vendor: Vendor, now: datetime) -> Client:
    return a_couple(vendor, now=now)


@pytest.fixture
def told() -> Iterator[mock.Mock]:
    """Whom the tokens were looked at for."""
    with mock.patch.object(waking, "_wake_clients", wraps=waking._wake_clients) as look:
        yield look


def with_rule(kind: str, condition: str) -> JourneyBuilder:
    builder = a_journey().wait("rest", for_="30d")
    definition = builder.definition() | {kind: [{"name": "done", "if": condition}]}
    builder.definition = lambda: definition  # type: ignore[method-assign]
    return builder


def rested(builder: JourneyBuilder, couple: Client, *, now: datetime) -> Instance:
    """Let a couple in, up to where it rests."""
    instance = enter(builder.publish(couple.vendor, now=now), couple, now=now)
    run_until_idle(now)
    return instance


def waits_for_vip() -> JourneyBuilder:
    return a_journey().step("vip", "wait_until", **{"if": "'vip' in client.tags"})


def unheard(client_id: int, *topics: str) -> int:
    """Write a row of the outbox as a process does that dies before it tells of it."""
    return Wake.objects.create(client_id=client_id, topics=list(topics or ["client"])).id


def row_is_left(row: int) -> bool:
    return unawaited.strike_off([row]) == [row] and Wake.objects.filter(id=row).exists()


class TestNobody:
    def test_a_client_outside_of_all_journeys_costs_one_statement(
        self, couple: Client, now: datetime, told: mock.Mock
    ) -> None:
        with mock.patch.object(unawaited, "_strike_where_nobody_cares") as more:
            tag_add(client=couple, name="vip", now=now, actor=ACTOR)

        assert not Wake.objects.exists()
        assert (0, 0) == (told.call_count, more.call_count)

    def test_a_passage_that_has_ended_is_not_looked_at(
        self, couple: Client, now: datetime, told: mock.Mock
    ) -> None:
        assert "completed" == Instance.objects.get(id=rested(a_journey(), couple, now=now).id).status

        tag_add(client=couple, name="vip", now=now, actor=ACTOR)

        assert not Wake.objects.exists()
        assert not told.called

    @pytest.mark.parametrize(
        "builder",
        [
            a_journey().wait("rest", for_="30d"),
            a_journey().wait_for_date("near", "-2d"),
            a_journey().step("paid", "wait_for", event="payment_received"),
        ],
        ids=["for time", "for its wedding", "for something else"],
    )
    def test_a_passage_that_waits_otherwise_stays_asleep(
        self, builder: JourneyBuilder, couple: Client, now: datetime, told: mock.Mock
    ) -> None:
        instance = rested(builder, couple, now=now)
        before = Schedule.objects.values_list("state", "due_at", "fence").get(instance=instance)

        tag_add(client=couple, name="vip", now=now, actor=ACTOR)

        assert not Wake.objects.exists()
        assert not told.called
        assert before == Schedule.objects.values_list("state", "due_at", "fence").get(instance=instance)


class TestWhoeverCares:
    def test_a_step_that_waits_is_told(self, couple: Client, now: datetime, told: mock.Mock) -> None:
        instance = rested(waits_for_vip(), couple, now=now)

        tag_add(client=couple, name="vip", now=now, actor=ACTOR)
        run_until_idle(now)

        assert told.called
        assert Instance.Status.COMPLETED == Instance.objects.get(id=instance.id).status

    @pytest.mark.parametrize("kind", ["goals", "exits"])
    def test_a_rule_is_asked(self, couple: Client, now: datetime, kind: str) -> None:
        instance = rested(with_rule(kind, "'vip' in client.tags"), couple, now=now)

        tag_add(client=couple, name="vip", now=now, actor=ACTOR)

        assert Instance.Status.COMPLETED == Instance.objects.get(id=instance.id).status
        assert not Wake.objects.exists()

    def test_a_step_that_hangs_on_a_date_of_their_data_follows_it(
        self, couple: Client, now: datetime
    ) -> None:
        on = {"kind": "fact", "path": "client.fields.move_in", "offset": "-2d", "at": "09:00"}
        instance = rested(a_journey().email("move", when=on), couple, now=now)
        assert Schedule.objects.get(instance=instance).due_at is None

        client_change(client=couple, fields={"move_in": "2027-06-01"}, now=now, actor=ACTOR)

        due = Schedule.objects.get(instance=instance).due_at
        assert due is not None
        assert (5, 30) == (due.month, due.day)

    def test_one_of_several_passages_is_enough(self, couple: Client, now: datetime) -> None:
        rested(a_journey().wait("rest", for_="30d"), couple, now=now)
        waiting = rested(waits_for_vip(), couple, now=now)

        tag_add(client=couple, name="vip", now=now, actor=ACTOR)
        run_until_idle(now)

        assert Instance.Status.COMPLETED == Instance.objects.get(id=waiting.id).status

    def test_one_of_several_clients_is_told_and_the_others_are_struck_off(
        self, vendor: Vendor, now: datetime, told: mock.Mock
    ) -> None:
        couples = [a_couple(vendor, now=now) for _ in range(4)]
        waiting = rested(waits_for_vip(), couples[1], now=now)
        rested(a_journey().wait("rest", for_="30d"), couples[2], now=now)

        tags_add(clients=[(one, ACTOR) for one in couples], name="vip", now=now)

        assert [mock.call([couples[1].id], now=now)] == told.call_args_list
        assert not Wake.objects.exists()
        run_until_idle(now)
        assert Instance.Status.COMPLETED == Instance.objects.get(id=waiting.id).status

    def test_a_paused_passage_counts(self, couple: Client, now: datetime) -> None:
        instance = rested(waits_for_vip(), couple, now=now)
        Instance.objects.update(status=Instance.Status.PAUSED)
        row = unheard(couple.id)

        assert row_is_left(row)
        assert Instance.Status.PAUSED == Instance.objects.get(id=instance.id).status

    def test_a_version_that_can_not_be_read_is_left_to_who_says_so(
        self, couple: Client, now: datetime
    ) -> None:
        rested(a_journey().wait("rest", for_="30d"), couple, now=now)
        row = unheard(couple.id)

        with mock.patch.object(unawaited, "rule_paths", side_effect=DefinitionInvalid([])):
            assert row_is_left(row)


class TestAtTheSameMoment:
    def test_a_step_that_begins_to_wait_is_waited_for_and_told(
        self, couple: Client, now: datetime, threads: Threads
    ) -> None:
        """It has looked at the facts before they changed, and its waiting is committed after they did."""
        instance = rested(a_journey().wait("rest", for_="30d"), couple, now=now)
        with transaction.atomic():
            Instance.objects.select_for_update(no_key=True).get(id=instance.id)
            telling = threads.begin(lambda: wake(client_id=couple.id, topics=["client"], now=now))
            blocked_or_done(telling)
            Schedule.objects.filter(instance=instance).update(
                awaits=["client"], waiting={"since": now.isoformat(), "timeout": None}
            )
        telling.result(WAIT_SECONDS)

        place = Schedule.objects.get(instance=instance)
        assert (now, True) == (place.due_at, place.fence > 0)
        assert not Wake.objects.exists()

    def test_a_passage_that_comes_to_a_version_with_a_rule_is_told(
        self, couple: Client, now: datetime, threads: Threads
    ) -> None:
        instance = rested(a_journey().wait("rest", for_="30d"), couple, now=now)
        ruled = with_rule("exits", "'vip' in client.tags").publish(couple.vendor, now=now)
        tag_add(client=couple, name="vip", now=now, actor=ACTOR)
        with transaction.atomic():
            Instance.objects.select_for_update(no_key=True).get(id=instance.id)
            telling = threads.begin(lambda: wake(client_id=couple.id, topics=["client"], now=now))
            blocked_or_done(telling)
            Instance.objects.filter(id=instance.id).update(version=ruled.current_version)
        telling.result(WAIT_SECONDS)

        assert Instance.Status.COMPLETED == Instance.objects.get(id=instance.id).status

    def test_a_passage_that_begins_between_the_two_looks_is_seen(self, couple: Client, now: datetime) -> None:
        rested(a_journey().wait("rest", for_="30d"), couple, now=now)
        row = unheard(couple.id)
        whole = unawaited._strike_where_nobody_cares

        def after_another_began(*args: Any, **kwargs: Any) -> set[int]:
            rested(waits_for_vip(), couple, now=now)
            return whole(*args, **kwargs)

        # What turns the engine on the way finds the row too: it tells of others only.
        with (
            mock.patch.object(unawaited, "_strike_where_nobody_cares", after_another_began),
            mock.patch.object(waking, "process", return_value=0),
        ):
            assert row_is_left(row)

    def test_rows_that_somebody_has_in_hand_are_theirs(
        self, couple: Client, now: datetime, threads: Threads
    ) -> None:
        row = unheard(couple.id)
        with transaction.atomic():
            Wake.objects.select_for_update().get(id=row)
            striking = threads.begin(lambda: unawaited.strike_off([row]))

            assert [row] == striking.result(WAIT_SECONDS), "it waits for nobody"
        assert Wake.objects.filter(id=row).exists()

    def test_rows_that_are_gone_are_no_error(self, couple: Client) -> None:
        row = unheard(couple.id)

        assert [] == unawaited.strike_off([row])
        assert [] == unawaited.strike_off([row])

    def test_many_who_change_many_clients_lose_nobody(self, vendor: Vendor, now: datetime) -> None:
        """Some wait for the first change, some for the second, some for time alone, and some are nowhere."""
        couples = [a_couple(vendor, now=now) for _ in range(8)]
        journeys = [waits_for_vip().publish(vendor, now=now)] * 2 + [
            a_journey().wait("rest", for_="30d").publish(vendor, now=now),
            None,
        ]
        passages = [
            enter(journey, one, now=now)
            for one, journey in zip(couples, journeys * 2, strict=True)
            if journey is not None
        ]
        waiting = [one.id for one in passages if one.journey_id == passages[0].journey_id]

        def change(number: int) -> None:
            for one in couples[number:] + couples[:number]:
                tag_add(client=one, name="vip" if number % 2 else f"other {number}", now=now, actor=ACTOR)

        together(lambda: run_until_idle(now), *[lambda n=n: change(n) for n in range(4)])
        run_until_idle(now)

        assert not Wake.objects.exists()
        ended = set(Instance.objects.filter(status="completed").values_list("id", flat=True))
        assert set(waiting) == ended


class TestDisk:
    def statement(self, sql: str, **given: Any) -> str:
        """Carry a statement out in a transaction; tell whether its commit would wait for the disk."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit = on")
            cursor.execute(sql, {"live": unawaited._LIVE, **given})
            cursor.fetchall()
            cursor.execute("SHOW synchronous_commit")
            return str(cursor.fetchone()[0])

    def test_striking_off_does_not_wait_for_it(self, couple: Client, now: datetime) -> None:
        row = unheard(couple.id)
        assert "off" == self.statement(unawaited._WHERE_NOBODY_IS_INSIDE, rows=[row])
        assert not Wake.objects.exists()

        rested(a_journey().wait("rest", for_="30d"), couple, now=now)
        row, version = unheard(couple.id), Instance.objects.get().version_id
        assert "off" == self.statement(
            unawaited._WHERE_NOBODY_CARES, rows=[row], plain=[version], fact="fact"
        )
        assert not Wake.objects.exists()

    def test_finding_nothing_to_strike_off_leaves_it_as_it_is(self, couple: Client, now: datetime) -> None:
        rested(waits_for_vip(), couple, now=now)

        assert "on" == self.statement(unawaited._WHERE_NOBODY_IS_INSIDE, rows=[unheard(couple.id)])

    def test_the_setting_ends_with_it(self, couple: Client, now: datetime) -> None:
        rested(a_journey().wait("rest", for_="30d"), couple, now=now)
        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            before = cursor.fetchone()[0]

            wake_all(client_ids=[couple.id], topics=["client"], now=now)

            cursor.execute("SHOW synchronous_commit")
            assert before == cursor.fetchone()[0]

    def test_a_row_that_comes_back_after_a_crash_is_told_once_more_and_harms_nobody(
        self, couple: Client, now: datetime
    ) -> None:
        instance = rested(a_journey().wait("rest", for_="30d"), couple, now=now)
        before = Schedule.objects.values_list("state", "due_at", "fence").get(instance=instance)
        tag_add(client=couple, name="vip", now=now, actor=ACTOR)
        unheard(couple.id)

        assert 0 == waking.process(now=now)

        assert not Wake.objects.exists()
        assert before == Schedule.objects.values_list("state", "due_at", "fence").get(instance=instance)

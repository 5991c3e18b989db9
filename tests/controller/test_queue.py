"""The work queue: what is worked on when, and what never is. Time is virtual."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from itertools import pairwise
from typing import Any

import pytest

from canary.cluster.backoff import LONGEST_OUTAGE_SECONDS
from canary.controller.queue import LONGEST_RETRY_SECONDS, STALE_ALARMS, WorkQueue
from canary.errors import Conflict, Invalid, Unreachable
from tests.controller.virtual import play


class World:
    """A queue, the work on it, and when each key was worked on."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.queue: WorkQueue[str] = WorkQueue(self.loop.time)
        self.worked: list[tuple[str, float]] = []
        self.at_once: list[str] = []
        self.most_at_once = 0
        self.works: Callable[[str], Awaitable[None]] = self.nothing

    async def nothing(self, key: str) -> None:
        pass

    async def work(self, key: str) -> None:
        assert key not in self.at_once, f"{key} is worked on twice at once"
        self.at_once.append(key)
        self.most_at_once = max(self.most_at_once, len(self.at_once))
        self.worked.append((key, self.loop.time()))
        try:
            await self.works(key)
        finally:
            self.at_once.remove(key)

    @property
    def keys(self) -> list[str]:
        return [key for key, _ in self.worked]

    @property
    def moments(self) -> list[float]:
        return [pytest.approx(moment, abs=1e-3) for _, moment in self.worked]


def story(
    tell: Callable[..., Coroutine[Any, Any, None]],
) -> Callable[..., None]:
    """Tell a story with a running queue, in virtual time."""

    @wraps(tell)
    def told(*arguments: Any) -> None:
        async def run() -> None:
            world = World()
            running = asyncio.create_task(world.queue.run(world.work, workers=4))
            await asyncio.sleep(0)
            await tell(*arguments, world)
            world.queue.close()
            await running

        play(run())

    # pytest would ask for the world as a fixture.
    del told.__wrapped__  # type: ignore[attr-defined]
    return told


@story
async def test_a_key_that_is_woken_is_worked_on_at_once(world: World) -> None:
    world.queue.wake("a")
    await asyncio.sleep(1)
    assert world.worked == [("a", 0.0)]


@story
async def test_equal_wake_ups_merge(world: World) -> None:
    for _ in range(10):
        world.queue.wake("a")
    assert len(world.queue) == 1
    await asyncio.sleep(1)
    assert world.keys == ["a"]


@story
async def test_keys_are_worked_on_in_the_order_they_were_woken(world: World) -> None:
    for key in "cab":
        world.queue.wake(key)
    await asyncio.sleep(1)
    assert world.keys == ["c", "a", "b"]


@story
async def test_a_wake_up_during_the_work_has_it_done_once_more(world: World) -> None:
    async def takes_a_second(_: str) -> None:
        await asyncio.sleep(1)

    world.works = takes_a_second
    world.queue.wake("a")
    await asyncio.sleep(0.5)
    world.queue.wake("a")
    world.queue.wake("a")
    await asyncio.sleep(5)
    assert world.keys == ["a", "a"]
    assert world.moments == [0.0, 1.0]


@story
async def test_a_slow_key_delays_no_other_and_workers_are_bounded(world: World) -> None:
    async def some_are_slow(key: str) -> None:
        await asyncio.sleep(100 if key.startswith("slow") else 0)

    world.works = some_are_slow
    for number in range(3):
        world.queue.wake(f"slow {number}")
    for number in range(20):
        world.queue.wake(f"fast {number}")
    await asyncio.sleep(1)
    assert len([key for key in world.keys if key.startswith("fast")]) == 20
    for number in range(20):
        world.queue.wake(f"slow too {number}")
    await asyncio.sleep(1)
    assert world.most_at_once == 4


@story
async def test_alarms_ring_in_the_order_of_their_times(world: World) -> None:
    world.queue.wake_in("b", 20)
    world.queue.wake_in("a", 10)
    world.queue.wake_in("c", 3600)
    await asyncio.sleep(7200)
    assert world.keys == ["a", "b", "c"]
    assert world.moments == [10, 20, 3600]


@pytest.mark.parametrize(
    ("first", "then", "rings"),
    [(10, 20, [20]), (20, 10, [10]), (10, None, []), (None, 10, [10]), (10, 10, [10])],
)
def test_a_new_alarm_replaces_the_one_before(
    first: float | None, then: float | None, rings: list[float]
) -> None:
    @story
    async def told(world: World) -> None:
        world.queue.wake_in("a", first)
        world.queue.wake_in("a", then)
        await asyncio.sleep(100)
        assert world.moments == rings

    told()


@story
async def test_an_alarm_in_the_past_rings_now(world: World) -> None:
    world.queue.wake_in("a", -5)
    await asyncio.sleep(1)
    assert world.moments == [0.0]


@story
async def test_what_is_planned_for_a_forgotten_key_never_happens(world: World) -> None:
    world.queue.wake_in("a", 10)
    world.queue.forget("a")
    await asyncio.sleep(100)
    assert world.worked == []


@story
async def test_an_idle_queue_does_nothing(world: World) -> None:
    # In virtual time a queue that polls would wake the loop; one that waits has no timer at all.
    await asyncio.sleep(0)
    assert not world.loop._scheduled  # type: ignore[attr-defined]


@story
async def test_a_key_whose_alarm_is_moved_often_leaves_nothing_behind(world: World) -> None:
    for _ in range(10_000):
        world.queue.wake_in("a", 600)
        world.queue.wake_in("b", 600)
    assert len(world.queue._heap) <= 2 * 2 + STALE_ALARMS
    await asyncio.sleep(1000)
    assert sorted(world.keys) == ["a", "b"]


class TestFailures:
    @pytest.mark.parametrize("error", [Invalid("422"), ValueError("a defect")], ids=repr)
    def test_a_key_that_fails_is_tried_again_ever_later(self, error: Exception) -> None:
        @story
        async def told(world: World) -> None:
            async def fails(_: str) -> None:
                raise error

            world.works = fails
            world.queue.wake("a")
            await asyncio.sleep(600)
            moments = [moment for _, moment in world.worked]
            pauses = [after - before for before, after in pairwise(moments)]
            assert 0.1 < pauses[0] < 0.3
            assert all(pause < LONGEST_RETRY_SECONDS * 1.31 for pause in pauses)
            assert pauses[-1] > LONGEST_RETRY_SECONDS * 0.69
            assert 10 < len(moments) < 30

        told()

    @pytest.mark.parametrize("error", [Unreachable("no answer"), Conflict("409")], ids=repr)
    def test_a_server_that_was_away_is_asked_again_soon_after(self, error: Exception) -> None:
        @story
        async def told(world: World) -> None:
            async def is_away(_: str) -> None:
                raise error

            world.works = is_away
            world.queue.wake("a")
            await asyncio.sleep(600)
            moments = [moment for _, moment in world.worked]
            pauses = [after - before for before, after in pairwise(moments)]
            assert all(pause < LONGEST_OUTAGE_SECONDS * 1.31 for pause in pauses)
            assert all(pause > LONGEST_OUTAGE_SECONDS * 0.69 for pause in pauses[6:])

        told()

    @story
    async def test_days_of_failures_do_not_end_the_queue(self, world: World) -> None:
        async def fails(_: str) -> None:
            raise Conflict("409")

        world.works = fails
        world.queue.wake("a")
        await asyncio.sleep(3 * 24 * 3600)
        assert len(world.worked) > 3000
        world.works = world.nothing
        before = len(world.worked)
        world.queue.wake("b")
        await asyncio.sleep(100)
        assert set(world.keys[before:]) == {"a", "b"}

    @story
    async def test_a_success_starts_the_delays_over(self, world: World) -> None:
        outcomes = [Conflict("1"), Conflict("2"), Conflict("3"), None, Conflict("4"), None]

        async def comes_out(_: str) -> None:
            outcome = outcomes.pop(0)
            if outcome is not None:
                raise outcome

        world.works = comes_out
        world.queue.wake("a")
        await asyncio.sleep(30)
        world.queue.wake("a")
        await asyncio.sleep(0.5)
        assert outcomes == []

    @story
    async def test_one_key_that_fails_delays_no_other(self, world: World) -> None:
        async def fails(key: str) -> None:
            if key == "bad":
                raise RuntimeError(key)

        world.works = fails
        for key in ("bad", "good", "better"):
            world.queue.wake(key)
        await asyncio.sleep(0.01)
        assert world.keys == ["bad", "good", "better"]

    @story
    async def test_work_whose_own_wait_is_cancelled_costs_no_worker(self, world: World) -> None:
        async def waits_for_what_is_cancelled(_: str) -> None:
            future = world.loop.create_future()
            world.loop.call_soon(future.cancel)
            await future

        world.works = waits_for_what_is_cancelled
        for number in range(10):
            world.queue.wake(f"cancelled {number}")
        await asyncio.sleep(0.01)
        world.works = world.nothing
        world.queue.wake("good")
        await asyncio.sleep(0.01)
        assert world.keys[-1] == "good"


class TestTheEnd:
    def test_work_in_flight_is_finished_and_nothing_is_begun(self) -> None:
        async def scenario() -> None:
            world = World()
            finished = []

            async def slow(key: str) -> None:
                await asyncio.sleep(5)
                finished.append(key)

            world.works = slow
            running = asyncio.create_task(world.queue.run(world.work, workers=1))
            world.queue.wake("in flight")
            await asyncio.sleep(1)
            world.queue.wake("not begun")
            world.queue.wake_in("planned", 1)
            world.queue.close()
            await running
            assert finished == ["in flight"]
            assert world.keys == ["in flight"]
            assert world.loop.time() == pytest.approx(5, abs=1e-3)

        play(scenario())

    def test_an_idle_queue_ends_at_once(self) -> None:
        async def scenario() -> None:
            world = World()
            running = asyncio.create_task(world.queue.run(world.work, workers=4))
            await asyncio.sleep(1)
            world.queue.close()
            await running
            assert world.loop.time() == pytest.approx(1, abs=1e-3)

        play(scenario())

    def test_a_cancelled_queue_cancels_what_is_in_flight(self) -> None:
        async def scenario() -> None:
            world = World()

            async def endless(_: str) -> None:
                await asyncio.sleep(1e6)

            world.works = endless
            running = asyncio.create_task(world.queue.run(world.work, workers=2))
            world.queue.wake("a")
            await asyncio.sleep(1)
            running.cancel()
            await asyncio.wait({running})
            assert running.cancelled()
            assert world.at_once == []

        play(scenario())

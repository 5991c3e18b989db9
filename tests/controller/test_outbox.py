"""The outbox: at least once, in order for each key, holding nobody up."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest

from canary.cluster.backoff import LONGEST_OUTAGE_SECONDS
from canary.controller.outbox import DELIVERIES, LONGEST_WAIT_SECONDS, Outbox
from canary.errors import Unreachable
from canary.notifiers import NotDelivered

SOON = timedelta(seconds=10)


class World:
    """A clock that only waits move, and what came out of the outbox."""

    def __init__(self) -> None:
        self.now = 0.0
        self.rests: list[float] = []
        self.delivered: list[tuple[str, str]] = []
        self.outcomes: list[str] = []
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    def on_delivered(self, key: str, item: str) -> None:
        self.delivered.append((key, item))
        task = asyncio.get_running_loop().create_task(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def done(self, count: int) -> None:
        async with asyncio.timeout(180), self._changed:
            await self._changed.wait_for(lambda: len(self.delivered) >= count)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def outbox(world: World) -> AsyncIterator[Outbox[str]]:
    box = Outbox[str](
        on_delivered=world.on_delivered,
        clock=world.clock,
        sleep=world.sleep,
        observed=lambda outcome, _seconds, _type: world.outcomes.append(outcome),
        capacity=3,
    )
    yield box
    await box.close(timedelta(0))


def failing(*errors: Exception) -> Callable[[], Awaitable[None]]:
    """Make a delivery that fails so many times, and then succeeds."""
    left = list(errors)

    async def deliver() -> None:
        if left:
            raise left.pop(0)

    return deliver


def forever(error: Exception) -> Callable[[], Awaitable[None]]:
    async def deliver() -> None:
        raise error

    return deliver


LATER = NotDelivered("not now", retryable=True)


async def test_what_is_submitted_is_delivered(outbox: Outbox[str], world: World) -> None:
    assert outbox.submit("a", "1", failing())
    await world.done(1)
    assert world.delivered == [("a", "1")]
    assert world.outcomes == ["delivered"]
    assert len(outbox) == 0


async def test_items_of_a_key_come_in_their_order_also_after_failures(
    outbox: Outbox[str], world: World
) -> None:
    outbox.submit("a", "1", failing(LATER, LATER))
    outbox.submit("a", "2", failing())
    outbox.submit("a", "3", failing(LATER))
    await world.done(3)
    assert world.delivered == [("a", "1"), ("a", "2"), ("a", "3")]


async def test_a_slow_key_does_not_delay_another(outbox: Outbox[str], world: World) -> None:
    release = asyncio.Event()

    async def slow() -> None:
        await release.wait()

    outbox.submit("slow", "1", slow)
    outbox.submit("fast", "1", failing())
    await world.done(1)
    assert world.delivered == [("fast", "1")]
    release.set()
    await world.done(2)


async def test_the_same_item_is_taken_once_while_it_is_here(
    outbox: Outbox[str], world: World
) -> None:
    release, calls = asyncio.Event(), 0

    async def deliver() -> None:
        nonlocal calls
        calls += 1
        await release.wait()

    assert outbox.submit("a", "1", deliver)
    await asyncio.sleep(0)
    assert outbox.submit("a", "1", deliver)
    assert len(outbox) == 1
    release.set()
    await world.done(1)
    assert calls == 1


async def test_a_full_queue_refuses_until_there_is_room(outbox: Outbox[str], world: World) -> None:
    release = asyncio.Event()

    async def deliver() -> None:
        await release.wait()

    assert [outbox.submit("a", str(each), deliver) for each in range(4)] == [True] * 3 + [False]
    assert outbox.submit("b", "1", failing())
    release.set()
    await world.done(4)
    assert outbox.submit("a", "3", failing())
    await world.done(5)


@pytest.mark.parametrize(
    "error", [LATER, Unreachable("the API server is away"), RuntimeError("a defect")]
)
async def test_what_may_succeed_later_is_tried_again(
    outbox: Outbox[str], world: World, error: Exception
) -> None:
    outbox.submit("a", "1", failing(error, error))
    await world.done(1)
    assert world.outcomes == ["failed", "failed", "delivered"]
    assert 0.7 <= world.rests[0] <= 1.3 < world.rests[1] <= 2.6


async def test_the_wait_that_a_receiver_asks_for_is_kept(outbox: Outbox[str], world: World) -> None:
    outbox.submit("a", "1", failing(NotDelivered("slow down", retryable=True, retry_after=42)))
    await world.done(1)
    assert world.rests == [42]


async def test_what_will_never_succeed_is_given_up_at_once(
    outbox: Outbox[str], world: World, caplog: pytest.LogCaptureFixture
) -> None:
    never, told = NotDelivered("no such channel", retryable=False), list[Exception]()
    outbox.submit("a", "1", forever(never), name="Promoted to alert/ops", given_up=told.append)
    outbox.submit("a", "2", failing())
    await world.done(2)
    assert world.delivered == [("a", "1"), ("a", "2")]
    assert world.outcomes == ["failed", "given-up", "delivered"]
    assert told == [never]
    assert caplog.messages == [
        "Promoted to alert/ops was not delivered: no such channel",
        "Promoted to alert/ops is given up: no such channel",
    ]
    assert {vars(each)["canary"] for each in caplog.records} == {"a"}


async def test_what_fails_all_the_time_is_given_up_within_its_time(
    outbox: Outbox[str], world: World
) -> None:
    outbox.submit("a", "1", forever(LATER))
    await world.done(1)
    assert world.outcomes[-1] == "given-up"
    assert 1800 < world.now <= 3600
    assert 0.7 * LONGEST_WAIT_SECONDS <= max(world.rests) <= LONGEST_WAIT_SECONDS


async def test_an_api_server_that_was_away_is_asked_again_soon_after(
    outbox: Outbox[str], world: World
) -> None:
    outbox.submit("a", "1", failing(*[Unreachable("the API server is away")] * 20))
    await world.done(1)
    longest = LONGEST_OUTAGE_SECONDS
    assert all(rest <= 1.3 * longest for rest in world.rests)
    assert all(rest >= 0.7 * longest for rest in world.rests[5:])


async def test_closing_waits_for_what_is_under_way(outbox: Outbox[str], world: World) -> None:
    began, release = asyncio.Event(), asyncio.Event()

    async def deliver() -> None:
        began.set()
        await release.wait()

    outbox.submit("a", "1", deliver)
    outbox.submit("a", "2", failing())
    await began.wait()
    closing = asyncio.create_task(outbox.close(SOON))
    await asyncio.sleep(0)
    assert not outbox.submit("b", "1", failing())
    release.set()
    await closing
    assert world.delivered == [("a", "1"), ("a", "2")]


async def test_closing_ends_in_time_and_leaves_the_rest_undelivered(
    outbox: Outbox[str], world: World
) -> None:
    began = asyncio.Event()

    async def deliver() -> None:
        began.set()
        await asyncio.Event().wait()

    outbox.submit("a", "1", deliver)
    await began.wait()
    await outbox.close(timedelta(milliseconds=10))
    assert world.delivered == []
    assert len(outbox) == 0


async def test_closing_does_not_wait_for_what_rests_until_its_next_attempt(world: World) -> None:
    resting = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        resting.set()
        await asyncio.Event().wait()

    outbox = Outbox[str](on_delivered=world.on_delivered, clock=world.clock, sleep=sleep)
    outbox.submit("a", "1", forever(LATER))
    await resting.wait()
    async with asyncio.timeout(180):
        await outbox.close(timedelta(hours=1))
    assert world.delivered == []


async def test_an_attempt_that_fails_while_closing_is_not_given_up(
    outbox: Outbox[str], world: World
) -> None:
    began, release = asyncio.Event(), asyncio.Event()

    async def deliver() -> None:
        began.set()
        await release.wait()
        raise LATER

    outbox.submit("a", "1", deliver)
    await began.wait()
    closing = asyncio.create_task(outbox.close(SOON))
    await asyncio.sleep(0)
    release.set()
    await closing
    assert world.delivered == []
    assert world.outcomes == ["failed"]


async def test_what_is_dropped_is_delivered_to_nobody_and_can_come_again(
    outbox: Outbox[str], world: World
) -> None:
    begun = asyncio.Event()

    async def hangs() -> None:
        begun.set()
        await asyncio.Event().wait()

    outbox.submit("a", "1", hangs)
    outbox.submit("a", "2", failing())
    outbox.submit("b", "1", failing())
    async with asyncio.timeout(180):
        await begun.wait()
    outbox.drop(lambda key: key == "a")
    # Nothing of what was dropped stands in the way of what comes under its key and id.
    assert outbox.submit("a", "1", failing())
    await world.done(2)
    assert sorted(world.delivered) == [("a", "1"), ("b", "1")]
    assert len(outbox) == 0


async def test_what_rests_until_its_next_attempt_can_be_dropped(
    outbox: Outbox[str], world: World
) -> None:
    tried = asyncio.Event()

    async def refused() -> None:
        tried.set()
        raise LATER

    outbox.submit("a", "1", refused)
    async with asyncio.timeout(180):
        await tried.wait()
    outbox.drop(lambda _: True)
    await outbox.close(timedelta(seconds=1))
    assert world.delivered == []
    assert len(outbox) == 0


async def test_a_destination_that_hangs_keeps_no_place_from_another(
    outbox: Outbox[str], world: World
) -> None:
    """More hang than can be under way at once."""
    release = asyncio.Event()

    async def hang() -> None:
        await release.wait()

    for place in range(2 * DELIVERIES):
        outbox.submit(f"slow {place}", "1", hang, destination="slow")
    outbox.submit("quick", "1", failing(), destination="quick")
    await world.done(1)
    assert world.delivered == [("quick", "1")]
    release.set()
    await world.done(2 * DELIVERIES + 1)

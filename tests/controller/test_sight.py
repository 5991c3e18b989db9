"""What could not be seen or written, and when: of each source, and of everything."""

import asyncio
from datetime import UTC, datetime, timedelta

from canary.cluster.sight import EVERYTHING, KEPT, Sight
from canary.core.facts import Outage
from tests.controller.faults import Proxy, proxied
from tests.controller.running import World
from tests.receiver import Answer, receiving

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def at(self, second: int) -> datetime:
        self.now = START + timedelta(seconds=second)
        return self.now


def test_an_outage_is_from_its_first_loss_to_its_end():
    clock = Clock()
    sight = Sight(clock)
    clock.at(1)
    sight.lose("a")
    clock.at(2)
    sight.lose("a")
    assert sight.away_since(["a", "b"]) == START + timedelta(seconds=1)
    assert sight.away_since(["b"]) is None
    clock.at(5)
    sight.regain("a")
    sight.regain("a")
    assert sight.away_since(["a"]) is None
    assert sight.outages(["a"]) == (
        Outage(START + timedelta(seconds=1), START + timedelta(seconds=5)),
    )
    assert sight.outages(["b"]) == ()
    sight.forget("a")
    assert sight.outages(["a"]) == ()


def test_what_concerned_everything_concerns_each():
    sight = Sight(Clock())
    everything = Outage(START, START + timedelta(hours=1))
    sight.add(EVERYTHING, everything)
    sight.add("a", Outage(START, START))
    assert sight.outages(["a"]) == sight.outages([]) == (everything,)


def test_it_remembers_no_more_than_so_many_of_each():
    sight = Sight(Clock())
    for second in range(0, 2 * KEPT * 2, 2):
        begin = START + timedelta(seconds=second)
        sight.add("a", Outage(begin, begin + timedelta(seconds=1)))
    assert len(sight.outages(["a"])) == KEPT


async def test_a_gate_s_clock_stands_still_while_the_api_server_is_away(world: World):
    """A gate of 5 s, and an outage of 6 s within it: it is given up after 11 s at the soonest."""
    gate = {"type": "confirm-rollout", "name": "gate", "deadline": "5s"}
    async with (
        receiving() as hooks,
        proxied(world.server.url) as proxy,
        world.running_controller(url=proxy.url),
    ):
        hooks.answers(Answer(status=403))
        await world.create_app()
        await world.create_canary(analysis={"webhooks": [gate | {"url": hooks.url}]})
        await world.until_phase("Initialized")
        await world.release()
        await world.until_phase("Waiting")
        await away(proxy, seconds=6)
        await world.until_phase("Failed")
        status = await world.status()
        (ended,) = status["history"]
        assert ended["durationSeconds"] >= 10
        assert status["outagesUntil"]


async def away(proxy: Proxy, *, seconds: float) -> None:
    """Take the API server away for so long."""
    proxy.down = True
    proxy.cut()
    await asyncio.sleep(seconds)
    proxy.down = False

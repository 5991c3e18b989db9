"""What could not be seen or written, and when: of each source, and of everything."""

import asyncio
from datetime import UTC, datetime, timedelta

from canary.cluster.outages import EVERYTHING, KEPT, OutageLog
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
    outages = OutageLog(clock)
    clock.at(1)
    outages.lose("a")
    clock.at(2)
    outages.lose("a")
    assert outages.away_since(["a", "b"]) == START + timedelta(seconds=1)
    assert outages.away_since(["b"]) is None
    clock.at(5)
    outages.regain("a")
    outages.regain("a")
    assert outages.away_since(["a"]) is None
    assert outages.outages(["a"]) == (
        Outage(START + timedelta(seconds=1), START + timedelta(seconds=5)),
    )
    assert outages.outages(["b"]) == ()
    outages.forget("a")
    assert outages.outages(["a"]) == ()


def test_what_concerned_everything_concerns_each():
    outages = OutageLog(Clock())
    everything = Outage(START, START + timedelta(hours=1))
    outages.add(EVERYTHING, everything)
    outages.add("a", Outage(START, START))
    assert outages.outages(["a"]) == outages.outages([]) == (everything,)


def test_it_remembers_no_more_than_so_many_of_each():
    outages = OutageLog(Clock())
    for second in range(0, 2 * KEPT * 2, 2):
        begin = START + timedelta(seconds=second)
        outages.add("a", Outage(begin, begin + timedelta(seconds=1)))
    assert len(outages.outages(["a"])) == KEPT


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

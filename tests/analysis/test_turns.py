"""Turns: a party holds half of the places at most, and those that wait are served one party after the other."""

import asyncio
from random import Random

import pytest

from analysis.turns import Turns


class Queue:
    """Those that hold a place, and those that wait for one."""

    def __init__(self, places: int) -> None:
        self.turns = Turns(places)
        self.held: list[str] = []
        self.served: list[str] = []
        self._ends: list[tuple[str, asyncio.Event, asyncio.Task[None]]] = []

    async def come(self, *parties: str) -> None:
        for party in parties:
            end = asyncio.Event()
            self._ends.append((party, end, asyncio.create_task(self._hold(party, end))))
            await settle()

    async def _hold(self, party: str, end: asyncio.Event) -> None:
        async with self.turns.place(party):
            self.held.append(party)
            self.served.append(party)
            try:
                await end.wait()
            finally:
                self.held.remove(party)

    async def leave(self, party: str) -> None:
        """Let the one of a party go that came first."""
        found = next(each for each in self._ends if each[0] == party)
        self._ends.remove(found)
        found[1].set()
        await settle()

    async def cancel(self, party: str) -> None:
        """Cancel the one of a party that came last."""
        found = next(each for each in reversed(self._ends) if each[0] == party)
        self._ends.remove(found)
        found[2].cancel()
        await settle()

    async def empty(self) -> None:
        tasks = [task for _, _, task in self._ends]
        while self._ends:
            await self.leave(self._ends[0][0])
        await asyncio.gather(*tasks)


async def settle() -> None:
    for _ in range(40):
        await asyncio.sleep(0)


async def test_a_party_holds_half_of_the_places_at_most_though_the_rest_is_free():
    queue = Queue(4)
    await queue.come("a", "a", "a", "a")
    assert (queue.held, queue.turns.waiting, queue.turns.waiting_of("a")) == (["a", "a"], 2, 2)
    await queue.come("b")
    assert queue.held == ["a", "a", "b"]
    await queue.empty()
    assert queue.turns.idle


async def test_with_one_place_one_is_served_at_a_time():
    queue = Queue(1)
    await queue.come("a", "b")
    assert queue.held == ["a"]
    await queue.empty()
    assert queue.served == ["a", "b"]


async def test_those_that_wait_are_served_one_party_after_the_other_and_within_it_as_they_came():
    queue = Queue(2)
    await queue.come("a", "b", "a", "a", "b", "c")
    for party in ("a", "b", "a", "c", "b", "a"):
        await queue.leave(party)
    assert queue.served == ["a", "b", "a", "b", "c", "a"]


async def test_one_that_is_cancelled_while_it_waits_takes_no_place_from_others():
    queue = Queue(2)
    await queue.come("a", "a", "a")
    await queue.cancel("a")
    assert queue.turns.waiting == 1
    await queue.leave("a")
    assert (queue.held, queue.turns.waiting) == (["a"], 0)
    await queue.empty()
    assert queue.turns.idle


async def test_one_that_is_cancelled_in_the_moment_of_its_turn_gives_it_on():
    turns = Turns(2)
    reached: list[str] = []

    async def hold(name: str) -> None:
        async with turns.place("a"):
            reached.append(name)

    leaving = turns.place("a")
    await leaving.__aenter__()
    waiting = [asyncio.create_task(hold(name)) for name in ("first", "second", "third")]
    await settle()
    # The place is given to the first, which never learns of it.
    await leaving.__aexit__(None, None, None)
    waiting[0].cancel()
    # And the second is cancelled before it is served.
    waiting[1].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert (reached, turns.idle) == (["third"], True)


@pytest.mark.parametrize("seed", range(10))
async def test_whatever_comes_and_goes_no_place_is_lost_or_lent_twice(seed: int):
    chance = Random(seed)
    queue = Queue(places := chance.choice((1, 2, 3, 8)))
    most = max(1, places // 2)
    acts = (queue.come, queue.come, queue.leave, queue.cancel)
    for _ in range(200):
        party = chance.choice("abc")
        act = chance.choice(acts)
        present = any(each[0] == party for each in queue._ends)
        if act == queue.come or present:
            await act(party)
        assert len(queue.held) <= places
        assert all(queue.held.count(each) <= most for each in "abc")
        if queue.turns.waiting and len(queue.held) < places:
            stuck = [each for each in "abc" if queue.turns.waiting_of(each)]
            assert all(queue.held.count(each) == most for each in stuck)
    await queue.empty()
    assert (queue.held, queue.turns.idle, queue.turns._free) == ([], True, places)

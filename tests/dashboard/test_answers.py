"""Answers about places: asked once however many wait, kept for a while, renewed ahead of its end."""

import asyncio

import pytest

from canary.dashboard.answers import Answers, Place
from canary.dashboard.shared import SharedParts
from canary.errors import Forbidden
from tests.controller.running import until
from tests.dashboard.test_sessions import Clock

WEB, PAY = ("tidegate.dev", "web"), ("tidegate.dev", "pay")


class Asked:
    """Answers with how often it was asked, as soon as it may."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.places: list[Place] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.refuses = False
        self.answers: Answers[int] = Answers(self.ask, clock=self.clock, seconds=30.0)

    async def ask(self, place: Place) -> int:
        self.places.append(place)
        number = len(self.places)
        await self.may_answer.wait()
        if self.refuses:
            raise Forbidden("no")
        return number


async def test_a_place_is_asked_about_once_however_many_wait():
    asked = Asked()
    found = await asyncio.gather(*(asked.answers.get(WEB) for _ in range(100)))
    assert (set(found), asked.places) == ({1}, [WEB])


async def test_places_are_asked_about_at_once():
    asked = Asked()
    asked.may_answer.clear()
    waiting = asyncio.create_task(asked.answers.all([WEB, PAY]))
    await until(lambda: asked.places == [WEB, PAY])
    asked.may_answer.set()
    assert await waiting == {WEB: 1, PAY: 2}


async def test_what_was_no_answer_is_asked_again():
    asked = Asked()
    asked.refuses = True
    for _ in range(2):
        with pytest.raises(Forbidden):
            await asked.answers.get(WEB)
    asked.refuses = False
    assert await asked.answers.get(WEB) == 3


async def test_an_answer_in_use_is_renewed_before_its_time_is_up_and_nobody_waits():
    asked = Asked()
    await asked.answers.get(WEB)
    asked.clock.now += 15
    asked.may_answer.clear()
    assert [await asked.answers.get(WEB) for _ in range(3)] == [1, 1, 1]
    await until(lambda: len(asked.places) == 2)
    asked.may_answer.set()

    async def renewed() -> bool:
        return await asked.answers.get(WEB) == 2

    await until(renewed)
    asked.clock.now += 14
    assert (await asked.answers.get(WEB), len(asked.places)) == (2, 2)


async def test_an_answer_that_was_not_used_is_not_believed_after_its_time():
    asked = Asked()
    await asked.answers.get(WEB)
    asked.clock.now += 30
    assert await asked.answers.get(WEB) == 2


async def test_a_renewal_that_fails_leaves_the_answer_until_its_time_is_up():
    asked = Asked()
    await asked.answers.get(WEB)
    asked.clock.now += 20
    asked.refuses = True
    assert await asked.answers.get(WEB) == 1
    await until(lambda: len(asked.places) == 2)
    assert await asked.answers.get(WEB) == 1
    asked.clock.now += 10
    with pytest.raises(Forbidden):
        await asked.answers.get(WEB)


async def test_what_is_not_known_in_time_stays_open_and_is_known_later():
    asked = Asked()
    asked.may_answer.clear()
    assert await asked.answers.known([WEB], seconds=0, otherwise=0) == {WEB: 0}
    asked.may_answer.set()
    assert await asked.answers.known([WEB], seconds=60, otherwise=0) == {WEB: 1}
    assert await asked.answers.known([], seconds=60, otherwise=0) == {}


def test_parts_are_rendered_once_for_each_change_and_again_when_moments_have_gone_by():
    clock, rendered = Clock(), []

    def render() -> dict[str, str]:
        rendered.append(clock.now)
        return {"fleet": str(len(rendered))}

    shared = SharedParts(clock=clock)
    seen = [shared.get("all", version, render)["fleet"] for version in (1, 1, 2, 2)]
    clock.now += 1
    seen += [shared.get(key, 2, render)["fleet"] for key in ("all", "web", "all")]
    assert seen == ["1", "1", "2", "2", "3", "4", "3"]


def test_the_parts_that_are_kept_are_bounded():
    shared, rendered = SharedParts(clock=Clock()), []
    for number in range(100):
        shared.get(number, 1, dict)
    shared.get(0, 1, lambda: {"again": str(rendered.append(0))})
    assert rendered == [0]

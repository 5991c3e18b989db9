"""Edits: the newest one of each message, with a pause between two, and none tried again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from canary.controller.edits import EDITS_OF_ONE, PAUSE_SECONDS, Edits
from canary.notifiers import NotDelivered
from tests.controller.virtual import play


class Messages:
    """Messages that are edited, with the moment of each edit in virtual time."""

    def __init__(self) -> None:
        self.edits = Edits[str](observed=lambda *told: self.told.append(told))
        self.told: list[tuple[str, float, str]] = []
        """Each edit: what came of it, how long it took, and what shows it."""
        self.shown: list[tuple[str, float]] = []
        self.fails: Exception | None = None

    def submit(self, text: str, key: str = "m", destination: str = "chat") -> None:
        async def make() -> None:
            self.shown.append((text, asyncio.get_running_loop().time()))
            if self.fails is not None:
                raise self.fails

        self.edits.submit(key, make, destination=destination, type_="slack")

    @property
    def texts(self) -> list[str]:
        return [text for text, _ in self.shown]


def playing(scenario: Callable[[Messages], Awaitable[None]]) -> Messages:
    async def played() -> None:
        nonlocal messages
        messages = Messages()
        await scenario(messages)
        await messages.edits.close()

    messages: Messages
    play(played())
    return messages


def test_many_changes_are_one_edit_and_the_newest_is_shown():
    async def scenario(messages: Messages) -> None:
        messages.submit("1")
        await asyncio.sleep(1)
        for text in ("2", "3", "4"):
            messages.submit(text)
        await asyncio.sleep(60)

    assert playing(scenario).shown == [("1", 0.0), ("4", PAUSE_SECONDS)]


def test_an_edit_that_fails_is_not_tried_again_before_the_next_change(
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level(logging.INFO)

    async def scenario(messages: Messages) -> None:
        messages.fails = NotDelivered("not now", retryable=True)
        messages.submit("1")
        await asyncio.sleep(3600)
        messages.fails = None
        messages.submit("2")
        await asyncio.sleep(1)

    assert playing(scenario).texts == ["1", "2"]
    assert "a message was not edited: not now" in caplog.text


def test_what_the_receiver_asks_to_wait_for_is_waited_for():
    async def scenario(messages: Messages) -> None:
        messages.fails = NotDelivered("slow down", retryable=True, retry_after=60)
        messages.submit("1")
        await asyncio.sleep(1)
        messages.submit("2")
        await asyncio.sleep(120)

    assert playing(scenario).shown == [("1", 0.0), ("2", 60.0)]


def test_a_defect_of_one_edit_is_logged_with_its_place_and_ends_no_other(
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level(logging.INFO)

    async def scenario(messages: Messages) -> None:
        messages.fails = ZeroDivisionError("a defect")
        messages.submit("1")
        await asyncio.sleep(1)
        messages.submit("2")
        await asyncio.sleep(60)

    assert playing(scenario).texts == ["1", "2"]
    assert "ZeroDivisionError" in caplog.text


def test_a_destination_that_hangs_keeps_no_place_from_another():
    async def scenario(messages: Messages) -> None:
        async def hang() -> None:
            await asyncio.sleep(3600)

        for place in range(100):
            messages.edits.submit(f"slow {place}", hang, destination="slow")
        messages.submit("1")
        await asyncio.sleep(1)
        assert messages.texts == ["1"]

    playing(scenario)
    assert EDITS_OF_ONE < 100


def test_what_is_dropped_is_not_edited_any_more():
    async def scenario(messages: Messages) -> None:
        messages.submit("1", "gone")
        messages.submit("1", "stays")
        await asyncio.sleep(1)
        messages.submit("2", "gone")
        messages.submit("2", "stays")
        messages.edits.drop(lambda key: key == "gone")
        await asyncio.sleep(60)

    assert playing(scenario).texts == ["1", "1", "2"]


def test_each_edit_is_told_with_the_type_of_what_shows_it():
    async def scenario(messages: Messages) -> None:
        messages.fails = NotDelivered("no", retryable=True)
        messages.submit("1")
        await asyncio.sleep(PAUSE_SECONDS)
        messages.fails = None
        messages.submit("2")
        await asyncio.sleep(1)

    told = playing(scenario).told
    assert [(outcome, type_) for outcome, _, type_ in told] == [
        ("failed", "slack"),
        ("delivered", "slack"),
    ]

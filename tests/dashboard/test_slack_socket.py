"""The socket to Slack: what ends it, hangs it or silences it, and that a press comes through again."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from canary.dashboard.slack_socket import SocketTimes, slack_socket
from tests.controller.running import until
from tests.slack import APP_TOKEN, FakeSlack, a_slack

pytestmark = pytest.mark.asyncio

QUICK = SocketTimes(ping=0.2, patience=0.5, again=0.1)
PRESS = {"type": "block_actions"}


@dataclass
class Listening:
    """A workspace, and what was heard of it by a socket."""

    slack: FakeSlack
    heard: list[Mapping[str, Any]] = field(default_factory=list)

    async def hears(self) -> None:
        """Tell of a press until it is heard: a socket may be lost on the way."""
        before = len(self.heard)

        async def heard() -> bool:
            if self.slack.sockets and not self.slack.sockets[-1].closed:
                document = {"envelope_id": "one", "type": "interactive", "payload": PRESS}
                await self.slack.sockets[-1].send_json(document)
            return len(self.heard) > before

        await until(heard, "a press is heard")


@pytest.fixture
async def listening() -> AsyncIterator[Listening]:
    async with a_slack() as slack:
        here = Listening(slack)
        async with slack_socket(slack.api, APP_TOKEN, here.heard.append, QUICK):
            await until(lambda: slack.opened == 1)
            await here.hears()
            yield here


async def test_a_socket_that_answers_no_ping_is_noticed_and_another_is_opened() -> None:
    async with a_slack() as slack:
        here = Listening(slack)
        slack.deaf = True
        async with slack_socket(slack.api, APP_TOKEN, here.heard.append, QUICK):
            await until(lambda: slack.opened >= 1)
            slack.deaf = False
            # Nothing has closed it: it is open, and says nothing.
            await until(lambda: slack.opened >= 2)
            await here.hears()


async def test_a_ticket_that_was_spent_in_vain_is_not_tried_for_ever(listening: Listening) -> None:
    listening.slack.overloaded = 3
    await listening.slack.sockets[-1].close()
    await until(lambda: listening.slack.opened == 2)
    await listening.hears()
    assert listening.slack.overloaded == 0


async def test_a_slack_that_neither_opens_nor_refuses_is_asked_again(listening: Listening) -> None:
    listening.slack.hanging = 2
    await listening.slack.sockets[-1].close()
    await until(lambda: listening.slack.opened == 2)
    await listening.hears()


@pytest.mark.parametrize("reason", ["refresh_requested", "warning", "too_many_websockets"])
async def test_a_socket_that_slack_takes_back_is_exchanged(
    listening: Listening, reason: str
) -> None:
    listening.slack.overloaded = 1
    await listening.slack.sockets[-1].send_json({"type": "disconnect", "reason": reason})
    await until(lambda: listening.slack.opened == 2)
    await listening.hears()


async def test_a_token_that_slack_refuses_is_told_with_the_remedy_until_it_is_right(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with a_slack() as slack:
        slack.refusal = "invalid_auth"
        here = Listening(slack)
        async with slack_socket(slack.api, APP_TOKEN, here.heard.append, QUICK):
            await until(lambda: "connections:write" in caplog.text)
            assert slack.opened == 0
            slack.refusal = ""
            await here.hears()
    assert APP_TOKEN not in caplog.text


async def test_no_ticket_is_logged_whatever_goes_wrong(
    listening: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    listening.slack.overloaded = 1
    await listening.slack.sockets[-1].close()
    await until(lambda: listening.slack.opened == 2)
    assert "Failed to connect" in caplog.text
    assert "a-ticket" not in caplog.text


async def test_nothing_is_left_of_a_socket_at_the_end() -> None:
    before = asyncio.all_tasks()
    async with a_slack() as slack:
        slack.deaf = True
        async with slack_socket(slack.api, APP_TOKEN, [].append, QUICK):
            await until(lambda: slack.opened >= 1)
        await until(lambda: not slack.sockets)
        ours = [each for each in asyncio.all_tasks() - before if "slack_sdk" in repr(each)]
        assert ours == []

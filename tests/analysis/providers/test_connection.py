"""The connection that providers share: whoever gives up leaves nothing behind."""

import asyncio
from datetime import timedelta

import pytest
from aiohttp import web

from analysis.model import ProviderSpec
from analysis.providers.connection import ProviderConnection
from tests.analysis.servers import says

PATIENCE_SECONDS = 180


class Store:
    """Says nothing while it is silent; counts those who wait for it."""

    def __init__(self) -> None:
        self.silent = True
        self.waiting = 0
        self.changed = asyncio.Condition()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer, or wait until the one who asked has gone."""
        if not self.silent:
            return await says("{}")(request)
        await self._count(1)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.shield(self._count(-1))
        raise AssertionError

    async def until_waiting(self, number: int) -> None:
        """Wait until so many wait."""
        async with asyncio.timeout(PATIENCE_SECONDS), self.changed:
            await self.changed.wait_for(lambda: self.waiting == number)

    async def _count(self, more: int) -> None:
        async with self.changed:
            self.waiting += more
            self.changed.notify_all()


@pytest.mark.parametrize("turns", range(8))
async def test_a_question_that_is_cancelled_twice_frees_its_connection(turns, serve):
    # Two time limits that end shortly after one another do this on a busy machine.
    store = Store()
    address = (await serve(store.answer)).address
    spec = ProviderSpec(type="any", address=address, timeout=timedelta(seconds=PATIENCE_SECONDS))
    connection = ProviderConnection(spec, connections=2)
    questions = [asyncio.create_task(connection.fetch(address)) for _ in range(2)]
    await store.until_waiting(2)

    for question in questions:
        question.cancel()
    for _ in range(turns):
        await asyncio.sleep(0)
    for question in questions:
        question.cancel()
    ends = await asyncio.gather(*questions, return_exceptions=True)
    await store.until_waiting(0)
    store.silent = False

    assert [type(end) for end in ends] == [asyncio.CancelledError] * 2
    assert (await connection.fetch(address)).status == 200
    await connection.close()

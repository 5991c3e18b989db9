"""A provider whose answers a test writes: found by the address of its spec."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar

from analysis.model import NoData, Outcome, ProviderSpec
from analysis.plugins import PluginTable
from analysis.providers import Provider

TABLE: PluginTable[Provider] = PluginTable(
    group="tidegate.providers", builtin={"scripted": "tests.analysis.scripted:ScriptedProvider"}
)

Answer = Callable[[str], Awaitable[Any]]


class Script:
    """What a scripted provider answers, and what happened to it."""

    written: ClassVar[dict[str, "Script"]] = {}

    def __init__(self, address: str, answer: Answer) -> None:
        self.answer = answer
        self.spec = ProviderSpec(type="scripted", address=address, timeout=timedelta(seconds=30))
        self.asked: list[str] = []
        self.prepared: list[str] = []
        self.made = self.closed = self.cancelled = 0
        self.asking = self.most_asking = 0
        Script.written[address] = self


class ScriptedProvider:
    """Answer as the script says."""

    def __init__(self, spec: ProviderSpec) -> None:
        self.script = Script.written[spec.address]
        self.script.made += 1

    async def query(self, query: str, at: datetime, interval: timedelta) -> Outcome:
        script = self.script
        script.asked.append(query)
        script.asking += 1
        script.most_asking = max(script.most_asking, script.asking)
        try:
            return await script.answer(query)
        except asyncio.CancelledError:
            script.cancelled += 1
            raise
        finally:
            script.asking -= 1

    async def count(self, query: str, since: datetime, until: datetime) -> Outcome:
        return await self.query(query, until, until - since)

    async def prepare(self, query: str, interval: timedelta) -> None:
        self.script.prepared.append(query)
        if query == "refused":
            await self.script.answer(query)

    async def close(self) -> None:
        self.script.closed += 1
        if self.script.spec.address == "cannot-close":
            raise RuntimeError("stuck")


async def nothing(_: str) -> NoData:
    return NoData(reason="nothing")

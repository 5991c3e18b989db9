"""Checks that stores work on for minutes: started, polled and cancelled by way of their providers.

What is kept of a check, and when its time is up, is in `resuming.py`; how a store is asked belongs to
the providers.
"""

import asyncio
from datetime import datetime

from analysis.asking import Providers, redacted
from analysis.errors import QueryError
from analysis.model import Metric, QueryFailure, Started
from analysis.providers import Provider
from analysis.providers.checks import Resumable, resumes
from analysis.resuming import (
    DEADLINE,
    Resumed,
    Working,
    after_failure,
    after_poll,
    after_start,
    handle_of,
)


class Checks:
    """The checks of all analyses, by the providers that they share."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    def resumes(self, metric: Metric) -> bool:
        """Tell whether what a metric asks takes its store long, so that it is resumed, not asked."""
        return resumes(metric, self._providers.table)

    async def resume(self, metric: Metric, at: datetime, started: Started) -> Resumed:
        """Start a check where it has no handle yet, or else ask what has come of it.

        Raises:
            Busy: too many queries wait for its store; this one was not put.
        """
        spec, deadline, clock = metric.provider, DEADLINE, asyncio.get_running_loop().time
        begun = clock()

        async def go_on(provider: Provider) -> Resumed:
            nonlocal deadline
            resumable = _resumable(provider, metric)
            deadline = resumable.deadline
            if not started.handle:
                handle = await resumable.start(metric.query, at, metric.interval, started.key)
                return after_start(handle_of(handle, spec), started)
            answer = await resumable.poll(started.handle, at)
            told = (
                Working(state=spec.redact(answer.state))
                if isinstance(answer, Working)
                else redacted(answer, spec)
            )
            return after_poll(told, started, at=at, deadline=deadline)

        resumed = await self._providers.guard(metric, go_on)
        if isinstance(resumed, QueryFailure):
            resumed = after_failure(resumed, started, at=at, deadline=deadline)
        if self._providers.observe is not None:
            self._providers.observe(metric, clock() - begun, resumed.outcome)
        return resumed

    async def cancel(self, metric: Metric, handle: str) -> QueryFailure | None:
        """Cancel a check that is over, or is not waited for any longer; gives what stands against it.

        Raises:
            Busy: too many queries wait for its store; this one was not put.
        """

        async def end(provider: Provider) -> None:
            await _resumable(provider, metric).cancel(handle)

        return await self._providers.guard(metric, end)


def _resumable(provider: Provider, metric: Metric) -> Resumable:
    if not isinstance(provider, Resumable):
        raise QueryError(f"provider {metric.provider.type!r} starts no checks")
    return provider

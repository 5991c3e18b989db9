"""Answering: calling hooks and judging metrics for what a decision needs to know.

Refusals and outages are answers too: nothing a third party does raises here. That the API server
can't be reached is no answer of anybody.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeVar

from analysis.asking import Providers
from analysis.checking import Checks
from analysis.engine import analyse
from analysis.errors import AnalysisError
from analysis.model import Metric, Report
from analysis.resuming import Resuming
from canary.api.people import Webhook
from canary.controller.about import about
from canary.controller.calls import Calls
from canary.controller.canaries import CanaryRecord
from canary.controller.payloads import hook_payload
from canary.controller.queries import QueryBuilder
from canary.controller.secrets import SecretReader, presented
from canary.core.needs import Analyse, AskHooks, HookAnswer, Need
from canary.errors import CanaryError, Unreachable
from canary.hooks import HookCaller

log = logging.getLogger(__name__)

T = TypeVar("T")


class Answerer:
    """Finds the answer to a need of a Canary."""

    def __init__(
        self,
        *,
        hooks: HookCaller,
        secrets: SecretReader,
        queries: QueryBuilder,
        providers: Providers,
        cluster_name: str,
        calls: Calls,
    ) -> None:
        self._hooks = hooks
        self._secrets = secrets
        self._queries = queries
        self._providers = providers
        self._checks = Checks(providers)
        self._cluster_name = cluster_name
        self._calls = calls
        self._asking: Mapping[type[Need[Any]], Callable[[Any, CanaryRecord], Awaitable[Any]]]
        self._asking = MappingProxyType({AskHooks: self._ask, Analyse: self._analyse})

    async def answer(self, need: Need[T], record: CanaryRecord) -> T:
        """Answer one need.

        Raises:
            Unreachable: what to ask with could not be read; ask again later.
            Busy: it could not be asked, because too many wait for their turn; ask again later.
        """
        answer: T = await self._asking[type(need)](need, record)
        return answer

    async def prepare(self, record: CanaryRecord) -> None:
        """Let stores that measure differences begin to watch, before the first analysis is due."""
        asked = tuple(each for _, each in record.canary.spec.analysis.placed_metrics())
        metrics, _ = await self._queries.build(record, asked)
        verify = record.canary.spec.analysis.verify_traffic
        counted = await self._counting(record, verify.interval if verify else None)
        await self._providers.prepare((*metrics, *counted))

    async def _ask(self, need: AskHooks, record: CanaryRecord) -> HookAnswer:
        """Call hooks in their order, up to the first that does not pass."""
        last = HookAnswer(passed=True)
        for hook in need.hooks:
            try:
                secret = await presented(self._secrets, record.key.namespace, hook)
            except Unreachable:
                raise
            except CanaryError as error:
                _log(record, hook, str(error))
                return HookAnswer(passed=False, hook=hook.name, message=str(error))
            traced = self._calls.asked(record, need, hook)
            result = await self._hooks.call(
                hook,
                hook_payload(record, self._cluster_name, need.subject, hook.metadata),
                key=f"{record.uid}/{need.key}/{hook.name}",
                secret=secret,
                traceparent=traced.traceparent,
            )
            traced.end(result)
            last = HookAnswer(passed=result.passed, hook=hook.name, message=result.message)
            if result.broken:
                _log(record, hook, result.message)
            log.debug("asked: %s", last, extra=about(record))
            if not result.passed:
                return last
        return last

    async def _analyse(self, need: Analyse, record: CanaryRecord) -> Report:
        metrics, unasked = await self._queries.build(
            record, need.metrics, templates=need.templates, earlier=need.earlier
        )
        place = about(record)
        for check in unasked:
            log.warning("query of %s", check.message, extra=place)
        memories = {name: dict(memory) for name, memory in need.memories}
        resuming = None
        if need.started is not None:
            resuming = Resuming(key=f"{record.uid}/{need.key}", started=dict(need.started))
        report = await analyse(
            [replace(metric, since=need.since) for metric in metrics],
            self._calls.queries(self._providers, record),
            datetime.now(UTC),
            memories=memories,
            requests=await self._counting(record, need.count_over),
            checks=self._calls.checks(self._checks, record),
            resuming=resuming,
        )
        checks = (*unasked, *report.checks)
        for check in checks:
            log.debug("judged: %s", check, extra=place)
        return replace(report, checks=checks)

    async def _counting(self, record: CanaryRecord, over: timedelta | None) -> tuple[Metric, ...]:
        """Build the questions after the requests of both sides; none where they can't be put.

        Without an answer nothing is verified: what is missing is known before a run begins.
        """
        if over is None:
            return ()
        try:
            return await self._queries.requests(record, over)
        except (CanaryError, AnalysisError) as error:
            log.warning("requests: %s", error, extra=about(record))
            return ()


def _log(record: CanaryRecord, hook: Webhook, message: str) -> None:
    """Say that a hook has failed; that it said no is an answer like any other."""
    log.warning("hook %s: %s", hook.name, message, extra=about(record))

"""Checks that are not waited for any longer are cancelled at the stores that work on them.

They are in the status until that is done, or given up: a store that cannot be reached runs them to
their end.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable

from analysis.checking import Checks
from analysis.errors import AnalysisError, Busy
from analysis.model import Ask, Bounds, Metric
from canary.api.status import StoreCheck
from canary.controller.about import about
from canary.controller.canaries import CanaryKey, CanaryObject, CanaryRecord
from canary.controller.listeners import Listener
from canary.controller.queries import QueryBuilder, Templates
from canary.errors import CanaryError, Unreachable

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""How often a store is called that gives no answer."""
PAUSE_SECONDS = 10.0


class CheckCanceller(Listener):
    """Cancels checks, and knows which are cancelled."""

    def __init__(
        self,
        *,
        checks: Checks,
        queries: QueryBuilder,
        templates: Templates,
        wake: Callable[[CanaryKey], None],
        pause: float = PAUSE_SECONDS,
    ) -> None:
        self._checks = checks
        self._queries = queries
        self._templates = templates
        self._wake = wake
        self._pause = pause
        self._cancelled: defaultdict[CanaryKey, set[str]] = defaultdict(set)
        self._going: dict[tuple[CanaryKey, str], asyncio.Task[None]] = {}

    def decided(self, record: CanaryObject) -> None:
        """Begin to cancel what is over, once."""
        over = [each for each in record.status.store_checks if each.over]
        if not over or not isinstance(record, CanaryRecord):
            self._cancelled.pop(record.key, None)
            return
        self._cancelled[record.key] &= {each.key for each in over}
        for each in over:
            place = (record.key, each.key)
            if each.key not in self._cancelled[record.key] and place not in self._going:
                work = self._cancel(record, each)
                self._going[place] = asyncio.create_task(work, name=f"cancel {each.metric}")

    def cancelled(self, key: CanaryKey) -> frozenset[str]:
        """Give the keys of the checks of a Canary that were cancelled, or given up."""
        return frozenset(self._cancelled.get(key, ()))

    def forget(self, key: CanaryKey) -> None:
        """Drop what is known of a Canary; what is being cancelled still is."""
        self._cancelled.pop(key, None)

    async def close(self) -> None:
        """Leave what is not cancelled to the next process, which finds it in the status."""
        for task in self._going.values():
            task.cancel()
        await asyncio.gather(*self._going.values(), return_exceptions=True)

    async def _cancel(self, record: CanaryRecord, check: StoreCheck) -> None:
        place = about(record)
        try:
            for left in reversed(range(ATTEMPTS)):
                trouble, passes = await self._attempt(record, check)
                if not trouble:
                    log.info("check of %s is cancelled", check.metric, extra=place)
                elif passes and left:
                    await asyncio.sleep(self._pause)
                    continue
                else:
                    log.warning(
                        "check of %s is left to its store: %s", check.metric, trouble, extra=place
                    )
                break
            self._cancelled[record.key].add(check.key)
            self._wake(record.key)
        finally:
            self._going.pop((record.key, check.key), None)

    async def _attempt(self, record: CanaryRecord, check: StoreCheck) -> tuple[str, bool]:
        """Call a store once; gives what stands against it, and whether that may pass."""
        try:
            failure = await self._checks.cancel(await self._metric(record, check), check.handle)
        except (CanaryError, AnalysisError) as error:
            return str(error), isinstance(error, Unreachable | Busy)
        return (failure.reason, failure.retryable) if failure else ("", False)

    async def _metric(self, record: CanaryRecord, check: StoreCheck) -> Metric:
        """Name the store that works on a check, as its template says now."""
        namespace, _, name = check.template.rpartition("/")
        template = self._templates.metric_template(
            record.key.group, namespace or record.key.namespace, name
        )
        return Metric(
            name=check.metric,
            asks=(Ask(query=""),),
            provider=await self._queries.provider(record, template),
            interval=record.canary.spec.analysis.interval,
            threshold_range=Bounds(),
            asked_by=str(record.key),
        )

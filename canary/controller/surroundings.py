"""What is around a target: one list of each kind that matters, and rights for none of them needed.

Asked for a Canary that is new or whose spec has changed, and never followed.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from time import monotonic

from canary.api.kinds import Kind, Manifest
from canary.cluster.cluster import Cluster
from canary.controller.canaries import CanaryRecord
from canary.core.facts import Survey
from canary.core.preflight import preflight_due
from canary.errors import Forbidden, NotFound, Problem
from canary.resources.names import NO_LABEL, selector_label
from canary.resources.preflight import survey, surveyed_kinds

log = logging.getLogger(__name__)

FRESH_SECONDS = 5.0
"""For so long a list is shared by the Canaries of a namespace."""
ABSENT_SECONDS = 300.0
"""For so long a kind that is not installed, or may not be read, is not asked for again."""


class Surroundings:
    """Looks around the targets of Canaries."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        selector_labels: tuple[str, ...],
        now: Callable[[], datetime],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._cluster = cluster
        self._selector_labels = selector_labels
        self._now = now
        self._clock = clock
        self._lists: dict[tuple[Kind, str], tuple[float, tuple[Manifest, ...]]] = {}
        self._absent: dict[tuple[Kind, str], float] = {}
        self._told: set[Kind] = set()

    async def survey(self, record: CanaryRecord) -> Survey | None:
        """Look around a target if that is due.

        Raises:
            ClusterError: the API server could not say.
        """
        canary, router = record.canary, record.router
        kind = record.target_kind
        if router is None or kind is None or record.deleting:
            return None
        if not preflight_due(record.status, record.generation, self._now()):
            return None
        namespace = record.key.namespace
        try:
            target = await self._cluster.read(kind, namespace, record.target)
        except NotFound:
            return None
        workload = record.workload
        alone = workload is not None and (workload.serves or workload.divides or workload.keeps)
        label = NO_LABEL if alone else selector_label(target, self._selector_labels)
        if isinstance(label, Problem):
            return None
        found = {kind: await self._list(kind, namespace) for kind in surveyed_kinds(router.names)}
        subsets = record.by_subsets
        return survey(canary, router.names, target, label, found, by_subsets=subsets)

    async def _list(self, kind: Kind, namespace: str) -> tuple[Manifest, ...]:
        place, now = (kind, namespace), self._clock()
        if now < self._absent.get(place, 0.0):
            return ()
        known = self._lists.get(place)
        if known is not None and now < known[0]:
            return known[1]
        self._lists = {key: each for key, each in self._lists.items() if now < each[0]}
        try:
            found = await self._read(kind, namespace)
        except Forbidden as error:
            if kind not in self._told:
                self._told.add(kind)
                log.warning("%s: whether a primary loses their protection is not checked", error)
            found = None
        except NotFound:
            found = None
        if found is None:
            self._absent[place] = now + ABSENT_SECONDS
            return ()
        self._lists[place] = now + FRESH_SECONDS, found
        return found

    async def _read(self, kind: Kind, namespace: str) -> tuple[Manifest, ...] | None:
        if await self._cluster.discover(kind) is None:
            return None
        return tuple(
            [item async for page, _ in self._cluster.pages(kind, namespace) for item in page]
        )

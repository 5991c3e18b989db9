"""Who looks, what they may do, and whether what tidegate needs is there."""

import asyncio
from collections.abc import AsyncIterator, Collection
from importlib.metadata import version
from typing import Any, Protocol

from canary.api.annotations import VERBS
from canary.cluster.cluster import Cluster
from canary.dashboard.answers import Place
from canary.dashboard.viewers import Viewer

_MOST_PLACES = 20


class ExaminedPart(Protocol):
    """One thing that was examined, and what came of it."""

    @property
    def state(self) -> str:
        """`good`, `bad` or `unknown`."""

    @property
    def what(self) -> str:
        """What was examined."""

    @property
    def message(self) -> str:
        """What came of it, in words."""


class Examine(Protocol):
    """Examines a cluster with the rights of its connection."""

    def __call__(self, cluster: Cluster, /) -> AsyncIterator[ExaminedPart]:
        """Give what was found, in the order in which a person would look.

        Raises:
            ClusterError: the cluster does not answer.
        """


async def about_context(
    viewer: Viewer, places: Collection[Place], examine: Examine | None
) -> dict[str, Any]:
    """Give what the page about the dashboard shows.

    Raises:
        ClusterError: the cluster does not answer.
    """
    shown = sorted(places, key=lambda place: (place[1], place[0]))[:_MOST_PLACES]
    rights = await asyncio.gather(*(_may(viewer, place) for place in shown))
    findings = None if examine is None else [each async for each in examine(viewer.cluster)]
    return {
        "tidegate_version": version("tidegate"),
        "rights": rights,
        "more_places": len(places) - len(shown),
        "findings": findings,
    }


async def _may(viewer: Viewer, place: Place) -> dict[str, Any]:
    """Say which commands a person may give in a place."""
    group, namespace = place
    allowed = await viewer.rights.to_canaries(group, namespace)
    lacking = [verb for verb in VERBS if allowed.lacks(verb, "")]
    return {
        "group": group,
        "namespace": namespace,
        "known": allowed.known,
        "having": [verb for verb in VERBS if verb not in lacking],
        "lacking": lacking,
    }

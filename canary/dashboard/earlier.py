"""What a run did before the dashboard saw it: the controller's own metrics, as Prometheus keeps them.

No query of a user's is asked, and no secret is needed for it.
"""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta

from analysis.errors import AnalysisError
from analysis.model import ProviderSpec
from analysis.providers.history import History, Series
from canary.controller.canaries import CanaryKey
from canary.dashboard.recent import MOST_METRICS, MOST_POINTS, SeenShare, SeenValue, Track
from canary.views.canary import CanaryView

log = logging.getLogger(__name__)

_SHORTEST_STEP = timedelta(seconds=15)
"""How far apart Prometheus has values by default."""
_PATIENCE = timedelta(seconds=2)
"""How long a page waits for Prometheus; it is shown without its past then."""
_AGAIN = timedelta(minutes=1)
"""How soon a Prometheus that did not answer is asked again for the same run."""


class EarlierPoints:
    """Asks one Prometheus for what the tracks of runs lack at their beginning."""

    def __init__(self, address: str) -> None:
        self._history = History(ProviderSpec(type="prometheus", address=address, timeout=_PATIENCE))

    async def fill(self, key: CanaryKey, view: CanaryView, track: Track, now: datetime) -> None:
        """Add to the track of a run what was before it, once; nothing where Prometheus fails."""
        run = view.run
        if run is None or track.run != run.id or now < track.asks_at:
            return
        track.asks_at = datetime.max.replace(tzinfo=now.tzinfo)
        span = track.since - run.started_at
        if span < _SHORTEST_STEP:
            return
        step = max(span / (MOST_POINTS // 2), _SHORTEST_STEP)
        place = f"namespace={json.dumps(key.namespace)},name={json.dumps(key.name)}"

        async def read(series: str, labels: str) -> Series:
            # Replicas that follow each other have a series each.
            query = f"max(tidegate_canary_{series}{{{place},{labels}}})"
            return await self._history.read(query, run.started_at, track.since, step)

        metrics = [each.metric for each in view.checks[:MOST_METRICS]]
        try:
            shares = await read("weight", 'side="canary"')
            # All at once: a page waits for the slowest, and not for one after the other.
            found = await asyncio.gather(
                *(read("check_value", f"metric={json.dumps(each)}") for each in metrics)
            )
        except AnalysisError as error:
            log.warning("the past of %s is not shown: %s", key, error)
            track.asks_at = now + _AGAIN
            return
        _add(track, shares, dict(zip(metrics, found, strict=True)))


def _add(track: Track, shares: Series, values: dict[str, Series]) -> None:
    """Put what was before to what was seen."""
    earlier = [*_changes(shares, until=track.since)]
    track.shares = deque((*earlier, *track.shares), maxlen=MOST_POINTS)
    moments = [each.at for each in earlier]
    for metric, series in values.items():
        seen = track.metrics.get(metric, deque[SeenValue]())
        first = seen[0].at if seen else track.since
        before = [SeenValue(at, value) for at, value in series.points if at < first]
        track.metrics[metric] = deque((*before, *seen), maxlen=MOST_POINTS)
        moments += [each.at for each in before]
    if moments:
        track.before = min(moments)


def _changes(shares: Series, *, until: datetime) -> Iterator[SeenShare]:
    """Give the moments at which the share was found changed."""
    last = None
    for at, value in shares.points:
        if at < until and round(value) != last:
            last = round(value)
            yield SeenShare(at, last, None)

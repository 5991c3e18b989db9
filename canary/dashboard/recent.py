"""What the dashboard has seen of runs since it started: the points of its charts."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import datetime

from canary.controller.canaries import CanaryKey
from canary.views.canary import CanaryView

MOST_CANARIES = 2_000
MOST_POINTS = 240
MOST_METRICS = 32


@dataclass(frozen=True, slots=True)
class SeenValue:
    """A value at a moment."""

    at: datetime
    value: float
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class SeenShare:
    """The canary's share of the traffic at a moment, in percent."""

    at: datetime
    asked: int
    seen: int | None


def _points() -> deque[SeenValue]:
    return deque(maxlen=MOST_POINTS)


@dataclass(slots=True, kw_only=True)
class Track:
    """What was seen of one run."""

    run: str
    since: datetime
    """When the dashboard saw it first."""
    asks_at: datetime
    """From when on may be asked for what was before."""
    before: datetime | None = None
    """Since when it is known from elsewhere what was before; None where it is not."""
    shares: deque[SeenShare] = field(default_factory=lambda: deque(maxlen=MOST_POINTS))
    metrics: dict[str, deque[SeenValue]] = field(default_factory=dict)

    def see(self, view: CanaryView, now: datetime) -> None:
        """Note where the run is."""
        share = (view.weights.asked, view.weights.seen)
        if not self.shares or (self.shares[-1].asked, self.shares[-1].seen) != share:
            self.shares.append(SeenShare(now, *share))
        for check in view.checks[:MOST_METRICS]:
            if check.value is None or check.at is None:
                continue
            points = self.metrics.setdefault(check.metric, _points())
            if not points or points[-1].at < check.at:
                points.append(SeenValue(check.at, check.value, check.verdict))


class Recent:
    """The last run that was seen of each Canary; those seen longest ago give way."""

    def __init__(self) -> None:
        self._tracks: OrderedDict[CanaryKey, Track] = OrderedDict()

    def see(self, key: CanaryKey, view: CanaryView, now: datetime) -> None:
        """Note where a Canary is; one without a run ends the track of its last one."""
        track = self._tracks.get(key)
        if view.run is None:
            if track is not None and track.shares[-1].asked != view.weights.asked:
                track.see(view, now)
            return
        if track is None or track.run != view.run.id:
            track = self._tracks[key] = Track(run=view.run.id, since=now, asks_at=now)
        track.see(view, now)
        self._tracks.move_to_end(key)
        if len(self._tracks) > MOST_CANARIES:
            self._tracks.popitem(last=False)

    def of(self, key: CanaryKey) -> Track | None:
        """Give what was seen of a Canary's last run; None where no run was seen."""
        return self._tracks.get(key)

    def forget(self, key: CanaryKey) -> None:
        """Forget a Canary that is gone."""
        self._tracks.pop(key, None)

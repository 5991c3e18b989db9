"""Charts as geometry: where lines and marks of an SVG are, and what they say in words. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite

from analysis.model import Bounds
from canary.dashboard.recent import SeenShare, SeenValue
from canary.simulation.summary import Ends
from canary.views.moments import moment, span

WIDTH, HEIGHT = 360, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 352, 12, 128
_MARGIN = 0.08
"""How far the scale reaches beyond what is shown, in parts of it."""
_LARGEST = 1e100
"""What is larger is no value that a chart could show."""
_CROSS, _DOUBT = 3.5, 4.0
_LISTED = 30
"""How many of the last values the table shows."""
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
"""Where times begin that are counted from nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gridline:
    """A horizontal line with its value."""

    y: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart, ready to be written: every path is in the units of its view box."""

    name: str
    title: str
    description: str
    lines: tuple[str, ...]
    """The paths of the series: the first is what is measured or asked, the second what is seen."""
    fails: str
    """Crosses at the values that failed."""
    doubts: str
    """Diamonds at the values that were inconclusive."""
    last: tuple[float, float]
    bounds: tuple[Gridline, ...]
    levels: tuple[Gridline, ...]
    """The ends of the scale."""
    begins: str
    ends: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """The last values, the newest first."""


def metric_chart(
    name: str, points: Iterable[SeenValue], bounds: Bounds, *, bound: str, now: datetime
) -> Chart | None:
    """Draw the values of a metric against its bounds, which `bound` says; None without a value."""
    shown = [each for each in points if _drawable(each.value)]
    if not shown:
        return None
    limits = [each for each in (bounds.min, bounds.max) if each is not None and _drawable(each)]
    low, high = _extent([*(each.value for each in shown), *limits])
    scale = _Scale(shown[0].at, shown[-1].at, low, high)
    placed = [(scale.x(each.at), scale.y(each.value), each) for each in shown]
    outside = sum(each.verdict == "fail" for each in shown)
    last = shown[-1]
    return Chart(
        name=name,
        title=f"{name} over time",
        description=(f"last {last.value:g}, {bound}; {outside} of {len(shown)} values failed"),
        lines=(_line((x, y) for x, y, _ in placed),),
        fails="".join(_cross(x, y) for x, y, each in placed if each.verdict == "fail"),
        doubts="".join(_diamond(x, y) for x, y, each in placed if each.verdict == "inconclusive"),
        last=(placed[-1][0], placed[-1][1]),
        bounds=tuple(Gridline(y=scale.y(each), text=f"{each:g}") for each in limits),
        levels=(
            Gridline(y=scale.y(low), text=f"{low:.4g}"),
            Gridline(y=scale.y(high), text=f"{high:.4g}"),
        ),
        begins=moment(shown[0].at, now),
        ends=moment(last.at, now),
        header=("at", "value", "verdict"),
        rows=tuple(
            (moment(each.at, now), f"{each.value:g}", each.verdict)
            for each in reversed(shown[-_LISTED:])
        ),
    )


def share_chart(seen_shares: Iterable[SeenShare], now: datetime) -> Chart | None:
    """Draw the canary's share of the traffic, asked and seen, up to now; None without one."""
    shares = tuple(seen_shares)
    if not shares:
        return None
    last = shares[-1]
    scale = _Scale(shares[0].at, max(now, last.at), 0.0, 100.0)
    asked = [(each.at, float(each.asked)) for each in shares]
    seen = [(each.at, float(each.seen)) for each in shares if each.seen is not None]
    held = f", {last.seen} % seen" if last.seen is not None else ""
    return Chart(
        name="share",
        title="the canary's share over time",
        description=f"{last.asked} % asked{held}",
        lines=tuple(_line(_stairs(each, scale, now)) for each in (asked, seen) if each),
        fails="",
        doubts="",
        last=(scale.x(now), scale.y(last.asked)),
        bounds=(),
        levels=(Gridline(y=scale.y(0), text="0 %"), Gridline(y=scale.y(100), text="100 %")),
        begins=moment(shares[0].at, now),
        ends=moment(now, now),
        header=("at", "asked", "seen"),
        rows=tuple(
            (
                moment(each.at, now),
                f"{each.asked} %",
                "–" if each.seen is None else f"{each.seen} %",
            )
            for each in reversed(shares[-_LISTED:])
        ),
    )


def ends_chart(ends: Ends, horizon: timedelta) -> Chart:
    """Draw which share of simulated releases had been rolled back by when, and which was promoted."""

    def at(seconds: float) -> datetime:
        return _BEGIN + timedelta(seconds=seconds)

    end = _BEGIN + horizon
    scale = _Scale(_BEGIN, end, 0.0, 100.0)
    series = [
        [(seconds, 100 * share) for seconds, share in ends.shares(times)]
        for times in (ends.rolled_back, ends.promoted)
    ]
    (rolled_back, promoted) = (each[-1][1] for each in series)
    return Chart(
        name=ends.label,
        title=f"{ends.label}: releases that have ended, by time",
        description=(
            f"{rolled_back:.3g} % rolled back (solid), {promoted:.3g} % promoted (dashed), of "
            f"{ends.of:,} releases"
        ),
        lines=tuple(
            _line(_stairs([(at(seconds), share) for seconds, share in each], scale, end))
            for each in series
        ),
        fails="",
        doubts="",
        last=(scale.x(end), scale.y(rolled_back)),
        bounds=(),
        levels=(Gridline(y=scale.y(0), text="0 %"), Gridline(y=scale.y(100), text="100 %")),
        begins="0s",
        ends=span(horizon),
        header=("after", "rolled back"),
        rows=tuple(
            (span(timedelta(seconds=seconds)), f"{share:.3g} %")
            for seconds, share in series[0][1:][-_LISTED:]
        ),
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where a moment and a value are in the picture."""

    begin: datetime
    end: datetime
    low: float
    high: float

    def x(self, at: datetime) -> float:
        whole = (self.end - self.begin).total_seconds()
        if whole <= 0:
            return float(_RIGHT)
        part = min(max((at - self.begin).total_seconds() / whole, 0.0), 1.0)
        return round(_LEFT + (_RIGHT - _LEFT) * part, 1)

    def y(self, value: float) -> float:
        part = (value - self.low) / (self.high - self.low)
        return round(_BOTTOM - (_BOTTOM - _TOP) * min(max(part, 0.0), 1.0), 1)


def _drawable(value: float) -> bool:
    return isfinite(value) and abs(value) < _LARGEST


def _extent(values: Sequence[float]) -> tuple[float, float]:
    """Give the ends of a scale, a little beyond what is shown and never the same."""
    low, high = min(values), max(values)
    margin = ((high - low) or abs(high) or 1.0) * _MARGIN
    return low - margin, high + margin


def _stairs(
    values: Iterable[tuple[datetime, float]], scale: _Scale, now: datetime
) -> Iterator[tuple[float, float]]:
    """Go from each value to the next in a step: a share holds until it is changed."""
    y: float | None = None
    for at, value in values:
        x = scale.x(at)
        if y is not None:
            yield x, y
        y = scale.y(value)
        yield x, y
    if y is not None:
        yield scale.x(now), y


def _line(places: Iterable[tuple[float, float]]) -> str:
    written = [f"{x:g} {y:g}" for x, y in places]
    return f"M{'L'.join(written)}"


def _cross(x: float, y: float) -> str:
    size, whole = _CROSS, 2 * _CROSS
    return f"M{x - size:g} {y - size:g}l{whole:g} {whole:g}m0 {-whole:g}l{-whole:g} {whole:g}"


def _diamond(x: float, y: float) -> str:
    size = _DOUBT
    return f"M{x:g} {y - size:g}l{size:g} {size:g}l{-size:g} {size:g}l{-size:g} {-size:g}z"

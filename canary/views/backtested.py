"""Many past times judged by two gates, as people and programs read them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from canary.simulation.release import ReleaseResult
from canary.simulation.summary import Ends, ends_of
from canary.views.blocks import Block, Line, Rows, Styled
from canary.views.moments import day, span
from canary.views.replayed import release_document, release_told

_UNFINISHED = "unfinished"
_NAMES = {"Promoted": "promoted", "RolledBack": "rolled back", "": _UNFINISHED}
_SHOWN = 20
"""How many of the times that the gates disagree on are listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRelease:
    """What would have come of a release at a moment, by each gate."""

    at: datetime
    present: ReleaseResult
    other: ReleaseResult | None = None
    """None where there is one gate."""

    @property
    def disagrees(self) -> bool:
        """Whether the gates come to different ends."""
        return self.other is not None and self.other.outcome != self.present.outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """Releases of the past, and what would have come of them."""

    canary: str
    """Written as namespace/name."""
    side: str
    every: timedelta
    within: timedelta
    releases: tuple[PastRelease, ...]
    left_out: tuple[str, ...]

    @property
    def disagreements(self) -> tuple[PastRelease, ...]:
        """The releases on which the gates disagree, the oldest first."""
        return tuple(each for each in self.releases if each.disagrees)

    @property
    def ends(self) -> tuple[Ends, ...]:
        """Give when the releases ended by each gate."""
        present = ends_of("present gate", [each.present for each in self.releases])
        others = [each.other for each in self.releases if each.other is not None]
        return (present, ends_of("other gate", others)) if others else (present,)


def backtest_shown(backtest: Backtest) -> Block:
    """Show what came of it as people read it."""
    releases = backtest.releases
    heading = (
        f"{backtest.canary}, {backtest.side}: {len(releases):,} releases, one every "
        f"{span(backtest.every)} from {_time(releases[0].at)} to {_time(releases[-1].at)}"
    )
    return (
        (heading,),
        _table(releases),
        *_disagreements(backtest.disagreements),
        *((Styled(f"left out: {each}", "yellow"),) for each in backtest.left_out),
    )


def backtest_document(backtest: Backtest) -> dict[str, object]:
    """Give what came of it as programs read it."""
    return {
        "canary": backtest.canary,
        "side": backtest.side,
        "everySeconds": backtest.every.total_seconds(),
        "withinSeconds": backtest.within.total_seconds(),
        "table": [
            {"present": present or "Unfinished", "other": other or "Unfinished", "count": count}
            for (present, other), count in sorted(_counts(backtest.releases).items())
        ],
        "releases": [
            {
                "at": each.at.isoformat(),
                "present": release_document(each.present),
                "other": each.other and release_document(each.other),
            }
            for each in backtest.releases
        ],
        "leftOut": list(backtest.left_out),
    }


def _counts(releases: Sequence[PastRelease]) -> Counter[tuple[str, str]]:
    """Count the releases by what each gate made of them; alone, a gate agrees with itself."""
    return Counter(
        (each.present.outcome, (each.other or each.present).outcome) for each in releases
    )


def _table(releases: Sequence[PastRelease]) -> Rows:
    counts = _counts(releases)
    if releases[0].other is None:
        rows = tuple(
            (_named(present), f"{count:,}", f"{100 * count / len(releases):.3g} %")
            for (present, _), count in counts.most_common()
        )
        return Rows(header=("PRESENT GATE", "RELEASES", "SHARE"), rows=rows)
    outcomes = sorted({each for pair in counts for each in pair}, key=_named)
    return Rows(
        header=("PRESENT GATE", *(f"OTHER: {_named(each).upper()}" for each in outcomes)),
        rows=tuple(
            (_named(present), *(f"{counts[present, other]:,}" for other in outcomes))
            for present in outcomes
        ),
    )


def _disagreements(releases: Sequence[PastRelease]) -> Iterator[Line]:
    for each in releases[:_SHOWN]:
        present, other = (release_told(end) for end in (each.present, each.other or each.present))
        yield (f"{_time(each.at)}: {present}; by the other gate {other}",)
    if len(releases) > _SHOWN:
        yield (f"… and {len(releases) - _SHOWN:,} more; -o json has all of them",)


def _named(outcome: str) -> str:
    return _NAMES.get(outcome, outcome)


def _time(at: datetime) -> str:
    return f"{day(at, at)} {at.tzname()}"

"""Canaries in rows, and which of them are meant: what `tidegate list` prints."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate

from canary.views.canary import Attention, CanaryView
from canary.views.moments import moment, span
from canary.views.status import BEFORE_STEPS

NOTHING = "–"
_GAP = "  "
_CUT = "…"
_WIDE = "WF"
_UNSEEN = frozenset({"Mn", "Me", "Cf"})
_ORDER = {each: number for number, each in enumerate(Attention)}
_FAILING = frozenset({Attention.FAILED, Attention.STUCK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which Canaries are shown; all that are left out do not matter."""

    phases: frozenset[str] = field(default_factory=frozenset)
    held: bool = False
    failing: bool = False

    def takes(self, view: CanaryView) -> bool:
        """Tell whether a Canary is meant."""
        return (
            (not self.phases or view.phase in self.phases)
            and (not self.held or view.attention is Attention.GATE or view.paused is not None)
            and (not self.failing or _failing(view))
        )


def _failing(view: CanaryView) -> bool:
    failed = view.run is not None and any(
        each.verdict == "fail" and not each.shadow for each in view.checks
    )
    return view.attention in _FAILING or failed


def by_attention(view: CanaryView) -> tuple[int, bool, str, str]:
    """Order those first that need a person, and then those with a run."""
    return _ORDER[view.attention], view.run is None, view.namespace, view.name


def by_age(view: CanaryView) -> tuple[float, str, str]:
    """Order by how long a Canary has been as it is, the longest first."""
    since = view.since.timestamp() if view.since else float("inf")
    return since, view.namespace, view.name


def header(*, everywhere: bool, wide: bool) -> tuple[str, ...]:
    """Name the columns."""
    return (
        *(("NAMESPACE",) if everywhere else ()),
        *("NAME", "PHASE", "WEIGHT"),
        *(("SEEN", "STEP", "FAILED") if wide else ("STEP",)),
        *("WAITING FOR", "SINCE"),
        *(("DEADLINE", "TARGET", "ROUTER", "REVISION", "LAST RUN") if wide else ()),
    )


def row(view: CanaryView, now: datetime, *, everywhere: bool, wide: bool) -> tuple[str, ...]:
    """Write a Canary in columns."""
    return (
        *((view.namespace,) if everywhere else ()),
        *(view.name, view.state, _weight(view)),
        *((_seen(view), _step(view), _failed(view)) if wide else (_step(view),)),
        *(cause(view), span(now - view.since) if view.since else NOTHING),
        *(_more(view, now) if wide else ()),
    )


def cause(view: CanaryView) -> str:
    """Say why a Canary is where it is, on a line."""
    if view.problems:
        return view.problems[0]
    if view.paused is not None:
        return f"Paused {view.paused.by}".strip()
    if view.waiting is not None:
        return ": ".join(
            filter(None, (view.waiting.reason, _number_first(view, view.waiting.message)))
        )
    if view.attention is Attention.FAILED and view.history:
        return _number_first(view, view.history[0].message)
    return NOTHING


def _number_first(view: CanaryView, message: str) -> str:
    """Begin with the check that decides, because the end of a line may be cut."""
    failing = (each.message for each in view.checks if each.verdict == "fail" and not each.shadow)
    for each in failing:
        if each and message.endswith(each):
            before = message.removesuffix(each).rstrip(": ")
            return f"{each} ({before})" if before else each
    return message


def standing_line(view: CanaryView) -> str:
    """Say in a line where a Canary is, and why; at rest, how its last run ended."""
    why = cause(view)
    if why == NOTHING and view.run is None:
        why = _last_run(view)
    told = (view.name, view.state, _weight(view), _step(view), why)
    return _GAP.join(each for each in told if each != NOTHING)


def subject_line(view: CanaryView, now: datetime) -> str:
    """Say what is released, by which router, and in which run."""
    run = f"run {view.run.number} since {moment(view.run.started_at, now)}" if view.run else ""
    revision = f"revision {view.revision.testing}" if view.revision.testing else ""
    return _GAP.join(filter(None, (str(view.target), view.router, revision, run)))


def _weight(view: CanaryView) -> str:
    if view.weights.mirror:
        return f"mirror {view.weights.mirror} %"
    return f"{view.weights.asked} %"


def _seen(view: CanaryView) -> str:
    return NOTHING if view.weights.seen is None else f"{view.weights.seen} %"


def _step(view: CanaryView) -> str:
    if not view.run or not view.step.of or not (view.step.at or view.phase in BEFORE_STEPS):
        return NOTHING
    return f"{view.step.at}/{view.step.of}"


def _failed(view: CanaryView) -> str:
    if view.run is None:
        return NOTHING
    checks = view.failed_checks
    return f"{checks.count}/{checks.limit}" if checks.limit else f"{checks.count}"


def _more(view: CanaryView, now: datetime) -> tuple[str, ...]:
    deadline = view.waiting.deadline if view.waiting else None
    return (
        moment(deadline, now) if deadline else NOTHING,
        str(view.target) or NOTHING,
        view.router or NOTHING,
        view.revision.testing or NOTHING,
        _last_run(view),
    )


def _last_run(view: CanaryView) -> str:
    if not view.history:
        return NOTHING
    last = view.history[0]
    return f"{last.outcome} after {span(timedelta(seconds=last.duration_seconds))}"


# ------------------------------------------------------------------------------- in columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """How wide columns are; rows that come later may be longer than they are."""

    widths: tuple[int, ...]
    room: int | None
    """How wide the flexible column may be; None where there is no end to a line."""
    flexible: int

    @classmethod
    def of(cls, rows: Sequence[Sequence[str]], *, flexible: int, width: int | None) -> "Columns":
        """Make columns for rows; where a line has an end, one column gives way to the others."""
        widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
        if width is None:
            return cls(widths=tuple(widths), room=None, flexible=flexible)
        others = sum(widths) - widths[flexible] + len(_GAP) * (len(widths) - 1)
        least = columns(rows[0][flexible])
        widths[flexible] = max(least, min(widths[flexible], width - others))
        return cls(widths=tuple(widths), room=widths[flexible], flexible=flexible)

    def line(self, cells: Iterable[str]) -> str:
        """Write one row."""
        written = list(cells)
        if self.room is not None:
            written[self.flexible] = clipped(written[self.flexible], self.room)
        padded = (
            cell + " " * (width - columns(cell))
            for cell, width in zip(written, self.widths, strict=True)
        )
        return _GAP.join(padded).rstrip()


def columns(text: str) -> int:
    """Count the columns of a terminal that a text takes."""
    return sum(map(_columns, text))


def clipped(text: str, width: int) -> str:
    """Shorten a text to so many columns."""
    if columns(text) <= width:
        return text
    taken = accumulate(map(_columns, text))
    kept = (each for each, total in zip(text, taken, strict=True) if total <= width - len(_CUT))
    return "".join(kept) + _CUT


def _columns(character: str) -> int:
    if unicodedata.category(character) in _UNSEEN:
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1

"""Burn rates of a service level objective, over several windows, in PromQL.

The burn rate is the share of bad events, in parts of the share that the objective allows: at 1 the
error budget lasts exactly for its period. A pair of windows is exceeded where both of its windows
are: the long one says that it matters, the short one that it is still so (Google's SRE workbook,
"Alerting on SLOs", 6).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

Query = Callable[[str], str]
"""Gives the PromQL that counts events over a window, such as `5m`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What share of the events must be good, and how events are counted."""

    name: str
    target: float
    """The share of good events, above 0 and below 1."""
    bad: Query
    total: Query
    period: str = "30d"
    """The time over which the objective holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPair:
    """A long and a short window, and the burn rate that neither of both may exceed alone."""

    long: str
    short: str
    factor: float


#: Two percent of the budget of 30 days within an hour, and five percent within six.
USUAL_PAIRS = (
    WindowPair(long="1h", short="5m", factor=14.4),
    WindowPair(long="6h", short="30m", factor=6),
)


def share_of(ratio: Query) -> tuple[Query, Query]:
    """Give the bad events and the events of an objective of which only the share of bad ones is known.

    Each series stands for one event, so the shares of several are their mean; one that has had no
    requests says NaN, and no series are no data.
    """
    return ratio, lambda window: f"(0 * ({ratio(window)}) + 1)"


def worst_burn(objective: Objective, pairs: tuple[WindowPair, ...] = USUAL_PAIRS) -> str:
    """Write the query of how far the worst pair is burnt: above 1 a pair is exceeded."""
    return reduce(_greater, (_pair(objective, each) for each in pairs))


def budget_left(objective: Objective) -> str:
    """Write the query of how much of the error budget is left, in percent; below 0 it is overspent."""
    return f"100 * (1 - {_burn(objective, objective.period)})"


def _pair(objective: Objective, pair: WindowPair) -> str:
    long, short = (_burn(objective, window) for window in (pair.long, pair.short))
    return f"({_lesser(long, short)}) / {pair.factor:g}"


def _burn(objective: Objective, window: str) -> str:
    """Write a burn rate; bad events without a series were none."""
    bad, total = f"sum({objective.bad(window)})", f"sum({objective.total(window)})"
    return f"(({bad} or 0 * {total}) / {total} / {1 - objective.target:.12g})"


def _lesser(one: str, other: str) -> str:
    return f"{one} < {other} or {other}"


def _greater(one: str, other: str) -> str:
    return f"({one}) > ({other}) or ({other})"

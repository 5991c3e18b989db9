"""The transition table: which phase may follow which.

Rule 1: every change of phase is in this table; `Situation.enter` refuses any other.
Rule 2: the diagram in the docs is drawn from it (`diagram`), and a test keeps it so.
Rule 3: every phase but Terminating has a way out that needs no person.
"""

from collections.abc import Mapping
from types import MappingProxyType

from canary.api.status import Phase, Stage

TRANSITIONS: Mapping[Phase, frozenset[Phase]] = MappingProxyType(
    {
        Phase.NEW: frozenset({Phase.INITIALIZING, Phase.TERMINATING}),
        Phase.INITIALIZING: frozenset({Phase.INITIALIZED, Phase.FAILED, Phase.TERMINATING}),
        Phase.INITIALIZED: frozenset({Phase.WAITING, Phase.PROGRESSING, Phase.TERMINATING}),
        Phase.WAITING: frozenset(
            {Phase.PROGRESSING, Phase.SUCCEEDED, Phase.FAILED, Phase.TERMINATING}
        ),
        Phase.PROGRESSING: frozenset(
            {
                Phase.WAITING_PROMOTION,
                Phase.PROMOTING,
                Phase.SUCCEEDED,
                Phase.FAILED,
                Phase.TERMINATING,
            }
        ),
        Phase.WAITING_PROMOTION: frozenset(
            {
                Phase.PROGRESSING,
                Phase.PROMOTING,
                Phase.SUCCEEDED,
                Phase.FAILED,
                Phase.TERMINATING,
            }
        ),
        Phase.PROMOTING: frozenset(
            {
                Phase.PROGRESSING,
                Phase.FINALISING,
                Phase.SUCCEEDED,
                Phase.FAILED,
                Phase.TERMINATING,
            }
        ),
        Phase.FINALISING: frozenset({Phase.SUCCEEDED, Phase.TERMINATING}),
        Phase.SUCCEEDED: frozenset({Phase.WAITING, Phase.PROGRESSING, Phase.TERMINATING}),
        Phase.FAILED: frozenset(
            {
                Phase.INITIALIZING,
                Phase.WAITING,
                Phase.PROGRESSING,
                Phase.FINALISING,
                Phase.SUCCEEDED,
                Phase.TERMINATING,
            }
        ),
        Phase.TERMINATING: frozenset(),
    }
)

_REST = frozenset(
    {
        Stage.RESOLVING,
        Stage.FILLING,
        Stage.RETURNING,
        Stage.HELD,
        Stage.BLOCKED,
        Stage.UNSCALED,
        Stage.OBSTRUCTED,
        Stage.SUSPENDED,
    }
)
_RELIEF = frozenset({Stage.FILLING, Stage.ROUTING, Stage.DRAINING, Stage.UPDATING})
_ANALYSIS = frozenset(
    {
        Stage.RESOLVING,
        Stage.FILLING,
        Stage.REFUSED,
        Stage.ROUTING,
        Stage.ANALYSING,
        Stage.GATED,
        Stage.UNGUIDED,
        Stage.OBSTRUCTED,
        Stage.PAUSED,
        Stage.SUSPENDED,
    }
)

STAGES: Mapping[Phase, frozenset[Stage]] = MappingProxyType(
    {
        Phase.NEW: frozenset({Stage.SUSPENDED}),
        Phase.INITIALIZING: frozenset(
            {
                Stage.HELD,
                Stage.BLOCKED,
                Stage.RESOLVING,
                Stage.CREATING,
                Stage.FILLING,
                Stage.PROPAGATING,
                Stage.ROUTING,
                Stage.DRAINING,
                Stage.SUSPENDED,
            }
        ),
        Phase.INITIALIZED: _REST | _RELIEF,
        Phase.WAITING: frozenset(
            {
                Stage.GATED,
                Stage.HELD,
                Stage.UNGUIDED,
                Stage.OBSTRUCTED,
                Stage.PAUSED,
                Stage.SUSPENDED,
            }
        ),
        Phase.PROGRESSING: _ANALYSIS,
        Phase.WAITING_PROMOTION: _ANALYSIS,
        Phase.PROMOTING: _RELIEF | {Stage.RETURNING, Stage.OBSTRUCTED, Stage.SUSPENDED},
        Phase.FINALISING: frozenset(
            {Stage.FILLING, Stage.ROUTING, Stage.DRAINING, Stage.SUSPENDED}
        ),
        Phase.SUCCEEDED: _REST | _RELIEF,
        Phase.FAILED: _REST,
        Phase.TERMINATING: frozenset(
            {Stage.FILLING, Stage.RESTORING, Stage.DRAINING, Stage.RELEASING}
        ),
    }
)
"""The stages of each phase."""

TIMED = frozenset({Stage.PROPAGATING, Stage.DRAINING})
"""Stages that time ends well, whatever can be seen of the cluster meanwhile."""

RUNNING = frozenset(
    {
        Phase.WAITING,
        Phase.PROGRESSING,
        Phase.WAITING_PROMOTION,
        Phase.PROMOTING,
        Phase.FINALISING,
    }
)
"""The phases of a run, from a new revision to its end."""

IDLE = frozenset({Phase.INITIALIZED, Phase.SUCCEEDED, Phase.FAILED})
"""The phases in which nothing is under way."""


def legal(before: Phase, after: Phase) -> bool:
    """Tell whether one phase may follow another; staying is always legal."""
    return after == before or after in TRANSITIONS[before]


def diagram() -> str:
    """Draw the table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> Initializing"]
    for before, followers in TRANSITIONS.items():
        if before is Phase.NEW:
            continue
        lines += [
            f"    {before} --> {after}"
            for after in Phase
            if after in followers and after is not Phase.TERMINATING
        ]
    lines += ["    Terminating --> [*]"]
    lines += [
        f"    {before} --> Terminating"
        for before, followers in TRANSITIONS.items()
        if before is not Phase.NEW and Phase.TERMINATING in followers
    ]
    return "\n".join(lines) + "\n"

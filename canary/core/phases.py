"""The transition table: which phase may follow which.

Rule 1: every change of phase is in this table; `Situation.enter` refuses any other.
Rule 2: the diagram in the docs is drawn from it (`diagram`), and a test keeps it so.
Rule 3: every phase but Terminating has a way out that needs no person.
"""

from collections.abc import Mapping
from types import MappingProxyType

from canary.api.status import Phase

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

"""The transition table: which phase may follow which, and which stages each phase has.

Rule 1: every change of phase or stage is in this table; `Situation.enter` and `Situation.at` refuse
any other. A phase begins at no stage, and at rest there is none.
Rule 2: the picture and the table in the docs are made from it, and a test keeps them so.
Rule 3: every phase but Terminating has a way out that needs no person.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
                Phase.WAITING,
                Phase.WAITING_PROMOTION,
                Phase.PROMOTING,
                Phase.SUCCEEDED,
                Phase.FAILED,
                Phase.TERMINATING,
            }
        ),
        Phase.WAITING_PROMOTION: frozenset(
            {
                Phase.WAITING,
                Phase.PROGRESSING,
                Phase.PROMOTING,
                Phase.SUCCEEDED,
                Phase.FAILED,
                Phase.TERMINATING,
            }
        ),
        Phase.PROMOTING: frozenset(
            {
                Phase.WAITING,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """The stages of a phase: each is a state of its own."""

    path: tuple[Stage, ...] = ()
    """In the order in which the phase goes through them; any of them may be skipped."""
    aside: tuple[Stage, ...] = ()
    """Reached from anywhere in the phase, and left for anywhere in it."""
    returns: bool = True
    """Whether the phase falls back to an earlier stage when what it has come to is lost."""

    def __iter__(self) -> Iterator[Stage]:
        yield from self.path
        yield from self.aside

    def legal(self, before: Stage | None, after: Stage | None) -> bool:
        """Tell whether one stage may follow another; None is no stage."""
        if after is not None and after not in self:
            return False
        if self.returns or after is before or before not in self.path:
            return True
        return after in self.path and self.path.index(after) > self.path.index(before)


_PROMOTION = (
    Stage.FILLING,
    Stage.ROUTING,
    Stage.DRAINING,
    Stage.UPDATING,
    Stage.PROPAGATING,
    Stage.RETURNING,
)
_REST = (
    Stage.RESOLVING,
    Stage.HELD,
    Stage.BLOCKED,
    Stage.UNSCALED,
    Stage.OBSTRUCTED,
    Stage.SUSPENDED,
    Stage.UNROUTABLE,
)
_ANALYSIS = Stages(
    path=(
        Stage.RESOLVING,
        Stage.FILLING,
        Stage.PROPAGATING,
        Stage.ROUTING,
        Stage.ANALYSING,
        Stage.GATED,
        Stage.RETURNING,
    ),
    aside=(
        Stage.REFUSED,
        Stage.UNGUIDED,
        Stage.OBSTRUCTED,
        Stage.PAUSED,
        Stage.SUSPENDED,
        Stage.WITHHELD,
        Stage.UNROUTABLE,
    ),
)

STAGES: Mapping[Phase, Stages] = MappingProxyType(
    {
        Phase.NEW: Stages(aside=(Stage.SUSPENDED, Stage.UNROUTABLE)),
        Phase.INITIALIZING: Stages(
            path=(
                Stage.CREATING,
                Stage.FILLING,
                Stage.PROPAGATING,
                Stage.ROUTING,
                Stage.DRAINING,
            ),
            aside=(
                Stage.HELD,
                Stage.BLOCKED,
                Stage.RESOLVING,
                Stage.SUSPENDED,
                Stage.WITHHELD,
                Stage.UNROUTABLE,
            ),
        ),
        Phase.INITIALIZED: Stages(path=_PROMOTION, aside=_REST),
        Phase.WAITING: Stages(
            path=(Stage.GATED, Stage.HELD),
            aside=(
                Stage.UNGUIDED,
                Stage.OBSTRUCTED,
                Stage.PAUSED,
                Stage.SUSPENDED,
                Stage.WITHHELD,
                Stage.UNROUTABLE,
            ),
        ),
        Phase.PROGRESSING: _ANALYSIS,
        Phase.WAITING_PROMOTION: _ANALYSIS,
        Phase.PROMOTING: Stages(
            path=_PROMOTION, aside=(Stage.OBSTRUCTED, Stage.SUSPENDED, Stage.UNROUTABLE)
        ),
        Phase.FINALISING: Stages(
            path=(Stage.ROUTING, Stage.DRAINING),
            aside=(Stage.FILLING, Stage.PROPAGATING, Stage.SUSPENDED, Stage.UNROUTABLE),
        ),
        Phase.SUCCEEDED: Stages(path=_PROMOTION, aside=_REST),
        Phase.FAILED: Stages(path=(Stage.FILLING, Stage.PROPAGATING, Stage.RETURNING), aside=_REST),
        Phase.TERMINATING: Stages(
            path=(Stage.FILLING, Stage.RESTORING, Stage.DRAINING, Stage.RELEASING),
            aside=(Stage.UNROUTABLE,),
            returns=False,
        ),
    }
)

STAGE_SENTENCES: Mapping[Stage, str] = MappingProxyType(
    {
        Stage.HELD: "Nothing begins until something else is settled.",
        Stage.BLOCKED: "A name that tidegate needs is taken.",
        Stage.RESOLVING: "The target, or something that it needs, is missing.",
        Stage.CREATING: "The primary is made, or given the revision of the target.",
        Stage.FILLING: "Pods come up before traffic moves to them.",
        Stage.PROPAGATING: "Proxies learn of new services or pods.",
        Stage.ROUTING: "The route is being turned.",
        Stage.DRAINING: "Requests in flight finish on the side that has lost its traffic.",
        Stage.UPDATING: "The pods of the primary are replaced by those of its new revision.",
        Stage.RETURNING: "Traffic goes back to the primary.",
        Stage.ANALYSING: "The canary is analysed at each interval.",
        Stage.GATED: "A gate is shut.",
        Stage.REFUSED: "The route was rejected by the gateway's controller.",
        Stage.UNGUIDED: "No valid spec is known.",
        Stage.OBSTRUCTED: "Something cannot be read or written.",
        Stage.UNSCALED: "The autoscaler that scales the primary is missing.",
        Stage.RESTORING: "Routes are put back as they were found.",
        Stage.RELEASING: "The finalizer is being removed.",
        Stage.PAUSED: "A person has paused the run.",
        Stage.SUSPENDED: "`spec.suspend` is true.",
        Stage.WITHHELD: "A rule of the fleet withholds leave.",
        Stage.UNROUTABLE: "The cluster of the routes cannot be reached, or a route is another owner's.",
    }
)
"""What each stage means, for people."""

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

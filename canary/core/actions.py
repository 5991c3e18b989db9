"""What must be true of the cluster: each action is a desired state, not a command.

`apply` compares an action with what is there and writes only the difference, so that every
decision may return all of them.
"""

from dataclasses import dataclass
from enum import StrEnum

from canary.core.traffic import Traffic


class Side(StrEnum):
    """A workload that can serve."""

    PRIMARY = "primary"
    TARGET = "target"


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldFinalizer:
    """The Canary has, or has not, the finalizer that makes its deletion safe."""

    present: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EnsurePrimary:
    """The primary exists and runs this revision.

    Its template is copied from the target, and only while the target is at this very revision.
    """

    revision: str
    template: str = ""
    """Digest of the pod template that it must have; empty where that is left open."""
    replicas: int
    """How many it gets when it is made or updated; an autoscaler's own choice is left to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnsureCanary:
    """The canary of a kept target exists and has the template of this revision.

    As many pods are wanted of it as were before: none of one that is made.
    """

    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnsureBaseline:
    """The baseline exists with its service, and has the pod template that the primary has."""

    revision: str
    """What its pods are marked with: those of another run are replaced."""
    replicas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveBaseline:
    """There is no baseline, and no service of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeTarget:
    """A kept target is its own controller's again, unless that would roll out what it was held from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnsureServices:
    """The primary's and the canary's services exist, and the apex service selects `apex`.

    None leaves the apex service as it is.
    """

    apex: Side | None
    shared: bool = False
    """Whether the apex service selects the pods of both sides instead, which a route tells apart."""
    left: frozenset[str] = frozenset()
    """The services, as kind/name, that are left for now as someone else changed them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnsureAutoscaler:
    """The primary has a copy of the target's autoscaler, which goes no lower than `minimum`."""

    minimum: int = 0
    left: frozenset[str] = frozenset()
    """The objects, as kind/name, that are left for now as someone else changed them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnsureBudgets:
    """The primary has a PodDisruptionBudget for each of the target's, and no other of ours."""

    left: frozenset[str] = frozenset()
    """The objects, as kind/name, that are left for now as someone else changed them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseAutoscaler:
    """The target's autoscaler keeps the target at this many replicas; without a number it scales."""

    replicas: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveAutoscaler:
    """The primary has no copy of an autoscaler that the Canary names no longer.

    Where that one was paused, it is no longer.
    """

    name: str
    """As the status remembers it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTraffic:
    """The route exists and carries this traffic."""

    traffic: Traffic
    left: frozenset[str] = frozenset()
    """The objects, as kind/name, that are left for now as someone else changed them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRoutes:
    """Routes are as they were before tidegate; those it created are gone."""

    alone: bool = False
    """Only what splits traffic, so that what it refers to outlasts it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveBehind:
    """What was made for the Canary does not name it as its owner, and stays when it goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteFormer:
    """The route under an earlier spec's names, which is not given back yet, carries this."""

    service: str
    provider: str
    references: tuple[str, ...] = ()
    traffic: Traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveBack:
    """The routes of an earlier spec's names are as they were before tidegate, or gone.

    So are the services of its sides, where `services` says so.
    """

    service: str
    provider: str
    references: tuple[str, ...] = ()
    services: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleTarget:
    """The target has this many replicas."""

    replicas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalePrimary:
    """The primary has this many replicas."""

    replicas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceStrays:
    """No pod of a divided workload runs another revision than the one that is meant for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearCommands:
    """These command annotations are gone from the Canary."""

    verbs: tuple[str, ...]


Action = (
    HoldFinalizer
    | EnsurePrimary
    | EnsureCanary
    | EnsureBaseline
    | RemoveBaseline
    | ResumeTarget
    | EnsureServices
    | EnsureAutoscaler
    | EnsureBudgets
    | PauseAutoscaler
    | RemoveAutoscaler
    | RouteTraffic
    | RouteFormer
    | RestoreRoutes
    | LeaveBehind
    | GiveBack
    | ScaleTarget
    | ScalePrimary
    | ReplaceStrays
    | ClearCommands
)

"""Targets: the kinds of workload that a Canary can name. Each reads and renders, without I/O.

The protocol every kind keeps, and the table of their names. A target does not know who writes what
it renders, and does not know the other targets.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol, Self

from analysis.errors import UnknownPlugin
from analysis.plugins import PluginTable
from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest
from canary.core.facts import UpdateStrategy
from canary.core.ordinals import Divided
from canary.errors import Problem
from canary.objects.render import Render
from canary.resources.names import SelectorLabel


class Counts(NamedTuple):
    """How many pods a workload has; the fields are those of `canary.core.facts.Workload`."""

    replicas: int
    """Wanted; 0 while it is parked."""
    total: int
    updated: int
    available: int
    deadline_exceeded: bool = False
    paused: bool = False
    """Whether its controller leaves the template of its pods as it is."""


class Member(NamedTuple):
    """What belongs to a workload: a pod, or what stands between the two."""

    workload: str
    version: str
    """Tells the pods of one template from those of another."""
    rollout: str = ""
    """The rollout of the workload that it stands for; empty on pods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """What a primary is made with, beside its source, or the canary of a target that is kept."""

    revision: str
    selector_label: SelectorLabel
    configs: Mapping[str, str]
    """The names of its copies of the tracked configs, by the keys of those."""
    replicas: int | None = None
    """None leaves the number as it is, to an autoscaler."""
    existing: Manifest | None = None
    """It as it is now."""
    include_label_prefixes: tuple[str, ...] = ()


class Target(Protocol):
    """Read and render the workloads of one kind.

    One of a third party may leave out what `defaults.py` has.
    """

    kind: ClassVar[Kind]
    scales: ClassVar[bool]
    """Whether it has a number of replicas, which an autoscaler can change."""
    serves: ClassVar[bool]
    """Whether it is the service that clients call, rather than pods behind one: it is never parked."""
    divides: ClassVar[bool]
    """Whether primary and canary are pods of this one workload, told apart by its partition."""
    holds_primary: ClassVar[bool]
    """Whether the primary is a part of the target, rather than an object of its own beside it."""
    keeps: ClassVar[bool]
    """Whether the target's own pods are the primary, and the canary is an object beside it.

    Such a target is held while nothing is promoted: its controller gives no pod another template.
    """
    baselines: ClassVar[bool]
    """Whether a baseline can stand beside its primary."""
    history: ClassVar[Kind | None]
    """The kind in which the workload's controller remembers earlier templates; None without any."""
    beside: ClassVar[tuple[Kind, ...]]
    """The kinds that tell, beside the pods, which template a pod was made from."""

    @property
    def writes(self) -> tuple[Kind, ...]:
        """The kinds that it reads and writes: the role follows from them."""

    @property
    def reads(self) -> tuple[Kind, ...]:
        """The kinds that it reads and never writes."""

    def keeping(self) -> Self | None:
        """Give what reads and renders a target of this kind that is kept; None where none can be."""

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Name what a Canary asks for and a target of this kind cannot do."""

    def services(self, canary: Canary, existing: Mapping[str, Manifest]) -> tuple[Render, ...]:
        """Give the services that one which `serves` needs beside itself and its primary.

        `existing` are the services of the Canary's names that exist, by name.
        """

    def counts(self, manifest: Manifest) -> Counts:
        """Count the pods of a workload, as its status tells."""

    def divided(self, manifest: Manifest) -> Divided | None:
        """Tell how the pods of one that `divides` are divided; None of any other kind."""

    def strays(self, manifest: Manifest, pods: Iterable[Manifest]) -> tuple[str, ...]:
        """Name the pods that must be deleted now so that each runs the revision of its ordinal."""

    def strategy(self, manifest: Manifest) -> UpdateStrategy:
        """Read how its pods are replaced when the template changes."""

    def rollout(self, manifest: Manifest) -> str:
        """Name its newest rollout."""

    def written(self, manifest: Manifest) -> Manifest:
        """Give its pod template as its user wrote it: what is hashed, and promoted."""

    def remembered(self, item: Manifest) -> Manifest:
        """Give the pod template that an object of `history` holds, as its user wrote it."""

    def member(self, item: Manifest) -> Member | None:
        """Tell which workload a pod, or an object of `beside`, belongs to; None for none of these."""

    def promoted(self, canary: Canary, source: Manifest, promotion: Promotion) -> Render | None:
        """Give the primary of a target, which has the template of the revision.

        Of a target that `holds_primary`, the target with the primary in it. None where the target
        is not ready to be promoted.
        """

    def canary(self, canary: Canary, source: Manifest, promotion: Promotion) -> Render | None:
        """Give the canary of a target that it `keeps`, with the template of the target."""

    def baseline(
        self, canary: Canary, primary: Manifest, promotion: Promotion, service: Manifest
    ) -> Render | None:
        """Give a baseline of a primary, which its service owns; None where there can be none."""

    def held(self, *, now: bool, wanted: bool) -> Manifest | None:
        """Give the merge patch that holds a target which it `keeps`, or lets it go; None if it is so."""

    def primary(self, canary: Canary, target: Manifest) -> Manifest | None:
        """Read the primary in a target that `holds_primary`; None where there is none yet."""

    def scaled(self, now: int, replicas: int) -> Manifest | None:
        """Give the merge patch that brings it from a number of pods to another; 0 parks it.

        None where it has what is asked for already, as far as it can have it.
        """


TARGETS: PluginTable[Target] = PluginTable(
    group="tidegate.targets",
    builtin={
        "DaemonSet": "canary.targets.daemonset:DaemonSetTarget",
        "Deployment": "canary.targets.deployment:DeploymentTarget",
        "Service": "canary.targets.service:ServiceTarget",
        "Service.serving.knative.dev": "canary.targets.knative:KnativeTarget",
        "StatefulSet": "canary.targets.statefulset:StatefulSetTarget",
    },
    defaults="canary.targets.defaults:TargetDefaults",
)


def installed_target(kind: str, api_version: str = "") -> Target | None:
    """Make the target that a kind stands for; None where no target has this name."""
    try:
        return target_for(kind, api_version)
    except UnknownPlugin:
        return None


def target_for(kind: str, api_version: str = "") -> Target:
    """Make the target that a kind stands for: `Deployment`.

    One whose name has a group, as `Service.serving.knative.dev`, is for the kind in that group.

    Raises:
        UnknownPlugin: no target has this name; the exception lists the known ones.
    """
    in_group = f"{kind}.{api_version.rpartition('/')[0]}"
    return TARGETS.load(in_group if in_group in TARGETS.names() else kind)()

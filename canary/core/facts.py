"""What is observed: the facts that a decision is made on.

Facts are gathered by the shell and never computed from a status.
Long because it is one vocabulary: whatever a decision may depend on is named here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from canary.api.analysis_spec import VerifyTraffic
from canary.api.deliverypolicy import DeliveryPolicySpec
from canary.api.fleet_status import FleetCanary
from canary.api.metrics import MetricSpec
from canary.api.people import AlertReference, Webhook
from canary.api.policy_status import DeliveryPolicyStatus
from canary.api.status import Thread
from canary.core.needs import Need
from canary.core.peers import CanaryName, Peer
from canary.core.traffic import Seen
from canary.errors import Problem, SpecWarning

FULL_READINESS = 100

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A pod that will not come up by waiting: a crash loop, an image that can't be pulled."""

    reason: str
    pod: str
    container: str
    message: str

    def __str__(self) -> str:
        what = f"{self.reason} in container {self.container} of pod {self.pod}"
        return f"{what}: {self.message}" if self.message else what


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of pods, or a percentage of all: what Kubernetes calls an IntOrString."""

    number: int
    percent: bool = False

    def of(self, replicas: int, *, round_up: bool = False) -> int:
        """Count the pods among so many."""
        if not self.percent:
            return self.number
        whole, rest = divmod(replicas * self.number, 100)
        return whole + (1 if rest and round_up else 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateStrategy:
    """How a workload's pods are replaced when its template changes."""

    recreate: bool = False
    """All pods end before the first new one begins."""
    max_unavailable: Amount = Amount(25, percent=True)
    max_surge: Amount = Amount(25, percent=True)
    at_once: bool = False
    """There is no pod to replace: a change holds as soon as it is written."""
    rounds_up: bool = False
    """Whether a percentage that may be unavailable is rounded up."""
    in_place: bool = False
    """The primary gets the revision as the canary takes its pods over: both are one workload."""

    def leaves_none(self, replicas: int) -> bool:
        """Tell whether an update may leave none of so many pods.

        Both amounts are resolved as the workload's controller resolves them: where neither allows
        it to move, it takes one pod away.
        """
        unavailable = self.max_unavailable.of(replicas, round_up=self.rounds_up)
        stuck = not unavailable and not self.max_surge.of(replicas, round_up=True)
        return self.recreate or self.in_place or (1 if stuck else unavailable) >= replicas


class Image(NamedTuple):
    """The image of one container of a pod template."""

    container: str
    image: str
    init: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A workload as it was last seen; all counts are pods."""

    name: str
    uid: str = ""
    generation: int = 1
    observed_generation: int = 1
    replicas: int = 1
    """Wanted, from the spec."""
    total: int = 0
    """Existing, of any template."""
    updated: int = 0
    """Existing, of the current template."""
    available: int = 0
    """Ready for at least minReadySeconds, of any template."""
    deadline_exceeded: bool = False
    """The workload's own progress deadline has passed."""
    revision: str = ""
    """The revision it was made from, as recorded on a primary by tidegate; empty on a target."""
    template: str = ""
    """Digest of the pod template."""
    images: tuple[Image, ...] = ()
    """The images of the pod template, in its order."""
    release: str = ""
    """The release that it says it belongs to."""
    commit: str = ""
    """The commit that it says it was built from."""
    committed_at: str = ""
    """When it says that commit was made."""
    traceparent: str = ""
    """The span of the pipeline that it says released it."""
    written: str = ""
    """The same, as the API server answered our own last write; empty where that is not known."""
    changed_by: str = ""
    """Who else has written into the pod template last, as the API server knows it."""
    strategy: UpdateStrategy = UpdateStrategy()
    scales: bool = True
    """Whether it has as many pods as it is given replicas; otherwise the cluster decides."""
    trouble: Trouble | None = None
    moving: bool = False
    """Its controller may give its pods another template at any moment: it is kept, and not paused."""
    lacking: str = ""
    """The label by which the apex service selects the pods of both sides, as key: value, where the
    router needs it and the pod template lacks it."""
    labelled: bool = False
    """Whether the router needs that label and the pod template has it."""

    def ready(self, threshold_percent: int = FULL_READINESS) -> bool:
        """Tell whether enough pods of the current template serve, and none of an older one."""
        return (
            self.uniform
            and not self.moving
            and self.replicas > 0
            and self.updated >= self.replicas
            and self.available >= max(1, self.updated * threshold_percent // FULL_READINESS)
        )

    @property
    def uniform(self) -> bool:
        """Whether no pod of an older template is left."""
        return self.observed and self.total <= self.updated

    @property
    def given_up(self) -> bool:
        """Whether Kubernetes has given up on bringing up its current template."""
        return self.deadline_exceeded and self.replicas > 0 and self.observed

    @property
    def failing(self) -> Trouble | None:
        """What keeps pods of its current template from coming up."""
        return self.trouble if self.observed else None

    @property
    def observed(self) -> bool:
        """Whether what is said of its pods is said of its template.

        A canary that does not have the template of a kept target yet is not observed.
        """
        return self.observed_generation >= self.generation

    @property
    def version(self) -> str:
        """What identifies the spec that was seen; a scale changes it as well."""
        return f"{self.uid}/{self.generation}"

    @property
    def serves(self) -> bool:
        """Whether any of its pods could take a request."""
        return self.available > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What the user wrote: the target's pod template with its tracked configs, by hash."""

    id: str
    configs: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Checksums of the tracked ConfigMaps and Secrets, by kind/name."""
    images: tuple[Image, ...] = ()
    """The images of the pod template, in its order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Something a person asked for by annotation."""

    verb: str
    value: str = ""
    """Who, and why; free text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What others have changed in a route or a Service, against what the status says."""

    kind: str
    name: str
    fields: tuple[str, ...] = ()
    """Paths such as `spec.http[0].route[0].weight`; none where the object was deleted."""
    changed_by: str = ""
    """Who has written it last, as the API server knows it."""
    version: str
    """Tells this change from others of the object."""

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """Another owner's object that stops working when a primary serves."""

    kind: str
    name: str
    reason: str
    """One CamelCase word."""
    message: str
    """What is lost, and what to do."""
    holds: bool
    """Whether a new Canary is not initialised before this is settled."""

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What was found around a target."""

    risks: tuple[Risk, ...] = ()
    traffic_policy: str = ""
    """The trafficPolicy for the apex host that the sides take over, as JSON; empty without one."""
    gitops: str = ""
    """What the GitOps tool that applies the target must leave alone; empty where nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """What is left of what was made under the names of an earlier spec."""

    service: str
    provider: str
    references: tuple[str, ...] = ()
    """The user's objects that it routed by, each as field/name."""
    unknown: bool = False
    """Its routes can't be read: they may still send requests to either side."""
    routes: bool = False
    """Its routes are not as they were before tidegate yet."""
    routed: Seen | None = None
    """What its route still does; None where it is given back, or can't be read."""
    services: bool = False
    """The services of its sides exist."""
    apex: bool = False
    """Its apex service exists, and leads where tidegate has it lead."""
    by_subsets: bool = False
    """Its route tells the sides apart behind the apex service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenReference:
    """Something that a Canary refers to and that is missing, or can't be used as it is."""

    referrer: MetricSpec | Webhook | AlertReference | VerifyTraffic
    """What refers to it."""
    problem: Problem


@dataclass(frozen=True, slots=True)
class Dependency:
    """A Canary that must have promoted first."""

    name: CanaryName
    peer: Peer | None
    """None where there is no such Canary, or none that this controller follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingPolicy:
    """A DeliveryPolicy that binds this Canary."""

    name: str
    """Written as namespace/name."""
    spec: DeliveryPolicySpec
    zone: tzinfo = UTC
    """The time zone of its windows."""
    status: DeliveryPolicyStatus = field(default_factory=DeliveryPolicyStatus)
    """The grants that it has given."""
    before: str | None = None
    """The Canary directly before this one in its line: empty for the first, None while not known."""
    under_way: tuple[str, ...] = ()
    """The Canaries that have its places."""
    stuck: str = ""
    """Why no more grants can be given; empty where they can."""
    unreadable: str = ""
    """Why it cannot be acted on: then what it would withhold is not known."""

    @property
    def expeditable(self) -> bool:
        """Whether it has anything that an expedited run passes."""
        return bool(self.spec.windows) or self.spec.max_concurrent is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSeen:
    """The FleetPlan that a Canary names, as its hub shows it."""

    cluster: str
    """What this cluster is known by there."""
    entry: FleetCanary | None = None
    """What the plan says of this Canary."""
    exists: bool = True
    away: str = ""
    """Why the hub cannot be asked: what was known of the plan may have changed since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Settings of the controller that decisions depend on."""

    drain: timedelta = timedelta(seconds=10)
    """How long pods that no longer get traffic are kept, so that what is in flight can end; and how
    long proxies have to learn of new services before traffic goes to them."""
    history: int = 5
    """How many past runs a status keeps."""
    verified_commands: bool = False
    """Whether the API server has checked who signs a command."""
    trace_child: bool = False
    """Whether a run is part of the trace that its target names, or only links to it."""
    one_of_several: bool = False
    """Whether the series of other clusters are known from those of this one."""


@dataclass(frozen=True, slots=True, order=True)
class Outage:
    """A span of time in which the controller could not see, or write, what a Canary waits for."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything a decision depends on besides spec, status and time."""

    uid: str = ""
    """metadata.uid of the Canary."""
    generation: int = 1
    """metadata.generation of the Canary."""
    deleting: bool = False
    has_finalizer: bool = False
    commands: tuple[Command, ...] = ()
    target: Workload | None = None
    primary: Workload | None = None
    baseline: Workload | None = None
    """The baseline; None where there is none, or one of another owner."""
    baseline_left: bool = False
    """Whether anything is there that was made for a baseline."""
    revision: Revision | None = None
    """The target's revision now; None where it can't be told (no target, a config is missing)."""
    routed: Seen | None = None
    """What the route does now; None where there is no route."""
    routes_away: str = ""
    """Why the cluster of the routes cannot be asked: where traffic goes is not known then."""
    contested: str = ""
    """Which objects of the route carry another owner's mark, and whose they are."""
    refusal: str = ""
    """Why the router's own controller rejects the route; empty where it accepts the route, or says
    nothing."""
    restored: bool = False
    """The routes and the apex service are back as they were before tidegate."""
    left_behind: bool = False
    """Nothing that was made for the Canary names it as its owner any longer, while it is deleted."""
    autoscaler_minimum: int | None = None
    """The target's autoscaler's least number of replicas; None without an autoscaler."""
    autoscaler_maximum: int | None = None
    """The primary's autoscaler's greatest number of replicas; None without an autoscaler."""
    target_rests: bool = False
    """The target's autoscaler takes all pods of a target that has nothing to do."""
    primary_rests: bool = False
    """The primary's does so with the primary, outside of a run."""
    autoscaler_missing: bool = False
    """The autoscaler that the Canary names does not exist."""
    autoscaler_absent: bool = False
    """Nor does its kind: the CRD is not installed."""
    autoscaler_left: bool = False
    """The primary still has a copy of the autoscaler that the status names."""
    budgeted: bool = False
    """A PodDisruptionBudget covers the target's pods, or the primary has one that goes with none."""
    taken: str = ""
    """Which names that are tidegate's to use are taken by objects of others, and what to do."""
    provider: str = ""
    """The name of the router that splits the traffic."""
    routed_by: tuple[str, ...] = ()
    """The user's objects that it routes by, each as field/name."""
    splits: bool = True
    """Whether the router can send shares of the requests to both sides, rather than all to one."""
    by_replicas: bool = False
    """Whether a share of the requests is that of the canary's ready pods among those of both sides."""
    by_subsets: bool = False
    """Whether the router tells the sides apart behind the apex service, which selects the pods of both
    by a label of theirs: they have no services."""
    kept: bool = False
    """The target's own pods are the primary: it can be given the target's template, and no other.

    The facts of the target then speak of the canary beside it, and those of the primary of its pods.
    """
    ordinals: int | None = None
    """How many pods both sides have together, where they are pods of one workload."""
    strays: bool = False
    """Pods of that workload run a revision that is not meant for them, until they are deleted."""
    settling: timedelta = timedelta(0)
    """How long proxies may take to follow its routes once they are written."""
    former: tuple[Former, ...] = ()
    """What is left of the former names that the status remembers."""
    others: tuple[Peer, ...] = ()
    """The other Canaries that have, or ask for, this target or service."""
    dependencies: tuple[Dependency, ...] = ()
    """The Canaries that spec.dependsOn names."""
    members: tuple[Peer, ...] = ()
    """The other Canaries of its group."""
    policies: tuple[BindingPolicy, ...] = ()
    """The DeliveryPolicies that bind it, in the order in which they are asked."""
    plan: PlanSeen | None = None
    """The FleetPlan that it names; None where it names none, or the controller has no hub."""
    drifts: tuple[Drift, ...] = ()
    """What others have changed in routes and Services, and is not put back yet."""
    survey: Survey | None = None
    """What is around the target; None where that was not read just now."""
    accepted_risks: frozenset[str] = frozenset()
    """The risks that a person accepts, as kind/name."""
    references: tuple[BrokenReference, ...] | None = None
    """What the Canary refers to and can't be used; None where that is not known."""
    problems: tuple[Problem, ...] = ()
    """What is wrong with the newest spec, where an older one is acted on instead."""
    unguided: bool = False
    """No sound spec is known: what can be read of an unsound one is acted on."""
    warnings: tuple[SpecWarning, ...] = ()
    """What of the Canary is accepted but ignored or changed."""
    obstacle: str = ""
    """Why the desired objects can't be written or read (a missing CRD, a refused write)."""
    unseen: str = ""
    """Why the target and the primary may no longer be read; what is known of them is old, if
    anything is."""
    outages: tuple[Outage, ...] = ()
    """When what the Canary waits for could not be seen or written, in order; all have ended."""
    away_since: datetime | None = None
    """Since when something that the Canary waits for cannot be seen or written; None where all
    can."""
    answers: Mapping[Need[object], Any] = field(default_factory=lambda: MappingProxyType({}))
    """What was answered; `answer` gives each with its type."""
    delivered: frozenset[str] = frozenset()
    """Ids of the notices that have been delivered."""
    cancelled: frozenset[str] = frozenset()
    """Keys of the checks of metric stores that were cancelled, or given up."""
    threads: tuple[Thread, ...] = ()
    """Threads that receivers have opened since the status was written."""
    records: str = ""
    """Where the full records of its runs are written, a folder each; empty where there are none."""
    policy: Policy = Policy()

    @property
    def cut_off(self) -> bool:
        """Whether the apex service cannot lead to the canary, as pods lack the label for that."""
        target, primary = self.target, self.primary
        return bool((target and target.lacking) or (primary and primary.lacking))

    def answer(self, need: Need[T]) -> T | None:
        """Give the answer to a need; None while there is none."""
        answer: T | None = self.answers.get(need)
        return answer

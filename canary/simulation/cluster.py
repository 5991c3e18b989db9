"""A cluster with one canary, as far as the core can see it: what it is, and what actions do to it."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from canary.core.actions import (
    Action,
    ClearCommands,
    EnsureAutoscaler,
    EnsureBaseline,
    EnsurePrimary,
    EnsureServices,
    PauseAutoscaler,
    RemoveBaseline,
    RouteTraffic,
    ScalePrimary,
    ScaleTarget,
    Side,
)
from canary.core.facts import Command, Facts, Policy, Revision, Workload
from canary.core.names import RouteNames
from canary.core.needs import Need
from canary.core.traffic import Seen, Traffic


@dataclass(kw_only=True)
class SimulatedCluster:
    """What is there, and what carrying out an action does to it.

    Pods go at once where they are not wanted, and come when `heal` is called.
    """

    now: datetime
    generation: int = 1
    target: Workload | None = field(
        default_factory=lambda: Workload(
            name="podinfo", uid="t", replicas=2, total=2, updated=2, available=2
        )
    )
    primary: Workload | None = None
    baseline: Workload | None = None
    revision: str = "1-r0"
    """Of the target."""
    configs: Mapping[str, str] = field(default_factory=dict)
    routed: Seen | None = None
    apex: Side = Side.TARGET
    finalizer: bool = False
    commands: tuple[Command, ...] = ()
    delivered: frozenset[str] = frozenset()
    names: RouteNames = ("podinfo", "istio", ())
    """The service and the router of the spec."""
    splits: bool = True
    """Whether the router can split traffic."""
    by_replicas: bool = False
    """Whether the shares of the traffic are those of the pods."""
    settling: timedelta = timedelta(0)
    """How long proxies may take to follow a route."""
    drain: timedelta = timedelta(seconds=10)
    """How long pods that get no more traffic are kept."""
    sides: set[str] = field(default_factory=set)
    """The apex services whose sides have services of their own."""
    autoscaled: bool = False
    paused: int | None = None
    """The number at which the target's autoscaler keeps the target; None where it scales."""
    minimum: int = 0
    """Below which the primary's autoscaler does not go."""

    def facts(self, answers: Mapping[Need[object], object]) -> Facts:
        """Show what can be observed now."""
        return Facts(
            generation=self.generation,
            has_finalizer=self.finalizer,
            commands=self.commands,
            target=self.target,
            primary=self.primary,
            baseline=self.baseline,
            baseline_left=self.baseline is not None,
            revision=Revision(id=self.revision, configs=dict(self.configs))
            if self.target
            else None,
            routed=self.routed,
            provider=self.names[1],
            routed_by=self.names[2],
            splits=self.splits,
            by_replicas=self.by_replicas,
            autoscaler_minimum=1 if self.autoscaled else None,
            autoscaler_maximum=5 if self.autoscaled else None,
            references=(),
            answers=answers,
            delivered=self.delivered,
            settling=self.settling,
            policy=Policy(drain=self.drain, verified_commands=True),
        )

    @property
    def state(self) -> tuple[Hashable, ...]:
        """Give everything that decisions hang on and that changes, to look up."""
        return (
            *(self.generation, self.revision, self.target, self.primary, self.routed),
            self.baseline,
            *(self.finalizer, self.commands, self.delivered),
        )

    def snapshot(self) -> tuple[object, ...]:
        """Give everything that an action can change, to compare."""
        return (
            self.target,
            self.primary,
            self.baseline,
            self.routed,
            self.apex,
            self.finalizer,
            self.commands,
            self.paused,
            self.minimum,
            set(self.sides),
        )

    def apply(self, actions: Sequence[Action]) -> bool:
        """Make actions true, as the shell does; tell whether anything was written."""
        before = self.snapshot()
        for action in actions:
            self.carry_out(action)
        return before != self.snapshot()

    def carry_out(self, action: Action) -> None:
        """Make one action true; what a cluster of one canary has nothing of is left out."""
        match action:
            case EnsurePrimary(revision=revision, replicas=replicas):
                self._ensure_primary(revision, replicas)
            case EnsureBaseline(revision=mark, replicas=replicas):
                self._ensure_baseline(mark, replicas)
            case RemoveBaseline():
                self.baseline = None
            case EnsureServices(apex=apex):
                self.apex = apex or self.apex
                self.sides.add(self.names[0])
            case RouteTraffic(traffic=traffic):
                self.routed = seen(traffic)
            case ScaleTarget(replicas=replicas) if self.target:
                self.target = scaled(self.target, replicas)
            case ScalePrimary(replicas=replicas) if self.primary:
                self.primary = scaled(self.primary, replicas)
            case PauseAutoscaler(replicas=replicas):
                # What scales from none gives a parked target pods, where it is not paused first.
                self.paused = replicas
            case EnsureAutoscaler(minimum=minimum):
                self.minimum = minimum
            case ClearCommands(verbs=verbs):
                self.commands = tuple(each for each in self.commands if each.verb not in verbs)
            case _:
                pass

    def _ensure_primary(self, revision: str, replicas: int) -> None:
        if self.target is None or revision != self.revision:
            return
        if self.primary is not None and self.primary.revision == revision:
            return
        before = self.primary or Workload(name="podinfo-primary", uid="p", replicas=0)
        self.primary = self.updated_primary(before, self.target, replicas)

    def _ensure_baseline(self, mark: str, replicas: int) -> None:
        found = self.baseline or Workload(name="podinfo-baseline", uid="b", replicas=0)
        if found.revision != mark:
            found = replace(released(found), revision=mark)
        self.baseline = scaled(found, replicas)

    def updated_primary(self, before: Workload, target: Workload, replicas: int) -> Workload:
        """Give the primary with the target's template; its old pods serve until new ones do."""
        sized = before.replicas if self.autoscaled and before.replicas else replicas
        return replace(
            before,
            revision=self.revision,
            replicas=sized,
            generation=before.generation + 1,
            observed_generation=before.generation + 1,
            updated=0,
            strategy=target.strategy,
            trouble=None,
            deadline_exceeded=False,
        )

    def heal(self) -> bool:
        """Have all pods come up; tell whether any had to."""
        before = (self.target, self.primary, self.baseline)
        if self.target:
            self.target = healed(self.target)
        if self.primary:
            self.primary = healed(self.primary)
        if self.baseline:
            self.baseline = healed(self.baseline)
        return before != (self.target, self.primary, self.baseline)


def seen(traffic: Traffic) -> Seen:
    """Give what a route does that carries some traffic."""
    cookies = traffic.cookies
    return Seen(
        weight=traffic.weight,
        mirror=traffic.mirror,
        matched=bool(traffic.match),
        keeps_canary=cookies.canary is not None,
        keeps_primary=bool(cookies.primary or cookies.expired),
        baseline=traffic.baseline,
    )


def released(workload: Workload) -> Workload:
    """Give a workload whose template has changed, before any pod of it is there."""
    generation = workload.generation + 1
    return replace(
        workload,
        generation=generation,
        observed_generation=generation,
        updated=0,
        trouble=None,
        deadline_exceeded=False,
    )


def scaled(workload: Workload, replicas: int) -> Workload:
    """Give a workload another number of replicas; pods go at once, and come later."""
    if workload.replicas == replicas:
        return workload
    left = min(workload.total, replicas)
    return replace(
        workload,
        replicas=replicas,
        generation=workload.generation + 1,
        observed_generation=workload.generation + 1,
        total=left,
        updated=min(workload.updated, left),
        available=min(workload.available, left),
    )


def healed(workload: Workload) -> Workload:
    """Have all pods of a workload up, at its template."""
    count = workload.replicas
    return replace(
        workload,
        observed_generation=workload.generation,
        total=count,
        updated=count,
        available=count,
        trouble=None,
        deadline_exceeded=False,
    )

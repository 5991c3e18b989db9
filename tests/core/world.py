"""A cluster with one canary, as far as the core can see it, in which anything may happen."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from canary.api.canary import CanarySpec
from canary.api.people import WebhookType
from canary.core.actions import (
    Action,
    EnsurePrimary,
    GiveBack,
    HoldFinalizer,
    LeaveBehind,
    RemoveBaseline,
    RestoreRoutes,
    RouteFormer,
    RouteTraffic,
    ScalePrimary,
    ScaleTarget,
    Side,
)
from canary.core.facts import (
    BindingPolicy,
    BrokenReference,
    Dependency,
    Drift,
    Facts,
    Former,
    Workload,
)
from canary.core.names import RouteNames, route_names
from canary.core.needs import Need
from canary.core.peers import Peer
from canary.core.traffic import Seen
from canary.simulation.cluster import SimulatedCluster, seen
from tests.builders import T0, a_spec

ROUTE = "VirtualService/podinfo"
RELEASE = "r2"
"""The release that every target says it belongs to."""
MATCH = [{"headers": {"x-insider": {"exact": "yes"}}}]


def _odd() -> CanarySpec:
    """A plan that no shorthand comes to: weights that are repeated, none, and fewer."""
    spec = a_spec(analysis={"stepWeights": [20]})
    weights = spec.analysis.model_copy(update={"step_weights": (20, 20, 0, 60, 40)})
    return spec.model_copy(update={"analysis": weights})


SPECS = (
    a_spec(),
    _odd(),
    a_spec(analysis={"iterations": 3, "match": MATCH}),
    a_spec(analysis={"iterations": 2, "mirror": True}),
    a_spec(analysis={"stepWeights": [20, 60], "match": MATCH, "mirror": True}),
    a_spec(
        analysis={
            "steps": [
                {"mirror": 20, "duration": "15s"},
                {"weight": 100, "match": MATCH, "passes": 2},
                {"weight": 10, "approval": True},
                {"weight": 50, "mirror": 10},
                {"weight": 10},
            ]
        }
    ),
    a_spec(
        analysis={
            "sessionAffinity": {"cookieName": "stick", "primaryCookieName": "stay"},
            "stepWeightPromotion": 30,
        }
    ),
    a_spec(
        analysis={
            "canaryScale": {"matchTrafficWeight": True},
            "steps": [
                {"weight": 100, "match": MATCH, "scale": {"replicas": 1}},
                {"weight": 20, "approval": True},
                {"weight": 70},
                {"weight": 30},
            ],
        }
    ),
    a_spec(analysis={"iterations": 2, "canaryScale": {"percent": 30}}),
    a_spec(skipAnalysis=True),
    a_spec(
        analysis={
            "stepWeights": [1, 50, 100],
            "stepWeightPromotion": 40,
            "stepWeightRollback": 30,
            "scaleDownDelay": "5m",
        }
    ),
    a_spec(revertOnDeletion=False, progressDeadlineSeconds=60),
    a_spec(
        autoscalerRef={
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "name": "podinfo",
        }
    ),
    a_spec(
        analysis={
            "onPodFailure": "deadline",
            "webhooks": [
                {"name": kind, "type": kind, "url": "http://hooks.example/"} for kind in WebhookType
            ]
            + [{"name": "by hand", "type": "confirm-promotion", "deadline": "5m"}],
        }
    ),
    a_spec(group={"name": "shop"}),
    a_spec(
        analysis={
            "stepWeights": [20, 60],
            "bakeTime": "40s",
            "holdTimeout": "90s",
            "rollbackWindow": {"revisions": 2},
        }
    ),
    a_spec(
        analysis={
            "iterations": 2,
            "match": MATCH,
            "bakeTime": "30s",
            "sessionAffinity": {"cookieName": "stick"},
            "rollbackWindow": {"duration": "1h"},
        }
    ),
    a_spec(
        analysis={
            "stepWeights": [50, 100],
            "advanceOnProof": True,
            "canaryReadyThreshold": 50,
            "primaryReadyThreshold": 50,
            "stepWeightRollback": 40,
        }
    ),
    a_spec(analysis={"score": {"pass": 90, "marginal": 50}}),
    a_spec(
        analysis={
            "stepWeights": [20, 60],
            "stepWeightPromotion": 40,
            "metrics": [
                {
                    "name": "request-success-rate",
                    "judge": "sequential",
                    "compareWith": "baseline",
                    "onNoData": "hold",
                }
            ],
        }
    ),
    a_spec(
        analysis={
            "webhooks": [
                {"name": kind, "type": kind, "deadline": "1h"}
                for kind in ("confirm-rollout", "confirm-traffic-increase", "confirm-promotion")
            ]
        }
    ),
)


SWITCHES = "kubernetes"
"""The router that cannot split traffic."""
SETTLES, SETTLING = "nginx", timedelta(seconds=3)
"""The router whose proxies follow late, and by how much."""
DRAIN = timedelta(seconds=5)
BY_REPLICAS = "kubernetes:replicas"
"""The router whose shares are those of the pods."""
NAMES: tuple[RouteNames, ...] = (
    ("podinfo", "istio", ()),
    ("shop", "istio", ()),
    ("podinfo", "smi", ()),
    ("podinfo", "nginx", ("ingressRef/web",)),
    ("podinfo", "nginx", ("ingressRef/shop",)),
    ("podinfo", SWITCHES, ()),
    ("podinfo", BY_REPLICAS, ()),
)
"""The services and routers that a spec may name, and the user's objects that they route by."""


TARGETS = ("podinfo", "other")
"""The targets that a spec may name."""


@dataclass(kw_only=True)
class World(SimulatedCluster):
    """What is there, what else may happen to it, and what no action may do to it."""

    now: datetime = T0
    deleting: bool = False
    gone: bool = False
    restored: bool = False
    left_behind: bool = False
    refusal: str = ""
    pending: bool = False
    """The router's controller has yet to take the route as it is."""
    obstacle: str = ""
    unseen: bool = False
    """Deployments may not be read, and nobody remembers what they were."""
    references: tuple[BrokenReference, ...] | None = ()
    dependencies: tuple[Dependency, ...] = ()
    members: tuple[Peer, ...] = ()
    policies: tuple[BindingPolicy, ...] = ()
    drift: Drift | None = None
    """What somebody has changed in the route, and is not put back yet."""
    changes: int = 0
    """How often somebody has changed it."""
    target_name: str = "podinfo"
    """The target that the spec names."""
    left: dict[RouteNames, Seen] = field(default_factory=dict)
    """The routes under other names, and what they do."""
    spared_at: datetime | None = None
    """When the canary lost its traffic as it was decided, and nothing else has written the route."""
    led_until: datetime | None = None
    """When the baseline lost its traffic as it was decided, and nothing else has written the route."""
    rests: bool = False
    """Whether the autoscalers take all pods of a side that has nothing to do."""
    drain: timedelta = DRAIN

    def facts(self, answers: Mapping[Need[object], object]) -> Facts:
        """Show what can be observed now."""
        facts = replace(
            super().facts(answers),
            deleting=self.deleting,
            target=replace(self.target, release=RELEASE) if self.target else None,
            refusal=self.refusal,
            routed=replace(self.routed, pending=True)
            if self.pending and self.routed
            else self.routed,
            restored=self.deleting and self.restored,
            left_behind=self.deleting and self.left_behind,
            drifts=(self.drift,) if self.drift else (),
            former=tuple(map(self._former, NAMES)),
            target_rests=self.autoscaled and self.rests,
            primary_rests=self.autoscaled and self.rests,
            obstacle=self.obstacle,
            references=self.references,
            dependencies=self.dependencies,
            members=self.members,
            policies=self.policies,
        )
        if not self.unseen:
            return facts
        forbidden = "deployments: forbidden"
        return replace(
            facts, target=None, primary=None, revision=None, unseen=forbidden, obstacle=forbidden
        )

    def _former(self, names: RouteNames) -> Former:
        routed = self.left.get(names)
        return Former(
            service=names[0],
            provider=names[1],
            references=names[2],
            routes=routed is not None,
            routed=routed,
            services=names[0] in self.sides and names[0] != self.names[0],
        )

    @property
    def by_apex(self) -> bool:
        """Whether the router of the spec routes by the apex service."""
        return self.by_replicas or not self.splits

    def go_by(self, names: RouteNames) -> None:
        """Have a spec that names a service and a router; what that one can do follows."""
        self.names = names
        self.splits, self.by_replicas = names[1] != SWITCHES, names[1] == BY_REPLICAS
        self.settling = SETTLING if names[1] == SETTLES else timedelta(0)

    def rename(self, names: RouteNames) -> None:
        """Have the spec name another service or router; what is routed stays as it is."""
        if self.routed is not None and not self.by_apex:
            # The apex service is nobody's route, and stays.
            self.left[self.names] = self.routed
        self.go_by(names)
        self.routed, self.drift = self.left.pop(names, None), None
        self.spared_at = self.led_until = None

    def change_route(self, routed: Seen | None) -> None:
        """Have somebody else write the route, or delete it."""
        self.spared_at = self.led_until = None
        self.changes += 1
        kind, name = ROUTE.split("/")
        version = str(self.changes)
        self.routed, self.drift = routed, Drift(kind=kind, name=name, version=version)

    def snapshot(self) -> tuple[object, ...]:
        """Give everything that an action can change, to compare."""
        return (*super().snapshot(), self.drift, self.restored, self.left_behind, dict(self.left))

    def carry_out(self, action: Action) -> None:
        """Make one action true, unless something stands in its way; no action may do harm."""
        match action:
            case HoldFinalizer(present=present):
                self.finalizer = present
                self.gone = self.deleting and not present
            case LeaveBehind():
                self.left_behind = not self.obstacle
            case EnsurePrimary() if self.unseen:
                pass
            case RouteTraffic(traffic=traffic, left=left):
                assert self.splits or traffic.weight in {0, 100}
                # A client stays on a side that has requests, and so has pods.
                assert traffic.weight or not traffic.cookies.canary
                assert traffic.weight < 100 or not traffic.cookies.primary
                assert not traffic.baseline or self.baseline is not None
                assert traffic.baseline <= 100 - traffic.weight - traffic.baseline
                if not self.obstacle and ROUTE not in left:
                    super().carry_out(action)
                    self.restored, self.drift = False, None
            case RemoveBaseline():
                routes = (self.routed, *self.left.values())
                assert not any(each and each.baseline for each in routes)
                due = self.led_until and self.led_until + self.settling + self.drain
                assert due is None or self.now >= due
                super().carry_out(action)
            case RestoreRoutes() | RouteFormer() | GiveBack():
                if not self.obstacle:
                    self._change_routes(action)
            case ScaleTarget(replicas=replicas):
                assert self.target is not None
                self._check_scale(replicas)
                super().carry_out(action)
            case ScalePrimary(replicas=replicas):
                assert self.primary is not None
                assert replicas >= self.primary.replicas
                super().carry_out(action)
            case _:
                super().carry_out(action)

    def _change_routes(self, action: RestoreRoutes | RouteFormer | GiveBack) -> None:
        """Former names are given back when others split traffic, the route before its services."""
        if isinstance(action, RestoreRoutes):
            self.left.clear()
            self.routed, self.restored, self.drift = None, True, None
            return
        names = route_names(action)
        if isinstance(action, RouteFormer):
            self.left[names] = seen(action.traffic)
            return
        assert self.routed is not None
        assert not self.refusal
        if action.services:
            assert names not in self.left
            self.sides.discard(action.service)
        self.left.pop(names, None)

    def _check_scale(self, replicas: int) -> None:
        """The target loses pods only while nobody is sent to them, and somebody else serves."""
        assert self.target is not None
        if replicas < self.target.replicas:
            assert self.apex is Side.PRIMARY
            assert not (self.routed and self.routed.spares_primary())
            assert not (self.pending and self.routed) or self._shrinks(replicas)
            # Pods that decide a share go with it; those of a whole stay.
            if not self._shrinks(replicas):
                self.check_order()
                routes = (self.routed, *self.left.values())
                assert not any(each and each.exposes_canary() for each in routes)
            assert self.primary is not None
            assert self.primary.serves

    def check_order(self) -> None:
        """The canary keeps its pods until proxies follow, and what is in flight has ended."""
        due = self.spared_at and self.spared_at + self.settling + self.drain
        assert due is None or self.now >= due

    def _shrinks(self, replicas: int) -> bool:
        """Whether a share is made smaller, which none is by losing all of its pods."""
        return self.by_replicas and replicas > 0

    def updated_primary(self, before: Workload, target: Workload, replicas: int) -> Workload:
        """Give the primary with the target's template; it may lose its pods by that."""
        updated = super().updated_primary(before, target, replicas)
        assert updated.replicas >= before.replicas
        return torn_down(updated) if self._takes_its_last_pod(before) else updated

    def _takes_its_last_pod(self, primary: Workload) -> bool:
        """An update that leaves no pod meets none that are sent traffic."""
        assert self.target is not None
        if not primary.serves or not self.target.strategy.leaves_none(primary.replicas):
            return False
        if self.target.serves:
            assert self.routed is None or (self.routed.spares_primary() and not self.pending)
            assert all(each.spares_primary() for each in self.left.values())
        return True


def torn_down(workload: Workload) -> Workload:
    """Take all pods of a workload away."""
    return replace(workload, total=0, updated=0, available=0)

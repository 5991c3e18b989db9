"""No route leads to a side that cannot answer, from adoption to removal, whichever router it is.

The core decides in a calculated cluster, and each router's objects are written one after another:
after each write, and whenever a pod comes or goes, what the objects lead to is asked for its pods.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from analysis.model import Verdict
from canary.api.canary import Canary
from canary.api.kinds import Manifest, ObjectKey, copy_of
from canary.api.status import CanaryStatus, Phase
from canary.api.switching import switched
from canary.core.actions import (
    Action,
    EnsureServices,
    HoldFinalizer,
    RestoreRoutes,
    RouteTraffic,
    Side,
)
from canary.core.facts import Facts
from canary.core.needs import Need
from canary.core.traffic import Seen, Traffic
from canary.resources.services import services
from canary.routers import ClusterState, Router, router_for
from canary.simulation.cluster import SimulatedCluster, released
from tests.builders import T0
from tests.core.deciding import decided
from tests.routers.builders import (
    SELECTORS,
    a_canary,
    a_cluster,
    every_provider,
    ports,
    rendered,
    restored,
)
from tests.routers.leading import APEX, CANARY, EITHER, PRIMARY, USERS, leads

#: A Knative Service has Revisions for sides, and no Services: `tests/controller/test_knative.py` tells
#: which get requests. A version of an API leads nowhere else than another one.
PROVIDERS = [each for each in every_provider() if each != "knative" and ":v" not in each]
#: Decisions after which whatever is waited for has come.
PATIENCE = 100

SHARES: Mapping[str, Any] = {"stepWeight": 50, "maxWeight": 50}
MATCHING: Mapping[str, Any] = {
    "match": [{"headers": {"x-insider": {"exact": "1"}}}],
    "iterations": 2,
    "stepWeight": None,
}
#: What stands in an Ingress of AWS's controller, and leads to the apex Service.
ALB = {
    f"alb.ingress.kubernetes.io/actions.{name}": (
        '{"type":"forward","forwardConfig":{"targetGroups":'
        '[{"serviceName":"podinfo","servicePort":9898}]}}'
    )
    for name in ("podinfo", "podinfo-matching")
}


@dataclass(kw_only=True)
class Life(SimulatedCluster):
    """A Canary with the objects of its router, and what no write may do to its clients."""

    router: Router
    canary: Canary
    objects: dict[ObjectKey, Manifest] = field(default_factory=dict)
    status: CanaryStatus = field(default_factory=CanaryStatus)
    shared: bool = False
    deleting: bool = False
    restored: bool = False
    led: list[frozenset[str]] = field(default_factory=list)
    """What the objects have led to, each once in a row."""

    @property
    def cluster(self) -> ClusterState:
        """What the router knows."""
        return a_cluster(self.router, self.canary, self.objects.values())

    def facts(self, answers: Mapping[Need[object], object]) -> Facts:
        abilities = self.router.abilities(self.canary)
        return replace(
            super().facts(answers),
            deleting=self.deleting,
            restored=self.restored,
            routed=self.seen(),
            splits=abilities.splits,
            by_replicas=abilities.by_replicas,
            by_subsets=abilities.by_subsets,
            settling=abilities.settles,
        )

    def seen(self) -> Seen | None:
        """Read the route, as the shell does."""
        return self.router.read(self.canary, self.cluster)

    def carry_out(self, action: Action) -> None:
        """Make one action true, and look at every write."""
        match action:
            case HoldFinalizer(present=present):
                self.finalizer = present
            case RouteTraffic(traffic=traffic):
                self._route(traffic)
            case RestoreRoutes(alone=alone):
                self._give_back(alone=alone)
            case EnsureServices(apex=apex, shared=shared):
                super().carry_out(action)
                self.shared = shared if apex else self.shared
                if apex is Side.TARGET and self.router.by_apex:
                    self._give_apex_back()
            case _:
                super().carry_out(action)
        self.check()

    def _route(self, traffic: Traffic) -> None:
        keys = {(key.kind.kind, key.name): key for key in self.router.objects(self.canary).all}
        for obj in rendered(self.router, self.canary, self.cluster, traffic):
            self._write(keys[obj["kind"], obj["metadata"]["name"]], obj)

    def _give_back(self, *, alone: bool) -> None:
        back = restored(self.router, self.canary, self.cluster)
        keys = {(key.kind.kind, key.name): key for key in self.router.objects(self.canary).all}
        weights = self.router.objects(self.canary).written[-1:]
        for obj in back.write:
            key = keys[obj["kind"], obj["metadata"]["name"]]
            if not alone or key in weights:
                self._write(key, obj)
        for key in back.remove:
            if not alone or key in weights:
                self.objects.pop(key, None)
                self.check()
        self.restored = not alone

    def _give_apex_back(self) -> None:
        found = {key.name: obj for key, obj in self.objects.items()}
        made = services(self.canary, SELECTORS, ports(self.canary), found, Side.TARGET)
        (wanted,) = (each for each in made if each.key.name == APEX)
        self._write(wanted.key, wanted.mended(found.get(APEX)))

    def _write(self, key: ObjectKey, obj: Manifest) -> None:
        self.objects[key] = copy_of(obj)
        self.check()

    def check(self) -> None:
        """Everything that may be sent a request has a pod that can answer it."""
        found = {(key.kind.kind, key.name): obj for key, obj in self.cluster.existing.items()}
        led = frozenset(leads(self.names[1], found))
        if self.led[-1:] != [led]:
            self.led.append(led)
        for service in led:
            assert self._answers(service), f"{service}: {self.status.phase}, {self.status.stage}"

    def _answers(self, service: str) -> bool:
        sides = {Side.TARGET: self.target, Side.PRIMARY: self.primary}
        ready = {side for side, pods in sides.items() if pods and pods.available}
        if service == EITHER or (service == APEX and self.shared):
            return bool(ready)
        if service == APEX:
            return self.apex in ready
        abilities = self.router.abilities(self.canary)
        own = not (self.router.by_apex or abilities.by_subsets)
        assert APEX in self.sides or not own, f"{service} does not exist"
        return {PRIMARY: Side.PRIMARY, CANARY: Side.TARGET}[service] in ready

    def until(self, phase: Phase, verdict: Verdict = Verdict.PASS) -> None:
        """Decide until a phase is reached and nothing is left to do, or until the Canary is gone."""
        spec = self.canary.spec
        read = spec if self.router.abilities(self.canary).splits else switched(spec)
        for _ in range(PATIENCE):
            decision = decided(read, self.status, self.facts({}), self.now, verdict)
            before = (self.status, {key: copy_of(obj) for key, obj in self.objects.items()})
            self.status = decision.status
            wrote = self.apply(decision.actions)
            self.delivered = frozenset(each.id for each in self.status.notices)
            if wrote or before != (self.status, self.objects):
                continue
            if self.deleting and not self.finalizer:
                for key in restored(self.router, self.canary, self.cluster).afterwards:
                    self.objects.pop(key, None)
                return
            if self.heal():
                self.check()
            elif self.status.phase is phase and not decision.wake_at:
                return
            else:
                assert decision.wake_at is not None, self.status.waiting_for
                self.now = max(decision.wake_at, self.now)
        raise AssertionError(f"not {phase}: {self.status.phase}, {self.status.waiting_for}")

    def release(self, revision: str) -> None:
        """Change the target."""
        assert self.target is not None
        self.revision, self.generation = revision, self.generation + 1
        self.target = released(self.target)


def a_life(provider: str, *, found: bool = True, analysis: Mapping[str, Any] = SHARES) -> Life:
    """Give an app under traffic, with a route of its user's or none, and a Canary that is new."""
    canary = a_canary(provider, analysis=analysis)
    router = router_for(provider)
    life = Life(now=T0, drain=timedelta(seconds=10), router=router, canary=canary)
    life.names = ("podinfo", provider, ())
    objects = router.objects(canary)
    life.objects = {
        key: obj
        for key, obj in a_cluster(router, canary).existing.items()
        if key in {*objects.read, *objects.edited}
    }
    for key in objects.edited:
        life.objects[key]["metadata"]["annotations"] = dict(ALB)
    for key in objects.adopted if found else ():
        if key.kind.kind in USERS:
            life.objects[key] = {
                "apiVersion": key.kind.api_version(key.kind.versions[0]),
                "kind": key.kind.kind,
                "metadata": {"name": key.name, "namespace": key.namespace},
                "spec": copy_of(USERS[key.kind.kind]),
            }
    return life


def written(life: Life) -> dict[str, tuple[object, object]]:
    """Give what users wrote into objects: their specs, and their annotations."""
    return {
        str(key): (obj["spec"], obj["metadata"].get("annotations") or {})
        for key, obj in life.objects.items()
    }


def lives(life: Life) -> None:
    """Go through all that happens to a Canary, and look at each write."""
    # Given an app that clients call all the while
    before = written(life)
    made = life.router.by_apex and not any(key.name == APEX for key in life.objects)
    life.check()
    # When it comes under a Canary, and a release is promoted and another one rolled back
    life.until(Phase.INITIALIZED)
    life.release("1-r1")
    life.until(Phase.SUCCEEDED)
    life.release("1-r2")
    life.until(Phase.FAILED, Verdict.FAIL)
    # And the Canary goes
    life.deleting = True
    life.until(Phase.TERMINATING)
    # Then each side has had its turn, and the route is its user's again
    led = set().union(*life.led)
    assert led & {CANARY, EITHER}
    assert led & {PRIMARY, APEX}
    assert life.led[0] == life.led[-1]
    # But for an apex Service that was made for clients, and stays for them.
    assert written(life) == before or made


#: Where tidegate takes a route of its user's over, or makes one.
TAKEN = [each for each in PROVIDERS if router_for(each).objects(a_canary(each)).adopted]
MATCHED = [
    each for each in PROVIDERS if not router_for(each).problems(a_canary(each, analysis=MATCHING))
]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_whatever_a_route_leads_to_can_answer_from_adoption_to_removal(provider: str) -> None:
    lives(a_life(provider))


@pytest.mark.parametrize("provider", TAKEN)
def test_whatever_a_route_leads_to_can_answer_where_there_was_none_before(provider: str) -> None:
    lives(a_life(provider, found=False))


@pytest.mark.parametrize("provider", MATCHED)
def test_whatever_requests_that_match_are_led_to_can_answer_as_well(provider: str) -> None:
    lives(a_life(provider, analysis=MATCHING))

"""Canaries and clusters for the tests of routers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey, copy_of
from canary.api.status import CanaryStatus, Run
from canary.core.actions import Side
from canary.core.cookies import keep_cookies, let_go
from canary.core.facts import Facts
from canary.core.situation import Situation
from canary.core.traffic import Stickiness, Traffic
from canary.objects.ownership import SHARED_LABEL
from canary.objects.render import Lacking
from canary.resources.names import pod_selectors
from canary.resources.ports import service_ports
from canary.resources.services import apex_service, services
from canary.routers import ROUTERS, ClusterState, Router, router_for
from tests.builders import T0
from tests.case import RouterCase, case_of
from tests.resources.builders import LABEL, a_deployment

SELECTORS = pod_selectors(a_deployment(), LABEL)


#: Routers that are named together.
TOGETHER = ("gatewayapi+istio", "nginx+istio")


def every_provider() -> tuple[str, ...]:
    """List every registered router's name, the variants of each once, and some that are together."""
    first = {ROUTERS.load(name): name for name in reversed(ROUTERS.names())}
    single = tuple(
        f"{name}{suffix}"
        for name in ROUTERS.names()
        for suffix in ("", *_variants(name, first[ROUTERS.load(name)]))
    )
    return (*single, *TOGETHER)


def _variants(name: str, first: str) -> tuple[str, ...]:
    return tuple(f":{each}" for each in router_for(name).variants) if name == first else ()


def router_case(provider: str) -> RouterCase:
    """Give the case of the router that a provider's name stands for; of no known one, nothing."""
    if "+" in provider:
        return _together([router_case(each) for each in provider.split("+")])
    name = provider.partition(":")[0]
    return case_of(ROUTERS, name) if name in ROUTERS.names() else RouterCase()


def _together(cases: Sequence[RouterCase]) -> RouterCase:
    """Give the case of routers that are named together."""
    return RouterCase(
        needed={field: value for case in cases for field, value in case.needed.items()},
        spec={field: value for case in cases for field, value in case.spec.items()},
        foreign={kind: spec for case in cases for kind, spec in case.foreign.items()},
        read=tuple(obj for case in cases for obj in case.read),
        annotations=frozenset(name for case in cases for name in case.annotations),
        published=tuple(file for case in cases for file in case.published),
    )


def canaries(provider: str) -> tuple[Canary, ...]:
    """Give the plain Canary, which every router must take, and those made for this one."""
    made = (a_canary(provider, **each) for each in router_case(provider).canaries)
    return (a_canary(provider), *made)


def a_canary(
    provider: str = "istio",
    *,
    service: Mapping[str, Any] | None = None,
    analysis: Mapping[str, Any] | None = None,
    **spec: Any,
) -> Canary:
    """Build a Canary of podinfo with what its router needs."""
    return Canary.model_validate(
        {
            "apiVersion": "tidegate.dev/v1beta1",
            "kind": "Canary",
            "metadata": {"name": "podinfo", "namespace": "test", "uid": "canary-uid"},
            "spec": {
                "provider": provider,
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
                "service": {"port": 9898, **router_case(provider).needed, **(service or {})},
                "analysis": {"stepWeight": 10, **(analysis or {})},
                **router_case(provider).spec,
            }
            | spec,
        }
    )


def served_version(kind: Kind, version: str) -> str:
    """Give this version where the kind has it, as one of a pair of routers may not; else its first."""
    return version if version in kind.versions else kind.versions[0]


def a_cluster(
    router: Router, canary: Canary, objects: Iterable[Manifest] = (), version: str = ""
) -> ClusterState:
    """Build a cluster that has these objects, as an API server gives them back."""
    keys = {(key.kind.kind, key.name): key for key in router.objects(canary).all}
    existing: dict[ObjectKey, Manifest] = {}
    needed = router_case(str(canary.spec.provider)).read
    statuses = {each["metadata"]["name"]: each["status"] for each in needed if "status" in each}
    read = (each for each in needed if (each["kind"], each["metadata"]["name"]) in keys)
    for obj in (*services_of_sides(router, canary), *read, *objects):
        stored = copy_of(obj)
        stored["metadata"] |= {
            "uid": f"uid-of-{stored['metadata']['name']}",
            "resourceVersion": "7",
            "generation": 3,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "managedFields": [{"manager": "tidegate"}],
        }
        stored["status"] = statuses.get(stored["metadata"]["name"], {"observed": True})
        existing[keys[obj["kind"], obj["metadata"]["name"]]] = stored
    served = {kind: served_version(kind, version) for kind in router.kinds}
    apex, shared = {}, None
    if router.by_apex:
        found = existing.get(router.objects(canary).written[-1])
        if found is not None and not isinstance(found["spec"], dict):
            found = None  # No API server has it: only reading it is of interest.
        for side in Side:
            apex[side] = apex_service(canary, SELECTORS, ports(canary), found, side)
        both = {SHARED_LABEL: canary.spec.service_name}
        shared = apex_service(canary, SELECTORS, ports(canary), found, both)
    pods = {Side.PRIMARY: SELECTORS.primary, Side.TARGET: SELECTORS.target}
    return ClusterState(existing=existing, served=served, apex=apex, shared_apex=shared, pods=pods)


def services_of_sides(router: Router, canary: Canary) -> tuple[Manifest, ...]:
    """Give the services of the sides, which are there before a route, where a router reads them."""
    if not router.by_apex:
        return ()
    made = services(canary, SELECTORS, ports(canary), {}, None)
    return tuple(each.mended(None) for each in made)


def ports(canary: Canary) -> tuple[Manifest, ...]:
    """Give the ports of the services."""
    return service_ports(canary, a_deployment())


def rendered(
    router: Router, canary: Canary, cluster: ClusterState, traffic: Traffic
) -> tuple[Manifest, ...]:
    """Render a route, and give its objects as they are written over what exists."""
    wanted = router.render(canary, cluster, traffic)
    assert not isinstance(wanted, Lacking), wanted
    return tuple(each.mended(cluster.existing.get(each.key)) for each in wanted)


class Restored(NamedTuple):
    """What a restoration writes, whole, and what it removes, now and when proxies have followed."""

    write: tuple[Manifest, ...] = ()
    remove: tuple[ObjectKey, ...] = ()
    afterwards: tuple[ObjectKey, ...] = ()


def restored(router: Router, canary: Canary, cluster: ClusterState) -> Restored:
    """Put a route back, and give its objects as they are written over what exists."""
    wanted = router.restore(canary, cluster)
    writes = tuple(each.mended(cluster.existing[each.key]) for each in wanted.write)
    return Restored(writes, wanted.remove, wanted.afterwards)


def left_to_write(
    router: Router, canary: Canary, cluster: ClusterState, traffic: Traffic
) -> list[str]:
    """Name the objects of a route that differ from what exists."""
    wanted = router.render(canary, cluster, traffic)
    assert not isinstance(wanted, Lacking), wanted
    return [str(each.key) for each in wanted if each.differs(cluster.existing.get(each.key))]


def written(router: Router, canary: Canary) -> tuple[ObjectKey, ...]:
    """Name the objects that a router writes, that with the weights first."""
    *others, weights = router.objects(canary).written
    return (weights, *others)


def routed(canary: Canary, percent: int, objects: Iterable[Manifest] = ()) -> tuple[Manifest, ...]:
    """Render a route with a weight over what exists."""
    router = router_for(str(canary.spec.provider))
    return rendered(
        router, canary, a_cluster(router, canary, objects), the_traffic(canary, percent)
    )


def the_traffic(canary: Canary, percent: int) -> Traffic:
    """Give the traffic of a step at a weight, among the requests that the Canary names.

    At none, it is that of a run that has ended.
    """
    analysis = canary.spec.analysis
    share = 100 if analysis.mirror_weight is None else int(analysis.mirror_weight)
    mirror = share if analysis.mirror else 0
    cookies = _cookies(canary, percent) if analysis.session_affinity else Stickiness()
    return Traffic(weight=percent, match=analysis.match, mirror=mirror, cookies=cookies)


def _cookies(canary: Canary, percent: int) -> Stickiness:
    run = Run(id="1-6f", revision="6f", started_at=T0)
    status = CanaryStatus(canary_weight=percent or 1, run=run, runs=1)
    facts = Facts(uid=canary.metadata.uid)
    given = keep_cookies(Situation.of(canary.spec, status, facts, T0))
    return (given if percent else let_go(given).but(canary_weight=0)).intended.cookies


def spec_of(rendered: Iterable[Manifest], kind: str) -> Manifest:
    """Pick the spec of the last object of a kind."""
    return next(obj["spec"] for obj in reversed(tuple(rendered)) if obj["kind"] == kind)

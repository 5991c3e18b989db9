"""Routers that are named together: what one of them adds, and what they cannot do beside another."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from canary.api.traffic import HttpMatch
from canary.core.traffic import Seen, Traffic, together
from canary.objects.render import Lacking
from canary.routers import ClusterState, Router, router_for
from tests.routers.builders import a_canary, a_cluster, rendered

PAIR = "gatewayapi+istio"


def pair(provider: str = PAIR) -> Router:
    return router_for(provider)


def problems(provider: str, **spec: Any) -> dict[str, str]:
    found = pair(provider).problems(a_canary(provider, **spec))
    return {each.field: str(each) for each in found}


def test_it_goes_by_all_its_names() -> None:
    assert pair("gatewayapi:v1+istio").name == "gatewayapi:v1+istio"
    assert pair("gatewayapi:v1+istio").names == ("gatewayapi", "istio")
    assert [kind.kind for kind in pair().kinds] == [
        "HTTPRoute",
        "VirtualService",
        "DestinationRule",
    ]
    assert pair("nginx+istio").writes == pair("nginx+istio").kinds


def test_rights_to_write_win_over_rights_to_read() -> None:
    router = pair("gloo+istio")
    assert {*router.writes, *router.reads} == {*router.kinds}
    assert not {*router.writes} & {*router.reads}


def test_every_route_carries_the_weight() -> None:
    canary = a_canary(PAIR)
    made = rendered(pair(), canary, a_cluster(pair(), canary), Traffic(weight=30))
    for name in ("gatewayapi", "istio"):
        part = router_for(name)
        own = [each for each in made if each["kind"] in {kind.kind for kind in part.kinds}]
        assert part.read(canary, a_cluster(part, canary, own)) == Seen(weight=30)


def test_proxies_learn_beforehand_what_those_of_any_must() -> None:
    canary, together = a_canary("contour+istio"), pair("contour+istio")
    (known,) = together.beforehand(canary, a_cluster(together, canary))
    assert known.key in together.objects(canary).own
    assert known.key.name == "podinfo-known"


def test_a_route_that_lags_behind_carries_no_step() -> None:
    canary = a_canary(PAIR)
    former, new = (
        rendered(pair(), canary, a_cluster(pair(), canary), Traffic(weight=percent))
        for percent in (10, 100)
    )
    mixed = [*new[:2], *former[2:]]
    assert [each["kind"] for each in new[:2]] == ["HTTPRoute"] * 2
    seen = pair().read(canary, a_cluster(pair(), canary, mixed))
    assert seen == Seen(weight=100, uneven=True)
    assert not seen.carries(Traffic(weight=10))
    assert not seen.spares_primary()


def test_conditions_that_not_all_keep_while_the_canary_gets_nothing_are_no_difference() -> None:
    provider, match = "nginx+istio", HttpMatch.model_validate({"headers": {"x-a": {"exact": "1"}}})
    canary, router, none = a_canary(provider), pair(provider), Traffic(match=(match,))
    made = rendered(router, canary, a_cluster(router, canary), none)
    seen = router.read(canary, a_cluster(router, canary, made))
    assert seen == Seen(matched=True)
    assert seen.does(none)
    assert together((seen, None)) == Seen(matched=True, uneven=True)
    some = Seen(weight=100)
    assert together((some, replace(some, matched=True))) == Seen(
        weight=100, matched=True, uneven=True
    )


def test_an_object_that_one_of_them_lacks_is_named() -> None:
    provider = "nginx+istio"
    canary, router = a_canary(provider), pair(provider)
    cluster = replace(a_cluster(router, canary), existing={})
    lacking = router.render(canary, cluster, Traffic())
    assert isinstance(lacking, Lacking)
    assert lacking.kind.kind == "Ingress"


@pytest.mark.parametrize(
    ("provider", "spec", "fields"),
    [
        (PAIR, {"service": {"gateways": ["mesh"], "hosts": ["a.b"]}}, set()),
        (PAIR, {"service": {"match": [{"uri": {"prefix": "/a"}}]}}, set()),
        (PAIR, {"service": {"gatewayRefs": []}}, {"spec.service.gatewayRefs"}),
        (PAIR, {"analysis": {"match": [{"port": 80}]}}, {"spec.analysis.match[0].port"}),
        ("nginx+istio", {"service": {"gateways": ["public"]}}, set()),
        ("nginx+istio", {"service": {"match": [{"port": 1}]}}, {"spec.service.match"}),
        ("nginx+istio", {"ingressRef": None}, {"spec.ingressRef"}),
        ("istio+kubernetes", {}, {"spec.provider"}),
        ("istio+istio", {}, {"spec.provider"}),
        ("istio:subsets+nginx", {}, {"spec.provider"}),
        ("gatewayapi+kong", {}, {"spec.provider"}),
    ],
)
def test_what_one_has_a_use_for_is_no_fault_of_the_other_and_all_else_is(
    provider: str, spec: dict[str, Any], fields: set[str]
) -> None:
    assert problems(provider, **spec).keys() == fields


def test_who_cannot_be_named_beside_another_is_told_why() -> None:
    assert problems("istio+kubernetes") == {
        "spec.provider": "spec.provider: 'istio+kubernetes': name kubernetes alone: it moves all "
        "clients of the apex service"
    }
    assert problems("istio:subsets+nginx")["spec.provider"].endswith(
        "name istio:subsets alone: with it the sides have no services to lead to"
    )
    assert problems("gatewayapi:v1+kong")["spec.provider"].endswith(
        "name gatewayapi:v1 or kong: both write HTTPRoute podinfo"
    )


def test_what_one_of_them_ignores_is_told_with_its_name() -> None:
    canary = a_canary(PAIR, service={"backendTimeout": "1s"}, ingressRef=_ingress())
    assert [str(each) for each in pair().ignored(canary)] == [
        "spec.ingressRef: an object: gatewayapi ignores it: it routes by no Ingress of yours",
        "spec.ingressRef: an object: istio ignores it: it routes by no Ingress of yours",
        (
            "spec.service.backendTimeout: '1s': istio ignores it: the route sets no time limit for "
            "a single call"
        ),
    ]
    both = a_canary("nginx+istio", service={"hosts": ["a.b"]})
    assert pair("nginx+istio").ignored(both) == ()


def test_what_all_of_them_can_say_is_what_it_can_say() -> None:
    abilities = pair("nginx+istio").abilities(a_canary("nginx+istio"))
    assert abilities.references == ("ingress_ref", "ingress_refs")
    assert abilities.conditions.keys() == {"name", "headers"}
    assert (abilities.matches, abilities.mirrors, abilities.affinity) == (True, False, False)
    assert not abilities.splits_matched
    assert pair().abilities(a_canary(PAIR)).affinity


def test_who_rejects_an_object_is_asked_of_its_router() -> None:
    parent = {"kind": "Gateway", "name": "public"}
    condition = {"type": "Accepted", "status": "False", "reason": "No", "message": "no"}
    route = {
        "kind": "HTTPRoute",
        "metadata": {"name": "podinfo"},
        "spec": {"parentRefs": [parent]},
        "status": {
            "parents": [{"parentRef": parent, "controllerName": "c", "conditions": [condition]}]
        },
    }
    assert pair().refusal(route) == "c reports Accepted=False for parent public: No: no"
    assert pair().refusal(route | {"kind": "VirtualService"}) == ""


def _ingress() -> dict[str, str]:
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "web"}


@pytest.mark.parametrize(
    ("provider", "seconds"),
    [("istio", 0), ("nginx", 2), ("haproxy", 2), ("apisix", 5), ("alb", 15), ("nginx+istio", 2)],
)
def test_the_slowest_proxies_say_how_long_a_change_takes(provider: str, seconds: int) -> None:
    settles = router_for(provider).abilities(a_canary(provider)).settles
    assert settles == timedelta(seconds=seconds)


def test_the_first_names_the_route_in_queries_and_no_status_is_kept_that_none_reads() -> None:
    state = ClusterState(existing={}, served={})
    first = pair("nginx+istio").query_routes(a_canary("nginx+istio"), state)
    assert first == ("podinfo", "podinfo")
    assert not pair("nginx+istio").needs_status


def test_rights_for_hosts_are_those_of_all() -> None:
    assert pair("istio+openshift").host_rights == ("routes/custom-host",)
    assert router_for("gatewayapi").host_rights == ()

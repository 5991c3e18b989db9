"""What a gateway should do and what it says that it does, told in the same words."""

import pytest

from tests.embedded.mesh_objects import a_service, a_virtual_service, an_http_route, endpoints
from tests.testbed.traffic import actual, difference, http_routes, virtual_services, wanted
from tidegate_embedded.mesh.world import world_of

PRIMARY, CANARY = (
    f"outbound|9898||podinfo-{each}.test.svc.cluster.local" for each in ("primary", "canary")
)
GATEWAY = ("istio-system", "ingress")
#: What Istio makes of the host `podinfo` in the namespace of its VirtualService.
HOST = "podinfo.test.svc.cluster.local"


def in_the_api(route):
    route["spec"] |= {"gateways": ["istio-system/ingress"]}
    services = ("podinfo-primary", "podinfo-canary")
    slices = (
        endpoints("podinfo-primary", "10.244.0.1", ending=("10.244.0.9",)),
        endpoints("podinfo-canary", "10.244.0.2", unready=("10.244.0.8",)),
    )
    world = world_of([route, *(a_service(each) for each in services), *slices])
    ours = frozenset({GATEWAY})
    return wanted(world, (*virtual_services(world, ours), *http_routes(world, ours)))


def in_envoy(action, *, host=HOST, primary=("10.244.0.1",), canary=("10.244.0.2",)):
    hosts = [{"domains": [host, f"{host}:*"], "routes": [{"match": {"prefix": "/"}, **action}]}]
    clusters = [
        {
            "name": name,
            "host_statuses": [
                {"address": {"socket_address": {"address": each, "port_value": 9898}}}
                for each in addresses
            ],
        }
        for name, addresses in ((PRIMARY, primary), (CANARY, canary))
    ]
    return actual([{"virtual_hosts": hosts}], clusters)


def weighted(primary, canary):
    clusters = [{"name": PRIMARY, "weight": primary}, {"name": CANARY, "weight": canary}]
    return {"route": {"weighted_clusters": {"clusters": clusters}}}


STRAIGHT = {"route": {"cluster": PRIMARY}}
PARENT = {"parentRefs": [{"name": "ingress", "namespace": "istio-system"}]}
SAME = {
    "weights": (a_virtual_service(80, 20), in_envoy(weighted(80, 20))),
    "weights with another sum": (a_virtual_service(80, 20), in_envoy(weighted(4, 1))),
    "everything to one": (a_virtual_service(100, 0), in_envoy(STRAIGHT)),
    "an HTTPRoute of any host": (
        an_http_route(80, 20, spec=PARENT),
        in_envoy(weighted(80, 20), host="*"),
    ),
    "an HTTPRoute that sends nothing anywhere": (
        an_http_route(0, 0, spec=PARENT),
        in_envoy({"direct_response": {"status": 500}}, host="*"),
    ),
}
OTHER = {
    "other weights": (in_envoy(weighted(30, 70)), f"host {HOST}: wanted .*-canary.* 20%"),
    "another host": (in_envoy(weighted(80, 20), host="shop"), f"host {HOST}: .* has no route"),
    "an endpoint that has gone": (
        in_envoy(weighted(80, 20), primary=("10.244.0.1", "10.244.0.9")),
        r"cluster outbound.*-primary.*Envoy has \['10.244.0.1:9898', '10.244.0.9:9898'\]",
    ),
    "no endpoint yet": (in_envoy(weighted(80, 20), canary=()), r"-canary.*Envoy has \[\]"),
}


@pytest.mark.parametrize(("route", "does"), SAME.values(), ids=SAME)
def test_what_is_the_same_is_settled(route, does):
    assert difference(in_the_api(route), does) == ""


@pytest.mark.parametrize(("does", "says"), OTHER.values(), ids=OTHER)
def test_what_differs_is_named(does, says):
    with pytest.raises(ValueError, match=says):
        raise ValueError(difference(in_the_api(a_virtual_service(80, 20)), does))

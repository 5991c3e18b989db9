"""What HTTPProxies ask for and what Contour's Envoy says that it does, told in the same words."""

import json

import pytest

from tests.embedded.mesh_objects import a_service, an_object, endpoints
from tests.testbed.httpproxies import http_proxies, renamed
from tests.testbed.traffic import actual, difference, wanted
from tidegate_embedded.mesh.counters import counters_of
from tidegate_embedded.mesh.world import world_of

HOST = "app.example.com"
INCLUDES = [{"name": "podinfo", "conditions": [{"prefix": "/"}]}]
ROOT = an_object("HTTPProxy", "web", {"virtualhost": {"fqdn": HOST}, "includes": INCLUDES})
PRIMARY, CANARY = (f"test/podinfo-{each}/9898/da39a3ee5e" for each in ("primary", "canary"))


def service(side, **said):
    return {"name": f"podinfo-{side}", "port": 9898, **said}


def a_route(*services):
    return {"conditions": [{"prefix": "/"}], "services": list(services)}


def in_the_api(*routes, root=ROOT):
    included = an_object("HTTPProxy", "podinfo", {"routes": list(routes)})
    services = (a_service("podinfo-primary"), a_service("podinfo-canary"))
    slices = (endpoints("podinfo-primary", "10.244.0.1"), endpoints("podinfo-canary", "10.244.0.2"))
    world = world_of([root, included, *services, *slices])
    return wanted(world, http_proxies(world))


def in_envoy(*actions):
    hosts = [{"domains": [HOST], "routes": [{"route": each} for each in actions]}] * bool(actions)
    clusters = [
        {
            "name": name,
            "host_statuses": [
                {"address": {"socket_address": {"address": address, "port_value": 9898}}}
            ],
        }
        for name, address in ((PRIMARY, "10.244.0.1"), (CANARY, "10.244.0.2"))
    ]
    return actual(*json.loads(renamed(json.dumps([[{"virtual_hosts": hosts}], clusters]))))


def weighted(primary, canary):
    clusters = [{"name": PRIMARY, "weight": primary}, {"name": CANARY, "weight": canary}]
    return {"weighted_clusters": {"clusters": clusters}}


SHARED = a_route(service("primary", weight=80), service("canary", weight=20))
ALONE = a_route(service("primary", weight=0))
SAME = {
    "weights": (in_the_api(SHARED), in_envoy(weighted(80, 20))),
    "a single one gets everything, whatever its weight": (
        in_the_api(ALONE),
        in_envoy({"cluster": PRIMARY}),
    ),
    "without weights they share evenly": (
        in_the_api(a_route(service("primary"), service("canary"))),
        in_envoy(weighted(1, 1)),
    ),
    "beside others no weight is nothing": (
        in_the_api(a_route(service("primary", weight=5), service("canary"))),
        in_envoy({"cluster": PRIMARY}),
    ),
    "each route of its own": (in_the_api(ALONE, SHARED), in_envoy(*map(weighted, (1, 8), (0, 2)))),
    "a copy is no share": (
        in_the_api(a_route(service("primary"), service("canary", mirror=True))),
        in_envoy({"cluster": PRIMARY}),
    ),
    "a Service that is not there has no share": (
        in_the_api(a_route(service("primary", weight=1), service("lost", weight=9))),
        in_envoy({"cluster": PRIMARY}),
    ),
    "without any Service there is no route": (in_the_api(a_route(service("lost"))), in_envoy()),
    "one that no virtual host includes leads nobody": (
        in_the_api(SHARED, root=an_object("HTTPProxy", "web", {"includes": INCLUDES})),
        in_envoy(),
    ),
    "what is included may not be there": (
        in_the_api(
            SHARED,
            root=an_object(
                "HTTPProxy", "web", {"virtualhost": {"fqdn": HOST}, "includes": [{"name": "lost"}]}
            ),
        ),
        in_envoy(),
    ),
}


@pytest.mark.parametrize(("asked", "does"), SAME.values(), ids=SAME)
def test_what_is_the_same_is_settled(asked, does):
    assert difference(asked, does) == ""


def test_what_differs_is_named():
    said = difference(in_the_api(SHARED), in_envoy(weighted(70, 30)))
    assert said.startswith(f"host {HOST}: wanted outbound|9898||podinfo-canary.test")


def test_counters_go_by_the_names_that_istio_would_give():
    page = json.dumps({"cluster.test_podinfo-canary_9898.upstream_rq_total": 3})
    (counted,) = counters_of(json.loads(renamed(page))).items()
    assert counted[0] == "outbound|9898||podinfo-canary.test.svc.cluster.local"
    assert counted[1].total == 3

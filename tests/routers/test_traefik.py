"""The TraefikService: a side without requests is left out, and nothing is read as half by accident."""

from typing import Any

import pytest

from canary.api.kinds import Manifest
from canary.core.traffic import Seen, Traffic
from canary.routers import router_for
from tests.routers.builders import a_canary, a_cluster, rendered, spec_of

ROUTER = router_for("traefik")
CANARY = a_canary("traefik")


def spec(traffic: Traffic) -> Manifest:
    return spec_of(rendered(ROUTER, CANARY, a_cluster(ROUTER, CANARY), traffic), "TraefikService")


@pytest.mark.parametrize(
    ("weight", "services"),
    [
        (0, {"podinfo-primary": 100}),
        (1, {"podinfo-primary": 99, "podinfo-canary": 1}),
        (100, {"podinfo-canary": 100}),
    ],
)
def test_a_side_that_gets_no_requests_is_left_out(weight: int, services: dict[str, int]) -> None:
    found = spec(Traffic(weight=weight))
    assert {each["name"]: each["weight"] for each in found["weighted"]["services"]} == services


def test_session_affinity_is_refused_because_the_cookie_of_traefik_holds_both_sides() -> None:
    asking = a_canary("traefik", analysis={"sessionAffinity": {"cookieName": "stick"}})
    (problem,) = ROUTER.problems(asking)
    assert str(problem) == (
        "spec.analysis.sessionAffinity: an object: remove it, or name another router: traefik "
        "cannot do this, because its cookie holds clients on the primary as well, so that the "
        "weights would reach new clients alone"
    )


def test_stickiness_of_the_users_own_stays_beside_the_weights_and_goes_while_requests_are_copied() -> (
    None
):
    sticky = {"cookie": {"name": "side"}}
    services = [{"name": "podinfo", "port": 9898}]
    users = {
        "apiVersion": "traefik.io/v1alpha1",
        "kind": "TraefikService",
        "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {"weighted": {"services": services, "sticky": sticky}},
    }
    objects = rendered(ROUTER, CANARY, a_cluster(ROUTER, CANARY, [users]), Traffic(weight=20))
    assert spec_of(objects, "TraefikService")["weighted"]["sticky"] == sticky
    copied = rendered(ROUTER, CANARY, a_cluster(ROUTER, CANARY, objects), Traffic(mirror=10))
    assert spec_of(copied, "TraefikService").keys() == {"mirroring"}
    again = rendered(ROUTER, CANARY, a_cluster(ROUTER, CANARY, copied), Traffic())
    assert spec_of(again, "TraefikService")["weighted"]["sticky"] == sticky


def test_requests_are_copied_while_the_canary_answers_none() -> None:
    found = spec(Traffic(mirror=10))["mirroring"]
    assert found["name"] == "podinfo-primary"
    assert [(each["name"], each["percent"]) for each in found["mirrors"]] == [
        ("podinfo-canary", 10)
    ]


def test_copies_beside_a_weight_are_refused() -> None:
    steps = [{"weight": 0, "mirror": 10}, {"weight": 20, "mirror": 10}, {"weight": 100}]
    canary = a_canary("traefik", analysis={"stepWeight": None, "steps": steps})
    (problem,) = ROUTER.problems(canary)
    assert problem.field == "spec.analysis.steps[1].mirror"


def service(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "port": 9898, **fields}


@pytest.mark.parametrize(
    ("found", "seen"),
    [
        # Without a weight a service counts as 1, as in Traefik.
        (
            {"weighted": {"services": [service("podinfo-primary"), service("podinfo-canary")]}},
            Seen(weight=50),
        ),
        (
            {
                "weighted": {
                    "services": [
                        service("podinfo-primary", weight=100),
                        service("podinfo-canary", weight=100),
                    ]
                }
            },
            Seen(weight=50),
        ),
        (
            {
                "mirroring": service(
                    "podinfo-primary", mirrors=[service("podinfo-canary", percent=5)]
                ),
            },
            Seen(mirror=5),
        ),
        (
            {"mirroring": service("podinfo-primary", mirrors=[service("podinfo-canary")])},
            Seen(),
        ),
        (
            {"mirroring": service("podinfo-primary", mirrors=[service("other", percent=5)])},
            Seen(),
        ),
        ({"weighted": {"services": [service("podinfo-canary", weight=0)]}}, None),
        ({"failover": {"service": "podinfo-primary"}}, None),
    ],
)
def test_a_traefik_service_is_read_as_traefik_reads_it(
    found: dict[str, Any], seen: Seen | None
) -> None:
    made = rendered(ROUTER, CANARY, a_cluster(ROUTER, CANARY), Traffic())
    edited = [each | {"spec": found} for each in made]
    assert ROUTER.read(CANARY, a_cluster(ROUTER, CANARY, edited)) == seen

"""What is Kong's own: finer weights, what it does not do, and when its proxies have taken a route."""

import pytest

from canary.api.kinds import Manifest
from canary.core.traffic import Seen
from canary.routers.kong import KongRouter
from tests.routers.builders import a_canary, a_cluster, routed, spec_of

ROUTER = KongRouter()


@pytest.mark.parametrize(("percent", "weights"), [(0, [10000, 0]), (1, [9900, 100])])
def test_weights_leave_room_for_a_share_of_each_pod(percent: int, weights: list[int]) -> None:
    canary = a_canary("kong")
    made = routed(canary, percent)
    (rule,) = spec_of(made, "HTTPRoute")["rules"]
    assert [each["weight"] for each in rule["backendRefs"]] == weights
    assert ROUTER.read(canary, a_cluster(ROUTER, canary, made)) == Seen(weight=percent)


def test_what_kong_does_not_do_is_refused_or_ignored_once() -> None:
    canary = a_canary(
        "kong",
        service={
            "timeout": "5s",
            "corsPolicy": {"allowOrigin": ["*"]},
            "mirror": [{"backendRef": {"name": "shadow", "port": 80}}],
            "match": [{"uri": {"prefix": "api"}}],
        },
        analysis={"mirror": True, "mirrorWeight": 10},
    )
    assert sorted(problem.field for problem in ROUTER.problems(canary)) == [
        "spec.analysis.mirror",
        "spec.service.match[0].uri.prefix",
        "spec.service.mirror",
    ]
    assert {warning.field for warning in ROUTER.ignored(canary)} == {
        "spec.service.corsPolicy",
        "spec.service.timeout",
    }


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ({}, "kong reports Programmed=False for parent public: TranslationError: no such plugin"),
        ({"observedGeneration": 2}, ""),
        ({"reason": "Pending"}, ""),
        ({"reason": "Unknown"}, ""),
        ({"status": "True"}, ""),
    ],
)
def test_a_route_that_the_proxies_did_not_take_is_refused(condition: Manifest, says: str) -> None:
    said = {
        "type": "Programmed",
        "status": "False",
        "reason": "TranslationError",
        "message": "no such plugin",
        "observedGeneration": 3,
    }
    parent = {"kind": "Gateway", "name": "public"}
    parents = [{"parentRef": parent, "controllerName": "kong", "conditions": [said | condition]}]
    route = {
        "metadata": {"generation": 3},
        "spec": {"parentRefs": [parent]},
        "status": {"parents": parents},
    }
    assert ROUTER.refusal(route) == says

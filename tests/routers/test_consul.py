"""What is Consul's own: subsets, conditions that outlast their weights, and what its objects say."""

from typing import Any

import pytest

from canary.api.kinds import Manifest
from canary.core.traffic import Seen, Traffic
from canary.routers.consul import ConsulRouter
from tests.routers.builders import a_canary, a_cluster, rendered, routed, spec_of

INSIDERS = {"match": [{"headers": {"x-canary": {"exact": "insider"}}}], "iterations": 5}
TO_PRIMARY = {"service": "podinfo", "serviceSubset": "podinfo-primary"}


def destination(**service: Any) -> Manifest:
    canary = a_canary("consul", service=service)
    (route,) = spec_of(routed(canary, 10), "ServiceRouter")["routes"]
    return dict(route["destination"])


def test_the_sides_are_subsets_by_the_service_that_registered_their_pods() -> None:
    made = routed(a_canary("consul"), 10)
    assert spec_of(made, "ServiceResolver")["subsets"] == {
        "podinfo-primary": {"filter": 'Service.Meta["k8s-service-name"] != "podinfo-canary"'},
        "podinfo-canary": {"filter": 'Service.Meta["k8s-service-name"] == "podinfo-canary"'},
    }
    assert spec_of(made, "ServiceSplitter")["splits"] == [
        {"serviceSubset": "podinfo-primary", "weight": 90},
        {"serviceSubset": "podinfo-canary", "weight": 10},
    ]


def test_what_else_a_resolver_of_the_user_says_stays() -> None:
    theirs = {"loadBalancer": {"policy": "maglev"}, "subsets": {"v1": {"filter": "x"}}}
    found = {
        "apiVersion": "consul.hashicorp.com/v1alpha1",
        "kind": "ServiceResolver",
        "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": theirs,
    }
    spec = spec_of(routed(a_canary("consul"), 10, [found]), "ServiceResolver")
    assert spec["loadBalancer"] == {"policy": "maglev"}
    assert sorted(spec["subsets"]) == ["podinfo-canary", "podinfo-primary", "v1"]


def test_requests_of_nobody_who_matches_stay_on_the_primary() -> None:
    routes = spec_of(routed(a_canary("consul", analysis=INSIDERS), 100), "ServiceRouter")["routes"]
    assert routes == [
        {
            "match": {"http": {"header": [{"name": "x-canary", "exact": "insider"}]}},
            "destination": {"service": "podinfo"},
        },
        {"destination": TO_PRIMARY},
    ]


def test_conditions_go_no_earlier_than_the_weight_that_they_keep_from_the_rest() -> None:
    router, canary = ConsulRouter(), a_canary("consul", analysis=INSIDERS)
    matched = Traffic(weight=100, match=canary.spec.analysis.match)
    during = rendered(router, canary, a_cluster(router, canary), matched)
    for after in (Traffic(), Traffic(weight=30)):
        first = rendered(router, canary, a_cluster(router, canary, during), after)
        assert spec_of(first, "ServiceRouter") == spec_of(during, "ServiceRouter")
        cluster = a_cluster(router, canary, first)
        assert router.read(canary, cluster) == Seen(weight=after.weight, matched=True)
        second = rendered(router, canary, cluster, after)
        assert spec_of(second, "ServiceRouter")["routes"] == [
            {"destination": {"service": "podinfo"}}
        ]
        assert router.read(canary, a_cluster(router, canary, second)) == Seen(weight=after.weight)


@pytest.mark.parametrize(
    ("match", "condition"),
    [
        ({"uri": {"exact": "/a"}}, {"pathExact": "/a"}),
        ({"uri": {"prefix": "/a"}}, {"pathPrefix": "/a"}),
        ({"uri": {"suffix": ".js"}}, {"pathRegex": r".*\.js"}),
        ({"method": {"exact": "GET"}}, {"methods": ["GET"]}),
        (
            {"headers": {"x-b": {"suffix": "z"}, "x-a": {"regex": "a|b"}}},
            {"header": [{"name": "x-a", "regex": "a|b"}, {"name": "x-b", "suffix": "z"}]},
        ),
        (
            {"queryParams": {"v": {"exact": "2"}, "a": {"prefix": "x"}}},
            {"queryParam": [{"name": "a", "regex": "x.*"}, {"name": "v", "exact": "2"}]},
        ),
    ],
)
def test_conditions_are_written_in_consuls_words(match: Manifest, condition: Manifest) -> None:
    canary = a_canary("consul", analysis={"match": [match], "iterations": 5})
    first, *_ = spec_of(routed(canary, 100), "ServiceRouter")["routes"]
    assert first["match"] == {"http": condition}


@pytest.mark.parametrize(
    ("service", "written"),
    [
        ({"timeout": "15s"}, {"requestTimeout": "15s"}),
        ({"retries": {}}, {"numRetries": 1}),
        ({"retries": {"attempts": 0, "retryOn": "5xx"}}, {}),
        (
            {"retries": {"attempts": 3, "retryOn": "5xx, 429,sometimes"}},
            {"numRetries": 3, "retryOn": ["5xx"], "retryOnStatusCodes": [429]},
        ),
        (
            {"headers": {"request": {"set": {"x-a": "1"}}, "response": {"remove": ["x-b"]}}},
            {"requestHeaders": {"set": {"x-a": "1"}}, "responseHeaders": {"remove": ["x-b"]}},
        ),
    ],
)
def test_requests_are_tried_as_the_canary_says(service: Manifest, written: Manifest) -> None:
    assert destination(**service) == {"service": "podinfo", **written}


@pytest.mark.parametrize(
    ("service", "field", "says"),
    [
        ({"timeout": "0s"}, "spec.service.timeout", "Consul takes 0 for its own default"),
        (
            {"retries": {"perTryTimeout": "1s"}},
            "spec.service.retries.perTryTimeout",
            "a ServiceRouter has no time limit of an attempt",
        ),
        (
            {"retries": {"retryOn": "5xx,sometimes"}},
            "spec.service.retries.retryOn",
            "what it does not know is not repeated: write statuses, or 5xx, ",
        ),
    ],
)
def test_what_consul_does_not_do_of_retries_is_told(
    service: Manifest, field: str, says: str
) -> None:
    (warning,) = ConsulRouter().ignored(a_canary("consul", service=service))
    assert warning.field == field
    assert says in str(warning)


@pytest.mark.parametrize(
    ("splits", "routes", "seen"),
    [
        ([("podinfo-primary", 75), ("podinfo-canary", 25)], None, Seen(weight=25)),
        ([("podinfo-primary", 100), ("podinfo-canary", None)], [], Seen()),
        ([("podinfo-canary", 99.99), ("podinfo-primary", 0.01)], [], Seen(weight=99)),
        ([("v1", 100)], [], None),
        # One route has all requests that another service gets; the rest is split.
        (
            [("podinfo-primary", 100)],
            [{"match": {"http": {"pathPrefix": "/a"}}, "destination": {"service": "other"}}],
            Seen(),
        ),
        (
            [("podinfo-primary", 100)],
            [
                {
                    "match": {"http": {"pathPrefix": "/a"}},
                    "destination": {"serviceSubset": "podinfo-canary"},
                }
            ],
            Seen(weight=100, matched=True),
        ),
        ([("v1", 100)], [{"destination": {"serviceSubset": ["edited by hand"]}}], None),
        ([("v1", 100)], [{"destination": {"serviceSubset": "v1"}}], None),
    ],
)
def test_what_is_there_is_read_as_consul_routes_it(
    splits: list[tuple[str, float | None]], routes: list[Manifest] | None, seen: Seen | None
) -> None:
    router, canary = ConsulRouter(), a_canary("consul")
    written = [
        {"serviceSubset": name, **({} if weight is None else {"weight": weight})}
        for name, weight in splits
    ]
    objects = [{"kind": "ServiceSplitter", "spec": {"splits": written}}]
    if routes is not None:
        objects.append({"kind": "ServiceRouter", "spec": {"routes": routes}})
    metadata = {"metadata": {"name": "podinfo", "namespace": "test"}}
    cluster = a_cluster(router, canary, [each | metadata for each in objects])
    assert router.read(canary, cluster) == seen


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ({"type": "Synced", "status": "True"}, ""),
        # Before it was synced once.
        ({"type": "Synced", "status": "Unknown"}, ""),
        (
            {"type": "Synced", "status": "False", "reason": "ConsulPatchError", "message": "no"},
            "Consul reports Synced=False: ConsulPatchError: no",
        ),
        (
            {
                "type": "Synced",
                "status": "Unknown",
                "reason": "ConsulAgentError",
                "message": 'no splitting: protocol "tcp"',
            },
            'Consul reports Synced=Unknown: ConsulAgentError: no splitting: protocol "tcp"',
        ),
        ({"type": "Other", "status": "False", "message": "no"}, ""),
    ],
)
def test_what_consul_does_not_take_is_told_in_its_words(condition: Manifest, says: str) -> None:
    assert ConsulRouter().refusal({"status": {"conditions": [condition]}}) == says

"""What is Emissary's own: a Mapping that copies the user's, and weights that may be left out."""

from typing import Any

import pytest

from canary.api.kinds import Manifest
from canary.core.traffic import Seen, Traffic
from canary.objects.render import Lacking, Render
from canary.routers import ClusterState
from canary.routers.emissary import EmissaryRouter
from tests.routers.builders import a_canary, a_cluster, rendered, routed, the_traffic


def test_the_mapping_takes_the_same_requests_as_the_users() -> None:
    (mapping,) = routed(a_canary("emissary"), 10)
    assert mapping["metadata"]["name"] == "podinfo-canary"
    assert mapping["spec"] == {
        "hostname": "app.example.com",
        "prefix": "/",
        "timeout_ms": 5000,
        "headers": {"x-tenant": "a"},
        "service": "podinfo-canary.test:9898",
        "stats_name": "test__podinfo__canary",
        "weight": 10,
    }


def beside(analysis: Manifest | None = None, **spec: object) -> tuple[Render, ...] | Lacking:
    """Render beside a Mapping of the user's that says this, too."""
    router, canary = EmissaryRouter(), a_canary("emissary", analysis=analysis)
    (users,) = router.objects(canary).read
    mapping = {"metadata": {"name": "podinfo"}, "spec": {"prefix": "/"} | spec}
    cluster = ClusterState(existing={users: mapping}, served={})
    return router.render(canary, cluster, the_traffic(canary, 10))


LEADING = (
    "podinfo",
    "podinfo:9898",
    "podinfo.test",
    "podinfo.test:9898",
    "http://podinfo",
    "https://podinfo.test.svc:443",
    "podinfo.test.svc.cluster.local:9898",
)
ELSEWHERE = ("cart", "podinfo.shop", "podinfo.test.example.com", "podinfo-primary:9898", None, 7)


@pytest.mark.parametrize("service", LEADING)
def test_however_it_is_written_a_mapping_leads_to_the_apex_service(service: str) -> None:
    assert not isinstance(beside(service=service), Lacking)


@pytest.mark.parametrize(
    ("service", "written"),
    [
        ("podinfo:9898", "podinfo-canary.test:9898"),
        ("https://podinfo.test.svc:443", "https://podinfo-canary.test:9898"),
    ],
)
def test_the_canarys_pods_are_spoken_to_with_tls_where_the_primarys_are(
    service: str, written: str
) -> None:
    wanted = beside(service=service)
    assert not isinstance(wanted, Lacking)
    (render,) = wanted
    assert render.manifest["spec"]["service"] == written
    assert EmissaryRouter().is_ours(a_canary("emissary"), {"service": written})


@pytest.mark.parametrize("service", ELSEWHERE)
def test_beside_a_mapping_that_leads_elsewhere_there_is_none(service: object) -> None:
    assert str(beside(service=service)) == (
        "Mapping test/podinfo does not lead to Service podinfo: give it service: podinfo"
    )


@pytest.mark.parametrize("weight", [0, 50, 100])
def test_beside_a_mapping_with_a_weight_there_is_none(weight: int) -> None:
    assert str(beside(service="podinfo", weight=weight)) == (
        "Mapping test/podinfo has a weight: remove it: of Mappings for the same requests one has "
        "none, and keeps what the others leave"
    )


@pytest.mark.parametrize(
    ("spec", "seen"),
    [
        ({"service": "podinfo-canary.test:9898"}, Seen(weight=50)),
        ({"service": "podinfo-canary.test:9898", "weight": 0.4}, Seen(weight=1)),
        ({"service": "podinfo-canary.test:9898", "weight": 1000}, Seen(weight=100)),
        ({"service": "podinfo-canary.test:9898", "weight": "much"}, None),
        ({"service": "podinfo-canary.test:9898", "shadow": True}, Seen(mirror=100)),
        ({"service": "podinfo-canary.test:9898", "shadow": True, "weight": 7}, Seen(mirror=7)),
        (
            {"service": "podinfo-canary.test:9898", "weight": 0, "headers": {"x-a": "1"}},
            Seen(weight=100, matched=True),
        ),
        (
            {"service": "podinfo-canary.test:9898", "weight": 3, "headers": {"X-Tenant": "a"}},
            Seen(weight=3),
        ),
        ({"service": "old"}, None),
    ],
)
def test_the_weight_is_read_as_emissary_takes_it(spec: Manifest, seen: Seen | None) -> None:
    router, canary = EmissaryRouter(), a_canary("emissary")
    (mapping,) = routed(canary, 10)
    assert router.read(canary, a_cluster(router, canary, [mapping | {"spec": spec}])) == seen


def matched(*match: Manifest, percent: int = 100) -> Manifest:
    """Give the Mapping of a run whose requests must satisfy one of these."""
    (mapping,) = routed(a_canary("emissary", analysis=AB | {"match": match}), percent)
    spec: Manifest = mapping["spec"]
    return spec


AB: dict[str, Any] = {"iterations": 3, "stepWeight": None}
ONE = {"headers": {"x-a": {"exact": "1"}}}


@pytest.mark.parametrize(
    ("match", "written"),
    [
        (ONE, {"headers": {"x-tenant": "a", "x-a": "1"}}),
        ({"headers": {"x-a": {"regex": "a|b"}}}, {"regex_headers": {"x-a": "a|b"}}),
        ({"headers": {"x-a": {"prefix": "v1."}}}, {"regex_headers": {"x-a": r"v1\..*"}}),
        ({"headers": {"x-a": {"suffix": "z"}}}, {"regex_headers": {"x-a": ".*z"}}),
        ({"queryParams": {"q": {"exact": "v"}}}, {"query_parameters": {"q": "v"}}),
        ({"queryParams": {"q": {"regex": "v+"}}}, {"regex_query_parameters": {"q": "v+"}}),
        ({"method": {"exact": "POST"}}, {"method": "POST"}),
    ],
)
def test_all_requests_that_match_go_to_a_mapping_with_the_condition_and_no_weight(
    match: Manifest, written: Manifest
) -> None:
    spec = matched(match)
    assert spec.items() >= written.items()
    assert spec["headers"]["x-tenant"] == "a"
    assert "weight" not in spec


def test_where_none_of_them_is_the_canarys_the_mapping_is_one_of_the_users_group() -> None:
    spec = matched(ONE, percent=0)
    assert (spec["weight"], spec["headers"]) == (0, {"x-tenant": "a"})


@pytest.mark.parametrize(
    "match",
    [
        [ONE, ONE],
        [{"name": "anybody"}],
        [{"headers": {"x-a": {"exact": ""}}}],
        [{"uri": {"prefix": "/a"}}],
        [{"method": {"regex": "P.*"}}],
    ],
)
def test_what_one_mapping_cannot_say_is_refused(match: list[Manifest]) -> None:
    problems = EmissaryRouter().problems(a_canary("emissary", analysis={**AB, "match": match}))
    assert problems
    assert {problem.field.partition("[")[0] for problem in problems} == {"spec.analysis.match"}


@pytest.mark.parametrize(
    ("spec", "match", "told"),
    [
        ({"headers": {"X-A": "2"}}, ONE, "header x-a"),
        ({"regex_headers": {"x-a": "2"}}, ONE, "header x-a"),
        (
            {"query_parameters": {"q": "2"}},
            {"queryParams": {"q": {"prefix": "2"}}},
            "query parameter q",
        ),
        ({"method": "GET"}, {"method": {"exact": "GET"}}, "method"),
    ],
)
@pytest.mark.parametrize("place", ["match", "steps[0].match"])
def test_of_two_conditions_on_one_part_of_a_request_none_is_lost(
    place: str, spec: Manifest, match: Manifest, told: str
) -> None:
    whole = {"weight": 100, "match": [match]}
    analysis = AB | {"match": [match]} if place == "match" else {"steps": [whole]}
    assert str(beside(analysis, service="podinfo", **spec)) == (
        f"Mapping test/podinfo has a condition on {told}: change spec.analysis.{place}: of two "
        "conditions on one a Mapping has room for one"
    )


def test_other_conditions_of_the_users_mapping_disturb_nobody() -> None:
    wanted = beside(AB | {"match": [ONE]}, service="podinfo", query_parameters={"x-a": "1"})
    assert not isinstance(wanted, Lacking)


def test_copies_are_made_by_a_shadow_with_their_percent() -> None:
    canary = a_canary("emissary", analysis={"mirror": True, "mirrorWeight": 10})
    (mapping,) = routed(canary, 0)
    assert (mapping["spec"]["shadow"], mapping["spec"]["weight"]) == (True, 10)


def test_copies_of_some_requests_are_refused_and_never_become_those_of_all() -> None:
    steps = [{"mirror": 10, "match": [ONE]}]
    for analysis in (AB | {"mirror": True, "match": [ONE]}, {"steps": steps}):
        canary = a_canary("emissary", analysis=analysis)
        (problem,) = EmissaryRouter().problems(canary)
        assert problem.field.endswith(".mirror")
        (mapping,) = rendered(
            EmissaryRouter(),
            canary,
            a_cluster(EmissaryRouter(), canary),
            Traffic(
                match=canary.spec.analysis.match or canary.spec.analysis.steps[0].match, mirror=10
            ),
        )
        assert "shadow" not in mapping["spec"]


def test_clients_are_led_back_even_where_the_users_mapping_has_the_condition_by_now() -> None:
    router, canary = EmissaryRouter(), a_canary("emissary", analysis=AB | {"match": [ONE]})
    (users,), (ours,) = router.objects(canary).read, router.objects(canary).own
    made = rendered(router, canary, a_cluster(router, canary), the_traffic(canary, 100))
    edited = {
        "metadata": {"name": "podinfo"},
        "spec": {"service": "podinfo", "headers": {"x-a": "2"}},
    }
    cluster = ClusterState(existing={users: edited, ours: made[0]}, served={})
    (back,) = rendered(router, canary, cluster, the_traffic(canary, 0))
    assert (back["spec"]["weight"], back["spec"]["headers"]) == (0, {"x-a": "2"})
    assert isinstance(router.render(canary, cluster, the_traffic(canary, 100)), Lacking)

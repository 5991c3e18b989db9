"""What is Skipper's own: weights, predicates and filters in annotations, both sides behind each path."""

from typing import Any

import pytest

from canary.api.kinds import Manifest
from canary.core.traffic import Seen
from canary.routers.skipper import FILTER, PREDICATE, WEIGHTS, SkipperRouter
from tests.routers.builders import a_canary, a_cluster, routed

TEE = 'teenf("http://podinfo-canary.test.svc:9898")'
ROUTER, CANARY = SkipperRouter(), a_canary("skipper")


def test_every_path_to_the_app_leads_to_both_sides() -> None:
    (ingress,) = routed(CANARY, 20)
    (rule,) = ingress["spec"]["rules"]
    paths = [(each["path"], each["backend"]["service"]["name"]) for each in rule["http"]["paths"]]
    assert paths == [("/", "podinfo-primary"), ("/", "podinfo-canary")]


@pytest.mark.parametrize(
    ("percent", "predicate"), [(0, 'False() && Host("app")'), (1, 'Weight(100) && Host("app")')]
)
def test_without_weight_all_requests_are_left_to_the_users_ingress(
    percent: int, predicate: str
) -> None:
    (ingress,) = routed(CANARY, percent)
    given = ingress["metadata"]["annotations"]
    assert given[PREDICATE] == predicate
    assert given[WEIGHTS] == f'{{"podinfo-primary":{100 - percent},"podinfo-canary":{percent}}}'
    assert given["zalando.org/skipper-filter"] == "compress()"


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ({WEIGHTS: '{"podinfo-canary":1,"podinfo-primary":3}'}, Seen(weight=25)),
        ({WEIGHTS: '{"podinfo-canary":1}', PREDICATE: "False()"}, Seen()),
        (
            {WEIGHTS: '{"podinfo-canary":1}', PREDICATE: 'Weight(101) && Methods("GET")'},
            Seen(weight=100, matched=True),
        ),
        (
            {WEIGHTS: '{"podinfo-primary":1}', FILTER: f"compress() -> {TEE}"},
            Seen(mirror=100),
        ),
        (
            {WEIGHTS: '{"podinfo-primary":1}', FILTER: 'teenf("http://audit")'},
            Seen(),
        ),
        ({WEIGHTS: '{"podinfo-canary":"all"}'}, None),
        ({WEIGHTS: "not JSON"}, None),
        ({}, None),
    ],
)
def test_annotations_are_read_as_skipper_takes_them(
    given: dict[str, str], seen: Seen | None
) -> None:
    (ingress,) = routed(CANARY, 20)
    ingress["metadata"]["annotations"] = given
    assert ROUTER.read(CANARY, a_cluster(ROUTER, CANARY, [ingress])) == seen


def test_without_a_reference_it_has_no_objects() -> None:
    canary = CANARY.but(spec=CANARY.spec.but(ingress_ref=None))
    assert ROUTER.objects(canary).all == ()
    assert [problem.field for problem in ROUTER.problems(canary)] == ["spec.ingressRef"]


def annotations(percent: int, **analysis: Any) -> dict[str, str]:
    (ingress,) = routed(a_canary("skipper", analysis=analysis), percent)
    given: dict[str, str] = ingress["metadata"]["annotations"]
    return given


@pytest.mark.parametrize(
    ("match", "written"),
    [
        ({"headers": {"x-a": {"exact": "1"}}}, r'HeaderRegexp("x-a", "^(?:1)$")'),
        ({"headers": {"x-a": {"prefix": "v1."}}}, r'HeaderRegexp("x-a", "^(?:v1\\..*)$")'),
        ({"headers": {"x-a": {"regex": r"\d|\""}}}, r'HeaderRegexp("x-a", "^(?:\\d|\\\")$")'),
        ({"queryParams": {"q": {"suffix": "z"}}}, 'QueryParam("q", "^(?:.*z)$")'),
        ({"method": {"exact": "POST"}}, 'Methods("POST")'),
        (
            {"method": {"exact": "GET"}, "headers": {"b": {"exact": "1"}, "a": {"exact": "2"}}},
            'Methods("GET") && HeaderRegexp("a", "^(?:2)$") && HeaderRegexp("b", "^(?:1)$")',
        ),
    ],
)
def test_a_condition_is_written_as_predicates_before_those_of_the_user(
    match: Manifest, written: str
) -> None:
    given = annotations(30, match=[match])
    assert given[PREDICATE] == f'Weight(101) && {written} && Host("app")'
    assert given[WEIGHTS] == '{"podinfo-primary":70,"podinfo-canary":30}'
    assert annotations(0, match=[match])[PREDICATE] == 'False() && Host("app")'


@pytest.mark.parametrize(
    ("match", "place"),
    [
        ([{"method": {"exact": "GET"}}, {"method": {"exact": "PUT"}}], "[1]"),
        ([{"name": "anybody"}], "[0]"),
        ([{"method": {"exact": "get"}}], "[0].method.exact"),
        ([{"headers": {"Host": {"exact": "app"}}}], "[0].headers.host"),
        ([{"uri": {"prefix": "/a"}}], "[0].uri"),
        ([{"method": {"regex": "P.*"}}], "[0].method"),
    ],
)
def test_what_the_predicates_of_one_ingress_cannot_say_is_refused(
    match: list[Manifest], place: str
) -> None:
    problems = ROUTER.problems(a_canary("skipper", analysis={"match": match}))
    assert [problem.field for problem in problems] == [f"spec.analysis.match{place}"]


def test_copies_are_made_by_a_filter_after_those_of_the_user() -> None:
    given = annotations(0, mirror=True)
    assert given[FILTER] == f"compress() -> {TEE}"
    assert given[PREDICATE] == 'Weight(100) && Host("app")'
    assert given[WEIGHTS] == '{"podinfo-primary":100,"podinfo-canary":0}'


@pytest.mark.parametrize(
    ("analysis", "places"),
    [
        ({"mirror": True, "mirrorWeight": 100}, []),
        ({"mirror": True, "mirrorWeight": 10}, ["spec.analysis.mirror"]),
        ({"steps": [{"mirror": 100}, {"weight": 5}]}, []),
        ({"steps": [{"mirror": 10}, {"weight": 5}]}, ["spec.analysis.steps[0].mirror"]),
    ],
)
def test_copies_of_a_share_are_refused(analysis: Manifest, places: list[str]) -> None:
    problems = ROUTER.problems(a_canary("skipper", analysis=analysis))
    assert [problem.field for problem in problems] == places

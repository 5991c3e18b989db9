"""What is Skipper's own: weights and a predicate in annotations, and both sides behind each path."""

import pytest

from canary.core.traffic import Seen
from canary.routers.skipper import PREDICATE, WEIGHTS, SkipperRouter
from tests.routers.builders import a_canary, a_cluster, routed

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

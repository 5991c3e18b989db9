"""Knative: the traffic block pins a Revision for each side."""

from typing import Any

import pytest

from canary.api.kinds import Manifest
from canary.core.traffic import Seen, Traffic
from canary.objects.render import Lacking, Restoration
from canary.routers import ClusterState, router_for
from tests.cases.routers.knative import service
from tests.routers.builders import a_canary, a_cluster, rendered

ROUTER = router_for("knative")
CANARY = a_canary("knative")
(KEY,) = ROUTER.objects(CANARY).edited
PEERS = [
    {"latestRevision": True, "percent": 30},
    {"revisionName": "podinfo-00001", "percent": 70},
]


def with_traffic(traffic: list[Manifest] | None, **annotations: str) -> ClusterState:
    """Give a cluster whose Service has a traffic block."""
    found = service(**annotations)
    found["spec"] |= {} if traffic is None else {"traffic": traffic}
    return a_cluster(ROUTER, CANARY, [found])


def with_status(status: Manifest | None) -> ClusterState:
    found = service() | {"status": status}
    return ClusterState(existing={KEY: found}, served={})


def test_a_service_that_is_not_there_or_has_no_ready_revision_is_named():
    nothing = ROUTER.render(CANARY, ClusterState(existing={}, served={}), Traffic())
    assert isinstance(nothing, Lacking)
    assert str(nothing) == "Service test/podinfo does not exist: create it"
    unready = ROUTER.render(CANARY, with_status(None), Traffic())
    assert isinstance(unready, Lacking)
    assert unready.fault == "has no Revision that is ready"


def test_before_a_promotion_the_newest_revision_has_both_sides():
    cluster = ClusterState(existing={KEY: service()}, served={})
    (made,) = rendered(ROUTER, CANARY, cluster, Traffic(weight=0))
    assert {each["revisionName"] for each in made["spec"]["traffic"]} == {"podinfo-00002"}


def test_what_the_peer_has_written_is_read_and_given_back_as_its_user_wrote_it():
    applied = '{"spec": {"template": {}}}'
    cluster = with_traffic(PEERS, **{"kubectl.kubernetes.io/last-applied-configuration": applied})
    assert ROUTER.read(CANARY, cluster) == Seen(weight=30)
    (write,) = ROUTER.restore(CANARY, cluster).write
    assert "traffic" not in write.mended(cluster.existing[KEY])["spec"]


@pytest.mark.parametrize("percent", [None, "a lot", True])
def test_a_share_that_is_no_number_is_none(percent: Any):
    cluster = with_traffic([PEERS[0] | {"percent": percent}, PEERS[1]])
    assert ROUTER.read(CANARY, cluster) == Seen(weight=0)


def test_no_more_than_everything_goes_to_the_canary():
    cluster = with_traffic([PEERS[0] | {"percent": 1000}, PEERS[1]])
    assert ROUTER.read(CANARY, cluster) == Seen(weight=100)


def test_a_service_that_was_never_taken_over_or_is_gone_is_not_restored():
    assert ROUTER.restore(CANARY, with_traffic(None)) == Restoration()
    assert ROUTER.restore(CANARY, ClusterState(existing={}, served={})) == Restoration()


def test_queries_are_about_the_revisions():
    named = with_traffic(None, **{"tidegate.dev/primary-revision": "podinfo-00001"})
    assert ROUTER.query_routes(CANARY, named) == ("podinfo-00002", "podinfo-00001")
    nothing = ClusterState(existing={}, served={})
    assert ROUTER.query_routes(CANARY, nothing) == ("podinfo", "podinfo")


def refused(observed: int, **condition: str) -> str:
    refusal: str = ROUTER.refusal(
        {
            "metadata": {"generation": 2},
            "status": {"observedGeneration": observed, "conditions": [condition]},
        }
    )
    return refusal


def test_a_route_that_knative_cannot_make_is_a_refusal_of_the_newest_generation_alone():
    failed = {"type": "RoutesReady", "status": "False", "reason": "RevisionMissing", "message": "m"}
    said = "Knative reports RoutesReady=False: RevisionMissing: m"
    assert refused(2, **failed) == said
    assert refused(1, **failed) == ""
    assert refused(2, **failed | {"status": "Unknown"}) == ""
    assert refused(2, **failed | {"type": "ConfigurationsReady"}) == ""


BOTH = [
    {"revisionName": "podinfo-00001", "percent": 80},
    {"revisionName": "podinfo-00002", "percent": 20, "tag": "canary"},
]
NONE = [
    {"revisionName": "podinfo-00001", "percent": 100},
    {"revisionName": "podinfo-00002", "tag": "canary"},
]
OF_ONE = [
    {"revisionName": "podinfo-00001", "percent": 60},
    {"revisionName": "podinfo-00001", "percent": 40, "tag": "canary"},
]
FAILED = {"type": "RoutesReady", "status": "False", "reason": "RevisionMissing", "message": "m"}


@pytest.mark.parametrize(
    ("asked", "status", "pending"),
    [
        pytest.param(BOTH, {"traffic": BOTH}, False, id="it holds"),
        pytest.param(BOTH, {"traffic": NONE}, True, id="what was asked before holds"),
        pytest.param(NONE, {"traffic": NONE[:1]}, False, id="a side without a share is left out"),
        pytest.param(OF_ONE, {"traffic": NONE}, False, id="both entries are of one Revision"),
        pytest.param(BOTH, {}, False, id="the status has no traffic yet"),
        pytest.param([], {"traffic": BOTH}, False, id="nothing is asked for"),
        pytest.param(
            [{"latestRevision": True, "percent": 100}],
            {"traffic": NONE},
            False,
            id="the newest Revision is asked for, whichever that is",
        ),
        pytest.param(
            BOTH, {"traffic": NONE, "conditions": [FAILED]}, False, id="it is refused instead"
        ),
        pytest.param(
            BOTH, {"traffic": BOTH, "observedGeneration": 2}, True, id="an edit is not seen yet"
        ),
    ],
)
def test_traffic_is_waited_for_until_knative_says_that_it_holds(
    asked: Any, status: Any, pending: bool
):
    metadata = {"name": "podinfo", "generation": 3}
    status = {"observedGeneration": 3, **status}
    manifest = {"metadata": metadata, "spec": {"traffic": asked}, "status": status}
    assert ROUTER.pending(manifest) is pending


@pytest.mark.parametrize(
    "reference",
    [
        {"apiVersion": "v1", "kind": "Service", "name": "podinfo"},
        {"apiVersion": "serving.knative.dev/v1", "kind": "Route", "name": "podinfo"},
    ],
)
def test_only_a_knative_service_has_revisions(reference: dict[str, str]):
    problems = ROUTER.problems(a_canary("knative", targetRef=reference))
    assert [each.field for each in problems] == ["spec.targetRef"]

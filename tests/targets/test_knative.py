"""Knative Services as targets: ready with their newest Revision, promoted when that is."""

from copy import deepcopy
from typing import Any

import pytest

from canary.api.kinds import Manifest
from canary.resources.knative import revision_mark
from canary.resources.names import NO_LABEL
from canary.targets import Promotion
from canary.targets.knative import KnativeTarget
from tests.cases.routers.knative import service
from tests.resources.builders import a_canary

TARGET = KnativeTarget()
PROMOTION = Promotion(revision="1-abc", selector_label=NO_LABEL, configs={})


def a_service(generation: int = 3, **status: Any) -> Manifest:
    manifest = deepcopy(service())
    manifest["metadata"]["generation"] = generation
    manifest["status"] |= status
    return manifest


def condition(status: str) -> list[dict[str, str]]:
    return [{"type": "ConfigurationsReady", "status": status}]


def with_mark(manifest: Manifest) -> Manifest:
    """Give it as its router leaves it with its traffic."""
    manifest["metadata"]["annotations"] |= revision_mark(a_service())
    return manifest


@pytest.mark.parametrize(
    ("manifest", "ready", "given_up"),
    [
        (a_service(), 1, False),
        (a_service(generation=4), 0, False),
        (a_service(latestReadyRevisionName="podinfo-00001"), 0, False),
        (a_service(conditions=condition("Unknown")), 0, False),
        (a_service(conditions=condition("False")), 0, True),
        (a_service(generation=4, conditions=condition("False")), 0, False),
        (a_service(conditions=[]), 0, False),
        (with_mark(a_service(generation=4)), 1, False),
        (with_mark(a_service(generation=4, conditions=condition("False"))), 0, False),
        (service() | {"status": None}, 0, False),
    ],
    ids=[
        "ready",
        "unseen",
        "older",
        "coming",
        "failed",
        "failed before",
        "unsaid",
        "traffic alone",
        "traffic, failed before",
        "new",
    ],
)
def test_it_is_ready_when_its_newest_revision_is(manifest: Manifest, ready: int, given_up: bool):
    counts = TARGET.counts(manifest)
    assert (counts.replicas, counts.available, counts.updated) == (1, ready, ready)
    assert counts.deadline_exceeded is given_up
    promoted = TARGET.promoted(a_canary(), manifest, PROMOTION)
    assert (promoted is not None) is bool(ready)


def test_its_rollout_is_its_newest_revision():
    assert TARGET.rollout(a_service()) == "podinfo-00002"
    assert TARGET.member({"metadata": {"name": "podinfo-00002-deployment-x"}}) is None
    assert TARGET.services(a_canary(), {}) == ()
    assert TARGET.remembered(a_service()) == TARGET.written(a_service())


def test_it_has_a_router_of_its_own_and_is_the_service_that_clients_call():
    reference = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "podinfo"}
    wrong = a_canary(targetRef=reference, provider="istio", service={"port": 80, "name": "web"})
    assert [each.field for each in TARGET.problems(wrong)] == [
        "spec.provider",
        "spec.service.name",
    ]
    right = a_canary(targetRef=reference, provider="knative", service={"port": 80})
    assert TARGET.problems(right) == ()

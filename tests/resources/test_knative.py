"""Which Revision of a Knative Service is that of its template, also while its status is behind."""

from copy import deepcopy
from typing import Any

import pytest

from canary.api.annotations import READY_REVISION
from canary.api.kinds import Manifest
from canary.resources.knative import is_observed, ready_revision, revision_mark
from tests.cases.routers.knative import service

SECOND = "podinfo-00002"


def a_service(generation: int = 3, **status: Any) -> Manifest:
    """Give a Service whose status was written when its generation was 3."""
    manifest = deepcopy(service())
    manifest["metadata"]["generation"] = generation
    manifest["status"] |= status
    return manifest


def remembered(**status: Any) -> Manifest:
    """Give one that has been written to since, and remembers its Revision."""
    manifest = a_service(generation=4, **status)
    manifest["metadata"]["annotations"] |= revision_mark(a_service())
    return manifest


def changed(manifest: Manifest) -> Manifest:
    manifest["spec"]["template"]["spec"]["containers"][0]["image"] = "example.com/podinfo:3"
    return manifest


@pytest.mark.parametrize(
    ("manifest", "revision"),
    [
        pytest.param(a_service(), SECOND, id="its status speaks of it"),
        pytest.param(a_service(generation=4), "", id="its status is behind, and nothing is known"),
        pytest.param(remembered(), SECOND, id="its status is behind by a write of the traffic"),
        pytest.param(changed(remembered()), "", id="its status is behind by a new template"),
        pytest.param(
            remembered(latestCreatedRevisionName="podinfo-00003"),
            "",
            id="another Revision is on its way",
        ),
        pytest.param(
            remembered(
                latestCreatedRevisionName="podinfo-00003", latestReadyRevisionName="podinfo-00003"
            ),
            "",
            id="a Revision of another template is ready",
        ),
        pytest.param(
            remembered(conditions=[{"type": "ConfigurationsReady", "status": "False"}]),
            "",
            id="its Revision has failed since",
        ),
        pytest.param(service() | {"status": None}, "", id="it has no status"),
    ],
)
def test_the_ready_revision_is_that_of_the_template_as_it_is(manifest: Manifest, revision: str):
    assert ready_revision(manifest) == revision


def test_what_is_remembered_changes_with_the_template_once_that_is_ready():
    (first,) = revision_mark(a_service()).values()
    (second,) = revision_mark(changed(a_service())).values()
    assert first.split()[0] == second.split()[0] == SECOND
    assert first != second
    assert revision_mark(remembered()) == revision_mark(changed(remembered()))
    assert revision_mark(changed(remembered())) == {READY_REVISION: first}
    assert revision_mark(a_service(generation=4)) == {}


def test_a_status_that_names_no_generation_is_behind_one_that_has_one():
    assert not is_observed({"metadata": {"generation": 1}})
    assert is_observed({"metadata": {}})

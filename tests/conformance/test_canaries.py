"""Canaries, as people handle them with the real `kubectl`."""

import json

import pytest

from canary.api.meta import API_VERSION
from canary.api.resources import KINDS
from canary.demo import manifests
from tests.testbed.tools import ROOT

CANARIES = f"{API_VERSION}/canaries"
STATUS = {
    "state": "Succeeded",
    "observedGeneration": 1,
    "phase": "Succeeded",
    "canaryWeight": 0,
    "failedChecks": 2,
    "iterations": 0,
    "lastTransitionTime": "2026-01-02T03:04:05Z",
    "conditions": [
        {
            "type": kind,
            "status": status,
            "reason": "Succeeded",
            "message": "podinfo 2.0 was promoted",
            "observedGeneration": 1,
            "lastTransitionTime": "2026-01-02T03:04:05Z",
            "lastUpdateTime": "2026-01-02T03:04:05Z",
        }
        for kind, status in (("Promoted", "True"), ("Ready", "True"), ("Progressing", "False"))
    ],
}
NARROW = ["NAME", "STATUS", "WEIGHT", "STEP", "WAITING", "AGE"]
WIDE = [
    *("NAME", "STATUS", "WEIGHT", "STEP", "WAITING", "AGE", "IMAGES", "PHASE", "STEPS"),
    *(
        "SUSPENDED",
        "FAILEDCHECKS",
        "INTERVAL",
        "MIRROR",
        "STEPWEIGHT",
        "STEPWEIGHTS",
        "MAXWEIGHT",
        "LASTTRANSITIONTIME",
    ),
]


@pytest.fixture
def canary(kinds, kubectl):
    """A Canary, applied by the server."""
    manifest = manifests.canary("istio", analysis={"stepWeights": [20, 60]})
    del manifest["metadata"]["namespace"]
    text = json.dumps(manifest)
    said = kubectl("apply", "--server-side", "-f", "-", given=text)
    assert said == "canary.tidegate.dev/podinfo serverside-applied\n"
    return text


@pytest.fixture
def promoted(canary, api):
    """The Canary once its controller has promoted a revision."""
    path = f"{api.path(CANARIES, 'podinfo')}/status"
    answer = api.patch(path, "application/merge-patch+json", {"status": STATUS})
    assert answer.status_code == 200, answer.text


@pytest.mark.usefixtures("canary")
def test_one_that_nobody_has_looked_at_is_behind_its_generation(api):
    found = api.get(api.path(CANARIES, "podinfo")).json()
    assert (found["metadata"]["generation"], found["status"]["observedGeneration"]) == (1, 0)


@pytest.mark.usefixtures("kinds")
class TestDefinitions:
    def test_are_applied_by_the_server_over_older_ones(self, kubectl):
        folder = str(ROOT / "crds")
        said = kubectl("apply", "--server-side", "--force-conflicts", "-f", folder)
        assert said.count("serverside-applied") == len(KINDS)
        assert "Warning" not in said

    def test_say_what_a_field_is_for(self, kubectl):
        said = kubectl("explain", "canary.spec.analysis.stepWeights")
        assert "FIELD: stepWeights <[]integer>" in said
        assert "DESCRIPTION:" in said

    @pytest.mark.parametrize("name", ["canary", "canaries", "cn", "canaries.tidegate.dev"])
    def test_are_known_by_every_name(self, kubectl, name):
        assert "No resources found" in kubectl("get", name)


class TestApply:
    @pytest.mark.usefixtures("canary")
    def test_on_the_server_a_field_has_one_owner(self, kubectl, canary):
        changed = canary.replace("[20, 60]", "[10]")
        other = ("apply", "--server-side", "--field-manager=other", "-f", "-")
        said = kubectl(*other, given=changed, fails=True)
        # A list is one value, and now differs by the defaults that its items were given.
        assert 'Apply failed with 2 conflicts: conflicts with "kubectl":' in said
        assert "- .spec.analysis.metrics\n- .spec.analysis.stepWeights\n" in said
        said = kubectl(*other, "--force-conflicts", given=changed)
        assert "serverside-applied" in said

    def test_in_the_client_changes_nothing_the_second_time(self, api, kubectl, canary):
        kubectl("delete", "canary", "podinfo")
        assert "created" in kubectl("apply", "-f", "-", given=canary)
        # The first one may store the default of the status, which until then is only read.
        kubectl("apply", "-f", "-", given=canary)
        created = api.read(CANARIES, "podinfo")["metadata"]
        # It says "configured": defaults inside of lists are unknown to it, and come back.
        kubectl("apply", "-f", "-", given=canary)
        again = api.read(CANARIES, "podinfo")["metadata"]
        assert again["generation"] == created["generation"]
        assert again["resourceVersion"] == created["resourceVersion"]

    def test_names_a_field_that_is_mistyped(self, kubectl, canary):
        wrong = canary.replace('"stepWeights"', '"stepWeight"')
        said = kubectl("apply", "--server-side", "-f", "-", given=wrong, fails=True)
        assert "stepWeight" in said


@pytest.mark.usefixtures("promoted")
class TestGet:
    def test_shows_how_it_is(self, kubectl):
        header, row = kubectl("get", "canaries").splitlines()
        assert header.split() == NARROW
        *shown, age = row.split()
        assert shown == ["podinfo", "Succeeded", "0", "0"]
        assert age.endswith("s")

    def test_shows_how_it_is_analysed_where_that_is_asked_for(self, kubectl):
        header, row = kubectl("get", "canaries", "-o", "wide").splitlines()
        assert header.split() == WIDE
        shown = {
            name: row[header.index(name) :].split("  ", 1)[0].strip()
            for name in ("STATUS", "FAILEDCHECKS", "INTERVAL", "STEPWEIGHTS")
        }
        assert shown == {
            "STATUS": "Succeeded",
            "FAILEDCHECKS": "2",
            "INTERVAL": "3s",
            "STEPWEIGHTS": "[20,60]",
        }

    def test_all_has_it(self, kubectl):
        assert "canary.tidegate.dev/podinfo" in kubectl("get", "all")


@pytest.mark.usefixtures("promoted")
class TestWait:
    @pytest.mark.parametrize(
        "awaited",
        [
            "condition=Promoted",
            "condition=Ready",
            "condition=Progressing=False",
            "jsonpath={.status.phase}=Succeeded",
        ],
    )
    def test_ends_when_it_is_so(self, kubectl, awaited):
        said = kubectl("wait", "canary/podinfo", f"--for={awaited}", "--timeout=60s")
        assert said == "canary.tidegate.dev/podinfo condition met\n"

    def test_says_that_it_is_not_so(self, kubectl):
        awaited = ("wait", "canary/podinfo", "--for=condition=Stalled", "--timeout=1s")
        assert "timed out" in kubectl(*awaited, fails=True)

    def test_ends_when_it_is_deleted(self, kubectl):
        kubectl("delete", "canary", "podinfo", "--wait=false")
        kubectl("wait", "canary/podinfo", "--for=delete", "--timeout=60s")

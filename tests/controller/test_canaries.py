"""Whatever is written into a Canary: it is said what is wrong with it, and the others go on."""

from datetime import timedelta
from typing import Any

import pytest

from analysis.model import Arm
from canary.api.fleetreport import FleetState
from canary.api.kinds import DEPLOYMENT
from canary.controller.canaries import BrokenCanary, CanaryRecord
from canary.controller.contexts import context_over, nothing_routed, sides
from canary.controller.dependents import dependencies
from canary.controller.reading import CanaryReader
from canary.controller.standings import standing_of
from canary.demo import manifests
from canary.demo.embedded import CRD
from tests.controller.running import CANARY, DEMO, World, until

ONE_MEGABYTE = 250 * 1024
"""What the API server takes of annotations in all."""


async def lenient(world: World) -> None:
    """Have the API server take anything, as it does for objects from before a newer CRD."""
    crd = await world.api.read(CRD, "", "canaries.tidegate.dev")
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    crd["spec"]["versions"][0]["schema"] = {"openAPIV3Schema": anything}
    await world.api.replace(crd, CRD)


def a_canary(name: str, **spec: Any) -> dict[str, Any]:
    manifest = manifests.canary("istio", name=name)
    manifest["spec"] |= spec
    return manifest


def test_a_target_cannot_become_one_of_another_kind():
    made = {"names": {"kind": "Deployment", "target": "podinfo", "primary": "podinfo-primary"}}
    reference = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "podinfo"}
    manifest = a_canary("podinfo", targetRef=reference) | {"status": made}
    record = CanaryReader("istio").read(manifest)
    (problem,) = record.problems
    assert str(problem).startswith("spec.targetRef.kind: 'DaemonSet': set it back to Deployment")
    assert isinstance(record, CanaryRecord)
    assert record.workload is not None
    assert record.workload.kind.kind == "Deployment"
    assert record.canary.spec.target_ref.kind == "Deployment"
    for names in ({}, {"names": {}}, {"names": {"kind": "DaemonSet"}}):
        assert not CanaryReader("istio").read(manifest | {"status": names}).problems


@pytest.mark.parametrize(
    ("kept", "primary", "says"),
    [
        pytest.param(True, "podinfo-primary", "true: set it back to false", id="is kept now"),
        pytest.param(False, "podinfo", "false: set it back to true", id="is kept no longer"),
    ],
)
def test_a_target_stays_kept_or_not_as_its_primary_came_up(kept: bool, primary: str, says: str):
    names = {"kind": "Deployment", "target": "podinfo", "primary": primary}
    status = {"names": names, "phase": "Succeeded", "lastPromotedSpec": "1-abc"}
    record = CanaryReader("istio").read(a_canary("podinfo", keepTarget=kept) | {"status": status})
    (problem,) = record.problems
    assert str(problem).startswith(f"spec.keepTarget: {says}, or delete the Canary")
    assert isinstance(record, CanaryRecord)
    spec = record.canary.spec
    assert (record.keeps, spec.keep_target, spec.primary_name) == (not kept, not kept, primary)
    assert [each.name for each in record.sides] == [
        "podinfo",
        "podinfo-primary" if kept else "podinfo-canary",
    ]


@pytest.mark.parametrize("names", [{}, {"names": {}}, {"names": {"target": "podinfo"}}])
def test_before_a_primary_came_up_a_target_may_be_kept_or_not(names: dict[str, Any]):
    for kept in (True, False):
        manifest = a_canary("podinfo", keepTarget=kept) | {"status": names}
        record = CanaryReader("istio").read(manifest)
        assert not record.problems
        assert isinstance(record, CanaryRecord)
        assert record.keeps is kept


def test_queries_about_the_canary_of_a_kept_target_name_what_is_beside_it():
    for kept, canary, primary in (
        (True, "podinfo-canary", "podinfo"),
        (False, "podinfo", "podinfo-primary"),
    ):
        record = CanaryReader("istio").read(a_canary("podinfo", keepTarget=kept))
        assert isinstance(record, CanaryRecord)
        routes = nothing_routed(record)
        context = context_over(record, routes, timedelta(minutes=1))
        found = {arm: side.target for arm, side in sides(record, routes, context)}
        assert found == {Arm.CANARY: canary, Arm.PRIMARY: primary}


def test_a_canary_of_a_file_is_judged_by_nothing_that_was_read_before_it():
    reader = CanaryReader("istio")
    sound = a_canary("sound")
    sound["metadata"]["generation"] = 1
    broken = a_canary("broken", progressDeadlineSeconds="soon")
    broken["metadata"]["generation"] = 2
    assert not reader.read(sound).problems
    record = reader.read(broken)
    assert isinstance(record, CanaryRecord)
    assert [each.field for each in record.problems] == ["spec.progressDeadlineSeconds"]
    assert record.canary.metadata.name == "broken"
    assert record.unguided


MALFORMED = {
    "a fraction where a whole number belongs": (
        {"analysis": {"interval": "1m", "threshold": 1, "stepWeight": 2.5, "maxWeight": 50}},
        ["spec.analysis.stepWeight"],
    ),
    "a field that nobody knows": ({"nonsense": {"deep": True}}, ["spec.nonsense"]),
    "wrong types everywhere": (
        {"service": "podinfo", "analysis": ["x"], "progressDeadlineSeconds": "soon"},
        ["spec.service", "spec.analysis", "spec.progressDeadlineSeconds"],
    ),
    "a target that is no object": ({"targetRef": 7}, ["spec.targetRef"]),
    "values in many scripts": ({"provider": "исти́о\u202e𝕏"}, ["spec.provider"]),
    "a number beyond all bounds": ({"progressDeadlineSeconds": 1e30}, ["progressDeadline"]),
    "nothing where something is needed": (
        {"targetRef": None, "service": None, "analysis": None},
        ["spec.targetRef", "spec.analysis"],
    ),
    "problems by the hundred": (
        {"analysis": {"interval": "1m", "threshold": 1, "metrics": [{"name": ""}] * 300}},
        ["spec.analysis.metrics[0]"],
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
async def test_is_invalid_with_every_problem_in_condition_and_event(world: World, case: str):
    spec, fields = MALFORMED[case]
    await lenient(world)
    await world.create_app("sound")
    async with world.running_controller():
        await world.api.create(a_canary("broken", **spec), CANARY)
        await world.create_canary("sound")
        message = await world.until_condition("Invalid", "True", name="broken")
        for field in fields:
            assert field in message

        async def told() -> bool:
            return bool(await world.events("Invalid"))

        await until(told, "the event is there")
        (event,) = await world.events("Invalid")
        assert event["involvedObject"]["name"] == "broken"
        assert event["type"] == "Warning"
        assert message.startswith(event["message"].removesuffix("…"))
        await world.until_phase("Initialized", name="sound")


@pytest.mark.parametrize(
    "metadata",
    [
        {"annotations": {"big": "x" * ONE_MEGABYTE}},
        {"annotations": {"tidegate.dev/paused-by": "Ж" * 1000, "tidegate.dev/retry": "\u0000"}},
        {"labels": {f"label-{number}": "x" * 63 for number in range(500)}},
        {"finalizers": ["somebody.else/finalizer"]},
    ],
    ids=["annotations of a quarter megabyte", "odd annotations", "labels", "finalizers"],
)
async def test_odd_metadata_disturbs_nothing(world: World, metadata: dict[str, Any]):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary(metadata=metadata)
        await world.until_phase("Initialized")


@pytest.mark.parametrize(
    "status",
    [
        {"phase": "Dreaming", "canaryWeight": -5},
        {"phase": 7, "conditions": "none", "notices": [None, 1, {"id": 3}]},
        {"phase": "Progressing", "canaryWeight": 50, "history": {"a": "b"}},
        {"notices": [{"id": "x", "reason": "", "hook": "no-such-hook", "at": "yesterday"}]},
    ],
    ids=["unknown values", "wrong types", "a run without a record", "notices of nothing"],
)
async def test_a_status_that_was_edited_by_hand_is_no_dead_end(
    world: World, status: dict[str, Any]
):
    await lenient(world)
    await world.create_app()
    await world.create_canary()
    await world.patch(CANARY, "podinfo", {"status": status}, subresource="status")
    async with world.running_controller():
        await world.until_phase("Initialized", "Succeeded")


async def test_is_sound_again_once_it_is_mended(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary(provider="sundial")
        await world.until_condition("Invalid", "True")
        await world.patch(CANARY, "podinfo", {"spec": {"provider": "istio"}})
        status = await world.until_phase("Initialized")
        assert "Invalid" not in [each["type"] for each in status["conditions"]]


async def test_what_does_no_harm_is_accepted_with_a_warning_until_it_is_gone(world: World):
    await world.create_app()
    async with world.running_controller():
        canary = manifests.canary("istio")
        canary["metadata"]["annotations"] = {"tidegate.dev/aprove": "@alice"}
        canary["spec"]["service"]["backendTimeout"] = "5s"
        await world.api.create(canary, CANARY)
        await world.until_phase("Initialized")
        message = await world.until_condition("SpecWarnings", "True")
        assert message == (
            "spec.service.backendTimeout: '5s': istio ignores it: the route sets no time limit for "
            "a single call; metadata.annotations: 'tidegate.dev/aprove': ignored; did you mean "
            "tidegate.dev/approve?"
        )

        async def told(times: int) -> bool:
            return len(await world.events("SpecWarnings")) == times

        await until(lambda: told(1), "an event")
        patch: dict[str, Any] = {"metadata": {"annotations": {"tidegate.dev/aprove": None}}}
        await world.patch(CANARY, "podinfo", patch)
        await until(lambda: told(2), "an event of what is left")
        first, second = await world.events("SpecWarnings")
        assert {first["type"], second["type"]} == {"Warning"}
        assert {"aprove" in each["message"] for each in (first, second)} == {True, False}
        await world.patch(CANARY, "podinfo", {"spec": {"service": {"backendTimeout": None}}})
        await world.until_condition("SpecWarnings", "False")
        assert await told(2)


async def test_the_younger_of_two_with_one_service_is_invalid_until_the_older_has_gone(
    world: World,
):
    """Two that write one Service, and one route, would write against each other for ever."""
    for name in ("podinfo", "other"):
        await world.create_app(name)
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        await world.create_canary("other", service={"name": "podinfo", "port": 80})
        message = await world.until_condition("Invalid", "True", "other")
        assert message == (
            f"spec.service.name: 'podinfo': name another service: that of {DEMO}/podinfo has this "
            "name already"
        )
        assert (await world.status())["phase"] == "Initialized"
        mark = world.mark
        await world.patch(CANARY, "other", {"metadata": {"labels": {"looked": "at"}}})
        await world.api.delete(CANARY, DEMO, "podinfo")
        await world.until_phase("Initialized", name="other")
        writes = [each for each in world.requests(mark) if each.resource == "services"]
        assert len(writes) < 20


async def test_the_younger_of_two_of_one_target_waits_until_the_older_has_gone(world: World):
    await world.create_app()
    async with world.running_controller():
        await world.create_canary()
        await world.until_phase("Initialized")
        rival = a_canary("rival", analysis={"interval": "1s", "threshold": 1, "stepWeight": 50})
        rival["spec"]["targetRef"]["name"] = "podinfo"
        await world.api.create(rival, CANARY)
        message = await world.until_condition("Invalid", "True", name="rival")
        assert f"{DEMO}/podinfo" in message
        await world.api.delete(CANARY, DEMO, "podinfo")
        await world.until_phase("Initialized", name="rival")


class TestReader:
    def test_parses_a_spec_only_when_it_changes_and_forgets_it_with_its_canary(self):
        reader = CanaryReader("istio")
        manifest = a_canary("podinfo")
        manifest["metadata"] |= {"uid": "1", "generation": 1, "resourceVersion": "5"}
        first, again = (
            reader.read(manifest),
            reader.read(manifest | {"status": {"phase": "Failed"}}),
        )
        assert again.canary is first.canary
        manifest["metadata"]["generation"] = 2
        assert reader.read(manifest).canary is not first.canary
        reader.forget(first)
        assert reader._parsed == {}


def test_a_target_that_everything_is_made_for_matters_while_the_spec_names_another():
    reader = CanaryReader("istio")
    manifest = a_canary("podinfo")
    manifest["metadata"] |= {"uid": "1", "generation": 1, "resourceVersion": "5"}
    names = {"kind": "Deployment", "target": "held", "primary": "held-primary"}
    record = reader.read(manifest | {"status": {"names": names}})
    assert isinstance(record, CanaryRecord)
    workloads = [
        key.name for key in dependencies(record, None, None, None) if key.kind == DEPLOYMENT
    ]
    assert workloads == ["podinfo", "held-primary", "held"]


@pytest.mark.parametrize("spec", [{}, {"targetRef": None}, {"targetRef": {"kind": "Deployment"}}])
def test_a_canary_whose_target_cannot_be_read_is_reported_to_its_plan_all_the_same(spec):
    fleet = {"fleet": {"plan": "releases/shop"}}
    status = {"status": {"phase": "Progressing", "runs": 4}}
    reader = CanaryReader("istio")
    standing = standing_of(reader.read(a_canary("podinfo") | {"spec": spec | fleet} | status))
    assert standing is not None
    told = (standing.plan, standing.canary.canary, standing.canary.run, standing.canary.state)
    assert told == ("releases/shop", "demo/podinfo", 4, FleetState.RUNNING)
    assert standing_of(reader.read(a_canary("podinfo") | {"spec": spec} | status)) is None


@pytest.mark.parametrize("spec", [{}, {"targetRef": None}, {"targetRef": {"kind": "Deployment"}}])
def test_a_canary_whose_target_cannot_be_read_is_a_value_of_its_own_and_asks_for_nothing(spec):
    manifest = a_canary("podinfo") | {"spec": spec}
    names = {"kind": "Deployment", "target": "held", "service": "shop"}
    record = CanaryReader("istio").read(manifest | {"status": {"names": names}})
    assert isinstance(record, BrokenCanary)
    assert record.problems
    assert record.target_kind is None
    # What it is made under is still its own.
    assert (record.peer.targets, record.peer.services) == ((("Deployment", "held"),), ("", "shop"))

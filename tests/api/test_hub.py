"""The kinds of a fleet's hub: their definitions, and what may be written."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from canary.api.fleetplan import OnUnreachable, WayBack
from canary.api.fleetreport import FleetReport, FleetReportStatus, read_report_status, report_name
from canary.api.hub import FLEET_PLAN, FLEET_REPORT, HUB_KINDS
from canary.api.schema import crds, hub_crds, render_hub
from canary.api.validation import parse_fleet_plan
from canary.errors import InvalidSpec
from tests.api.examples import GONE, JsonObject, patched

ROOT = Path(__file__).parents[2]


def a_fleet_plan() -> JsonObject:
    return {
        "apiVersion": "tidegate.dev/v1beta1",
        "kind": "FleetPlan",
        "metadata": {"name": "shop", "namespace": "releases"},
        "spec": {
            "waves": [
                {"name": "one-box", "clusters": ["eu-test"]},
                {
                    "name": "first",
                    "clusters": ["eu-1", "us-1"],
                    "maxConcurrent": 1,
                    "bake": "1h",
                    "approval": True,
                },
                {"name": "rest", "clusters": ["eu-2", "us-2", "ap-1"], "maxConcurrent": "50%"},
            ],
            "maxFailures": 1,
            "onUnreachable": "Skip",
            "reportTimeout": "10m",
            "wayBack": "Waves",
            "stop": True,
        },
    }


def test_the_files_are_what_the_models_say():
    written = {path.name: path.read_text() for path in (ROOT / "deploy/hub").glob("*tidegate.dev*")}
    assert written == render_hub(), "stale: run `make crds`"
    assert [yaml.safe_load(text) for text in render_hub().values()] == list(hub_crds().values())


def test_a_controllers_own_cluster_needs_none_of_them():
    assert not hub_crds().keys() & crds().keys()
    assert not list((ROOT / "charts/tidegate/crds").glob("fleet*"))
    names = {each["metadata"]["name"] for each in hub_crds().values()}
    assert names == {FLEET_PLAN.resource, FLEET_REPORT.resource}


@pytest.mark.parametrize("kind", HUB_KINDS, ids=lambda kind: kind.name)
def test_their_schema_is_structural_bounded_and_described(kind):
    (version,) = hub_crds()[kind.name]["spec"]["versions"]
    assert version["subresources"] == {"status": {}}

    def nodes(node: Any, path: str) -> Any:
        yield path, node
        for name, each in node.get("properties", {}).items():
            yield from nodes(each, f"{path}.{name}")
        if "items" in node:
            yield from nodes(node["items"], f"{path}[]")

    schema = version["schema"]["openAPIV3Schema"]["properties"]
    for part in ("spec", "status"):
        for path, node in nodes(schema[part], part):
            assert node.get("type") or node["x-kubernetes-int-or-string"], path
            assert path.endswith("[]") or node["description"].endswith((".", ".)")), path
            if part == "spec" and node.get("type") == "array":
                assert node["maxItems"] <= 100, path


def test_the_api_server_itself_refuses_two_waves_of_one_name():
    (version,) = hub_crds()["FleetPlan"]["spec"]["versions"]
    waves = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["waves"]
    assert waves["x-kubernetes-list-map-keys"] == ["name"]
    assert "name" in waves["items"]["required"]


def test_a_plan_is_read_and_what_it_leaves_out_has_a_default():
    spec = parse_fleet_plan(a_fleet_plan()).spec
    assert [each.limit(len(each.clusters)) for each in spec.waves] == [1, 1, 1]
    assert (spec.waves[1].bake, spec.on_unreachable) == (timedelta(hours=1), OnUnreachable.SKIP)
    least = {"waves": [{"name": "all", "clusters": ["eu-1", "us-1"]}]}
    spec = parse_fleet_plan(a_fleet_plan() | {"spec": least}).spec
    assert (spec.max_failures, spec.on_unreachable, spec.way_back, spec.stop) == (
        0,
        OnUnreachable.HOLD,
        WayBack.IMMEDIATE,
        False,
    )
    assert (spec.waves[0].limit(2), spec.report_timeout) == (2, timedelta(minutes=5))


@pytest.mark.parametrize(
    ("changes", "field", "remedy"),
    [
        ({"waves": []}, "spec.waves", "give at least 1 entry"),
        ({"waves/0/clusters": []}, "spec.waves[0].clusters", "give at least 1 entry"),
        ({"waves/0/clusters": ["EU"]}, "spec.waves[0].clusters[0]", "the name of a namespace"),
        ({"waves/0/name": "One Box"}, "spec.waves[0].name", "lower-case letters"),
        ({"waves/0/name": "first"}, "spec.waves", "give each wave a name of its own"),
        ({"waves/0/maxConcurrent": 0}, "spec.waves[0].maxConcurrent", "a number from 1"),
        ({"waves/0/maxConcurrent": True}, "spec.waves[0].maxConcurrent", "a number from 1"),
        ({"waves/0/maxConcurrent": "101%"}, "spec.waves[0].maxConcurrent", "from 1% to 100%"),
        ({"waves/0/bake": "15d"}, "spec.waves[0].bake", "write a duration"),
        ({"reportTimeout": "1s"}, "spec.reportTimeout", "write a duration"),
        ({"wayBack": "Never"}, "spec.wayBack", "'Immediate' or 'Waves'"),
        ({"maxFailure": 1}, "spec.maxFailure", "did you mean maxFailures?"),
        ({"waves": GONE}, "spec.waves", "add this field"),
    ],
)
def test_what_is_wrong_with_a_plan_is_said_with_a_remedy(changes, field, remedy):
    with pytest.raises(InvalidSpec) as raised:
        parse_fleet_plan(patched(a_fleet_plan(), changes))
    problem = raised.value.problems[0]
    assert problem.field == field
    assert remedy in problem.remedy


def test_a_report_is_named_after_its_plan_and_read_whatever_it_holds():
    report = {
        "apiVersion": "tidegate.dev/v1beta1",
        "kind": "FleetReport",
        "metadata": {"name": report_name("releases/shop"), "namespace": "eu-1"},
        "spec": {"plan": "releases/shop"},
    }
    assert FleetReport.model_validate(report).metadata.name == "releases.shop"
    assert read_report_status({"canaries": [{"canary": 7}]}) == FleetReportStatus()

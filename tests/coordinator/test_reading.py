"""What the coordinator keeps of plans and reports, whatever they hold."""

from canary.api.fleetreport import FleetState
from canary.coordinator.reading import plan_object, report_object
from tests.api.test_hub import a_fleet_plan


def a_report(name: str = "releases.shop", plan: object = "releases/shop") -> dict[str, object]:
    canary = {"canary": "shop/cart", "uid": "u", "release": "r2", "state": "Promoted"}
    return {
        "metadata": {"name": name, "namespace": "eu-1"},
        "spec": {"plan": plan},
        "status": {"canaries": [canary]},
    }


def test_a_plan_is_kept_with_its_status_and_what_was_approved_of_it():
    plan = a_fleet_plan()
    plan["metadata"] |= {
        "generation": 3,
        "resourceVersion": "7",
        "annotations": {"tidegate.dev/approve-first": '{"by": "alice", "releases": {"a/b": "r2"}}'},
    }
    plan["status"] = {"silent": ["eu-1"]}
    kept = plan_object(plan)
    assert kept.plan is not None
    assert (kept.full_name, kept.generation, kept.resource_version) == ("releases/shop", 3, "7")
    assert [(each.wave, each.by) for each in kept.plan.approvals] == [("first", "alice")]
    assert (kept.status.silent, kept.problem) == (("eu-1",), "")


def test_a_plan_that_cannot_be_acted_on_is_kept_with_what_is_wrong():
    plan = a_fleet_plan()
    plan["spec"]["waves"][0]["maxConcurrent"] = "0%"
    kept = plan_object(plan)
    assert kept.plan is None
    assert "spec.waves[0].maxConcurrent" in kept.problem


def test_a_report_is_that_of_its_namespace_to_the_plan_that_it_is_named_after():
    kept = report_object(a_report())
    assert (kept.cluster, kept.plan) == ("eu-1", "releases/shop")
    assert kept.canaries["shop/cart"].state is FleetState.PROMOTED
    assert report_object(a_report(name="another")).plan == ""
    assert report_object(a_report(plan=7)).plan == ""


def test_a_report_of_which_a_part_cannot_be_read_is_known_not_to_be_whole():
    assert report_object(a_report()).whole
    report = a_report()
    report["status"] = {"canaries": [{"canary": "shop/cart", "state": "Elsewhere", "run": "many"}]}
    assert not report_object(report).whole

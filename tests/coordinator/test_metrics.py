"""What the coordinator tells Prometheus."""

from prometheus_client.parser import text_string_to_metric_families

from canary.api.fleet_status import FleetCanary, FleetPlanStatus
from canary.coordinator.metrics import FleetFigures, FleetMetrics
from tests.testbed.tools import ROOT

PLAN = FleetPlanStatus(
    canaries=(
        FleetCanary(canary="shop/cart", release="r2", halted=True),
        FleetCanary(canary="shop/pay", release="r2", complete=True),
        FleetCanary(canary="shop/search", release="r3"),
        FleetCanary(canary="shop/stock", release="r3"),
        FleetCanary(canary="shop/new"),
    ),
    silent=("eu-1", "us-1"),
)


def told(metrics: FleetMetrics) -> dict[tuple[str, ...], float]:
    """Give each sample of ours by its name and the values of its labels."""
    page = metrics.page()[0].decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if family.name.startswith("tidegate_")
    }


def test_each_canary_of_a_plan_is_counted_where_its_release_stands():
    metrics = FleetMetrics("1.2.3")
    metrics.show(FleetFigures(leads=True, plans=(("releases", "shop", PLAN),)))
    assert told(metrics) == {
        ("tidegate_fleet_info", "1.2.3"): 1,
        ("tidegate_fleet_leader",): 1,
        ("tidegate_fleet_undecided",): 0,
        ("tidegate_fleet_releases", "releases", "shop", "halted"): 1,
        ("tidegate_fleet_releases", "releases", "shop", "under-way"): 2,
        ("tidegate_fleet_releases", "releases", "shop", "complete"): 1,
        ("tidegate_fleet_silent_clusters", "releases", "shop"): 2,
    }


def test_before_the_first_look_nothing_is_told_of_plans():
    assert told(FleetMetrics("1.2.3")) == {
        ("tidegate_fleet_info", "1.2.3"): 1,
        ("tidegate_fleet_leader",): 0,
        ("tidegate_fleet_undecided",): 0,
    }


def test_a_leader_that_cannot_decide_says_so():
    metrics = FleetMetrics()
    metrics.show(FleetFigures(leads=True, undecided=True))
    assert told(metrics)["tidegate_fleet_undecided",] == 1


def test_a_reader_gets_the_format_that_it_takes():
    _, content_type = FleetMetrics().page("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")


def test_the_documentation_names_every_metric():
    metrics = FleetMetrics()
    metrics.show(FleetFigures(plans=(("releases", "shop", PLAN),)))
    page = (ROOT / "docs/waves.md").read_text()
    assert {name for name, *_ in told(metrics) if f"`{name}" not in page} == set()

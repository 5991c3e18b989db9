"""The table of metrics is what the controller's page has, name by name."""

from prometheus_client.metrics import MetricWrapperBase

from canary.controller.metrics import Metrics
from canary.monitoring.catalogue import CATALOGUE, Sort

#: What Prometheus's client adds to the name of a metric of a type.
ENDS = {"counter": "_total", "info": "_info"}
SORTS = {"info": "gauge"}


def registered() -> set[tuple[str, str, str, tuple[str, ...]]]:
    """Every metric of ours on the page: name, type, help and labels."""
    metrics = Metrics(version="1", router="istio")
    found = {(each.name, "gauge", each.text, each.labels) for each in metrics._gauges.gauges}
    for collector in metrics._registry._collector_to_names:
        wrapped = isinstance(collector, MetricWrapperBase)
        for family in collector.collect():
            labels = collector._labelnames if wrapped else getattr(family, "_labelnames", ())
            if family.type == "info":
                labels = tuple(collector._value)
            name = family.name + ENDS.get(family.type, "")
            sort = SORTS.get(family.type, family.type)
            if name.startswith("tidegate_"):
                found.add((name, sort, family.documentation, tuple(labels)))
    return found


def test_the_catalogue_is_the_page() -> None:
    listed = {(each.name, each.sort.value, each.text, each.labels) for each in CATALOGUE}
    assert listed == registered()
    assert len(listed) == len(CATALOGUE)


def test_no_label_is_of_a_revision_a_pod_or_a_user() -> None:
    labels = {label for each in CATALOGUE for label in each.labels}
    assert not labels & {"revision", "pod", "user", "run"}


def test_a_histogram_has_three_series() -> None:
    series = {name for each in CATALOGUE if each.sort is Sort.HISTOGRAM for name in each.series}
    assert "tidegate_reconcile_lag_seconds_bucket" in series
    assert "tidegate_reconcile_lag_seconds_count" in series

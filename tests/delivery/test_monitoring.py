"""The chart's alert rules and dashboards, as Helm renders them."""

import json

import pytest

from canary.monitoring.alerts import ALERTS, rules
from canary.monitoring.dashboards import DASHBOARDS
from tests.delivery.helm import render

pytestmark = pytest.mark.delivery


def of_kind(kind: str, *values: str):
    return [each for each in render(*values) if each["kind"] == kind]


def test_rules_are_those_of_the_project_as_they_are():
    (found,) = of_kind("PrometheusRule", 'prometheusRule={"enabled":true,"labels":{"team":"a"}}')
    assert found["spec"] == rules()
    assert found["metadata"]["labels"]["team"] == "a"


def test_each_alert_links_to_its_runbook_where_these_are_kept():
    value = 'prometheusRule={"enabled":true,"runbooks":"https://wiki.example/runbooks/"}'
    (found,) = of_kind("PrometheusRule", value)
    assert found["spec"] == rules("https://wiki.example/runbooks")
    links = [
        rule["annotations"]["runbook_url"]
        for group in found["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    assert links == [f"https://wiki.example/runbooks/{alert.name}.md" for alert in ALERTS]


def test_dashboards_come_to_a_sidecar_or_to_the_operator():
    wanted = [each.render() for each in DASHBOARDS]
    maps = of_kind("ConfigMap", 'grafana={"dashboards":{"enabled":true}}')
    assert all(each["metadata"]["labels"]["grafana_dashboard"] == "1" for each in maps)
    by_uid = {each["uid"]: each for each in wanted}
    assert {
        read["uid"]: read for each in maps for read in map(json.loads, each["data"].values())
    } == by_uid
    objects = of_kind("GrafanaDashboard", 'grafana={"operator":{"enabled":true}}')
    assert {
        read["uid"]: read for read in (json.loads(each["spec"]["json"]) for each in objects)
    } == by_uid


def test_nothing_of_it_is_installed_unless_it_is_wished():
    assert not of_kind("ConfigMap") + of_kind("GrafanaDashboard") + of_kind("PrometheusRule")

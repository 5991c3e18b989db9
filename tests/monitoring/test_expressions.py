"""Dashboards and rules: each expression parses, and asks for what there is."""

import re
from collections.abc import Iterator
from itertools import combinations

import promql_parser
import pytest

from canary.monitoring.alerts import ALERTS, RECORDINGS, RUNBOOKS
from canary.monitoring.catalogue import CATALOGUE
from canary.monitoring.dashboards import DASHBOARDS
from canary.monitoring.panels import WIDTH
from tests.testbed.tools import ROOT

#: Of meshes, pods and the process, and what we record ourselves: none of them is in the catalogue.
OTHERS = {
    "ALERTS",
    "container_cpu_usage_seconds_total",
    "container_memory_working_set_bytes",
    "istio_request_duration_milliseconds_bucket",
    "istio_requests_total",
    "kube_pod_container_status_restarts_total",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    *(name for name, _ in RECORDINGS),
}
LABELS = {series: {*each.labels, "le"} for each in CATALOGUE for series in each.series}
EXPRESSIONS = {
    **{f"{each.name} {n}": text for each in DASHBOARDS for n, text in enumerate(each.expressions)},
    **{each.name: each.expression for each in ALERTS},
    **dict(RECORDINGS),
}


def selectors(text: str) -> Iterator[promql_parser.VectorSelector]:
    """Every selector of series in an expression; Grafana's variables are spans of time."""
    found: list[promql_parser.VectorSelector] = []

    def visit(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.MatrixSelector):
            found.append(node.vector_selector)
        elif isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        return True

    promql_parser.walk(promql_parser.parse(text.replace("$__rate_interval", "5m")), visit)
    yield from found


@pytest.mark.parametrize("text", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_an_expression_asks_for_metrics_and_labels_that_there_are(text: str) -> None:
    asked = list(selectors(text))
    assert asked
    for selector in asked:
        assert selector.name in LABELS or selector.name in OTHERS, selector.name
        named = {matcher.name for matcher in selector.matchers.matchers}
        if selector.name in LABELS:
            assert named <= LABELS[selector.name]


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    pages = {page.stem: page.read_text() for page in (ROOT / RUNBOOKS).glob("Tidegate*.md")}
    assert pages.keys() == {alert.name for alert in ALERTS}
    for name, page in pages.items():
        headings = re.findall(r"^## (.+)$", page, re.MULTILINE)
        assert page.startswith(f"# {name}\n")
        assert headings == ["What it means", "What to look at", "What to do", "When it is harmless"]


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.name)
class TestADashboard:
    def test_panels_have_numbers_and_places_of_their_own(self, dashboard):
        panels = dashboard.render()["panels"]
        assert len({each["id"] for each in panels}) == len(panels)
        places = [tuple(each["gridPos"][side] for side in "xywh") for each in panels]
        assert all(x + w <= WIDTH for x, _, w, _ in places)
        for (x, y, w, h), (u, v, a, b) in combinations(places, 2):
            assert x + w <= u or u + a <= x or y + h <= v or v + b <= y

    def test_every_query_asks_the_source_that_the_reader_picks(self, dashboard):
        source = {"type": "prometheus", "uid": "${datasource}"}
        rendered = dashboard.render()
        for panel in rendered["panels"]:
            assert all(each["datasource"] == source for each in panel.get("targets", ()))
        assert rendered["templating"]["list"][0]["type"] == "datasource"
        assert "__inputs" not in rendered

    def test_variables_in_queries_are_those_that_a_reader_picks(self, dashboard):
        picked = {each["name"] for each in dashboard.render()["templating"]["list"]}
        used = {
            name for text in dashboard.expressions for name in re.findall(r"\$([a-z]\w*)", text)
        }
        assert used <= picked

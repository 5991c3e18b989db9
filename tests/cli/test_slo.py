"""`tidegate slo`: gates of the objectives of OpenSLO, Sloth and Pyrra."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from canary.api.meta import API_VERSION
from canary.api.validation import parse_delivery_policy, parse_metric_template
from tests.cli.running import tidegate

SLOTH: dict[str, Any] = {
    "apiVersion": "sloth.slok.dev/v1",
    "kind": "PrometheusServiceLevel",
    "metadata": {"name": "shop"},
    "spec": {
        "service": "shop",
        "slos": [
            {
                "name": "Requests",
                "objective": 99.9,
                "sli": {
                    "events": {
                        "errorQuery": 'sum(rate(http_total{code=~"5.."}[{{.window}}]))',
                        "totalQuery": "sum(rate(http_total[{{ .window }}]))",
                    }
                },
            }
        ],
    },
}
PYRRA: dict[str, Any] = {
    "apiVersion": "pyrra.dev/v1alpha1",
    "kind": "ServiceLevelObjective",
    "metadata": {"name": "shop-requests"},
    "spec": {
        "target": "99.5",
        "window": "4w",
        "indicator": {
            "ratio": {
                "errors": {"metric": 'http_total{code=~"5.."}'},
                "total": {"metric": "http_total"},
            }
        },
    },
}
LATENCY = {
    "success": {"metric": 'http_seconds_bucket{le="0.5"}'},
    "total": {"metric": "http_seconds_count"},
}


NATIVE = "histogram_count(sum(increase(http_seconds[5m])))"


def prometheus(query: str) -> dict[str, Any]:
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}


OPENSLO: dict[str, Any] = {
    "apiVersion": "openslo/v1",
    "kind": "SLO",
    "metadata": {"name": "shop-requests"},
    "spec": {
        "budgetingMethod": "Occurrences",
        "timeWindow": [{"duration": "30d", "isRolling": True}],
        "objectives": [{"target": 0.999}],
        "indicator": {
            "spec": {
                "ratioMetric": {
                    "counter": True,
                    "bad": prometheus('http_total{code=~"5.."}'),
                    "total": prometheus("http_total"),
                }
            }
        },
    },
}
RATIO = "spec/indicator/spec/ratioMetric"


def changed(manifest: dict[str, Any], changes: dict[str, object]) -> dict[str, Any]:
    """Change fields below `spec`, by their paths."""
    out = deepcopy(manifest)
    for path, value in changes.items():
        *way, last = path.split("/")
        here: Any = out
        for each in way:
            here = here[int(each)] if isinstance(here, list) else here[each]
        if value is None:
            here.pop(last, None)
        else:
            here[last] = value
    return out


async def gates(folder: Path, manifest: dict[str, Any], *arguments: str) -> tuple[int, str]:
    path = folder / "slo.yaml"
    path.write_text(yaml.safe_dump(manifest), encoding="utf-8")
    return await tidegate("slo", str(path), *arguments)


def templates(output: str) -> dict[str, str]:
    """Give the queries of the templates that were written, by their names."""
    written, _, _ = output.partition("add to spec.analysis.metrics")
    read = [parse_metric_template(each) for each in yaml.safe_load_all(written)]
    return {each.metadata.name: each.spec.query or "" for each in read}


@pytest.mark.parametrize(
    ("manifest", "bad", "total"),
    [
        pytest.param(
            SLOTH,
            'sum(sum(rate(http_total{code=~"5.."}[5m])))',
            "sum(sum(rate(http_total[5m])))",
            id="Sloth",
        ),
        pytest.param(
            PYRRA,
            'sum(increase(http_total{code=~"5.."}[5m]))',
            "sum(increase(http_total[5m]))",
            id="Pyrra",
        ),
        pytest.param(
            changed(PYRRA, {"spec/indicator": {"latency": LATENCY}}),
            "sum(sum(increase(http_seconds_count[5m])) - "
            '(sum(increase(http_seconds_bucket{le="0.5"}[5m])) or '
            "0 * sum(increase(http_seconds_count[5m]))))",
            "sum(increase(http_seconds_count[5m]))",
            id="Pyrra, latency",
        ),
        pytest.param(
            changed(
                PYRRA,
                {
                    "spec/indicator": {
                        "latencyNative": {"total": {"metric": "http_seconds"}, "latency": "200ms"}
                    }
                },
            ),
            f"sum(sum({NATIVE}) - (sum(histogram_fraction(0, 0.2, sum(increase(http_seconds[5m]))) "
            f"* {NATIVE}) or 0 * sum({NATIVE})))",
            f"sum({NATIVE})",
            id="Pyrra, a native histogram",
        ),
        pytest.param(
            OPENSLO,
            'sum(increase(http_total{code=~"5.."}[5m]))',
            "sum(increase(http_total[5m]))",
            id="OpenSLO",
        ),
        pytest.param(
            changed(OPENSLO, {f"{RATIO}/bad": None, f"{RATIO}/good": prometheus("ok_total")}),
            "sum(sum(increase(http_total[5m])) - (sum(increase(ok_total[5m])) or "
            "0 * sum(increase(http_total[5m]))))",
            "sum(increase(http_total[5m]))",
            id="OpenSLO, good",
        ),
        pytest.param(
            changed(SLOTH, {"spec/slos/0/sli": {"raw": {"errorRatioQuery": "share[{{.window}}]"}}}),
            "sum(share[5m])",
            "sum((0 * (share[5m]) + 1))",
            id="Sloth, raw",
        ),
        pytest.param(
            changed(PYRRA, {"spec/indicator": {"bool_gauge": {"metric": "up"}}}),
            "sum(sum(count_over_time(up[5m])) - (sum(sum_over_time(up[5m])) or "
            "0 * sum(count_over_time(up[5m]))))",
            "sum(count_over_time(up[5m]))",
            id="Pyrra, a gauge",
        ),
    ],
)
async def test_an_objective_becomes_a_gate_of_several_windows(
    manifest: dict[str, Any], bad: str, total: str, tmp_path: Path
) -> None:
    code, output = await gates(tmp_path, manifest, "-n", "shop")
    assert code == 0, output
    queries = templates(output)
    assert set(queries) == {"shop-requests-burn", "shop-requests-budget"}
    burn = queries["shop-requests-burn"]
    assert f"({bad} or 0 * {total}) / {total}" in burn
    assert all(f"[{window}]" in burn for window in ("1h", "5m", "6h", "30m"))
    assert "/ 14.4" in burn
    assert "{{" not in burn


async def test_an_indicator_of_its_own_is_found_beside_the_objective(tmp_path: Path) -> None:
    spec = OPENSLO["spec"]["indicator"]["spec"]
    indicator = {
        "apiVersion": "openslo/v1",
        "kind": "SLI",
        "metadata": {"name": "ok"},
        "spec": spec,
    }
    refers = changed(OPENSLO, {"spec/indicator": None, "spec/indicatorRef": "ok"})
    listed = {"apiVersion": "v1", "kind": "List", "items": [refers, indicator]}
    assert await gates(tmp_path, listed) == await gates(tmp_path, OPENSLO)
    broken = changed(indicator, {"spec/ratioMetric/counter": False})
    code, output = await gates(tmp_path, listed | {"items": [refers, broken]})
    assert code == 1
    assert "spec.ratioMetric of the SLI ok.counter" in output


async def test_the_metrics_of_the_canary_are_printed_beside(tmp_path: Path) -> None:
    _, output = await gates(tmp_path, SLOTH, "-n", "shop", "--metrics-server", "http://p:1")
    assert "add to spec.analysis.metrics of the Canary:" in output
    assert "  namespace: shop" in output
    assert "address: http://p:1" in output
    _, _, stanza = output.rpartition("of the Canary:\n")
    stanza, _, policy = stanza.partition(
        "or, so that no run starts while little of shop-Requests is left"
    )
    metrics = yaml.safe_load(stanza)["metrics"]
    assert [each["thresholdRange"] for each in metrics] == [{"max": 1}, {"min": 10}]
    assert {each["onNoData"] for each in metrics} == {"pass"}
    _, _, budget = policy.partition("of a DeliveryPolicy:\n")
    spec = {"selector": {}, **yaml.safe_load(budget)}
    manifest = {"apiVersion": API_VERSION, "kind": "DeliveryPolicy", "metadata": {"name": "slo"}}
    read = parse_delivery_policy(manifest | {"spec": spec})
    assert read.spec.budget is not None
    assert read.spec.budget.metric.template_ref.name == "shop-requests-budget"


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        (changed(SLOTH, {"spec/slos/0/objective": 100}), "spec.slos[0].objective: 100: write a percentage"),
        (changed(SLOTH, {"spec/slos/0/objective": "many"}), "spec.slos[0].objective: 'many': write a percentage"),
        (changed(SLOTH, {"spec/slos/0/sli": {"plugin": {"id": "x"}}}), "spec.slos[0].sli.plugin.id: 'x': write sli.raw with the errorRatioQuery"),
        (changed(SLOTH, {"spec/slos/0/sli": {}}), "spec.slos[0].sli.events.errorQuery"),
        (changed(SLOTH, {"spec/slos/0/sli": {"raw": {"errorRatioQuery": "x"}}}), "spec.slos[0].sli.raw.errorRatioQuery"),
        (changed(PYRRA, {"spec/indicator": {"latencyNative": {"latency": "1s"}}}), "spec.indicator.latencyNative.total.metric"),
        (changed(PYRRA, {"spec/indicator": {"latencyNative": {"total": {"metric": "x"}, "latency": "fast"}}}), "spec.indicator.latencyNative.latency: 'fast': write a time such as 200ms or 1s"),
        (changed(PYRRA, {"spec/indicator": {}}), "write a ratio, a latency, a latencyNative or a bool_gauge"),
        (changed(PYRRA, {"spec/indicator": {"bool_gauge": {"metric": "max(up)"}}}), "spec.indicator.bool_gauge.metric"),
        (changed(PYRRA, {"spec/window": "a month"}), "spec.window: 'a month': write a time such as 30d"),
        (changed(PYRRA, {"spec/indicator/ratio/total/metric": "rate(x[5m])"}), "write the selector of a counter"),
        (changed(OPENSLO, {"spec/budgetingMethod": "Timeslices"}), "write Occurrences"),
        (changed(OPENSLO, {"spec/objectives": []}), "spec.objectives"),
        (changed(OPENSLO, {"spec/indicator": None, "spec/indicatorRef": "x"}), "spec.indicatorRef: 'x': write an indicator, or give the SLI"),
        (changed(OPENSLO, {f"{RATIO}/counter": False}), "rates cannot be summed over a window"),
        (changed(OPENSLO, {f"{RATIO}/total/metricSource/type": "Datadog"}), "'Datadog': write Prometheus"),
        (changed(OPENSLO, {"spec/objectives": [{"targetPercent": 0}]}), "spec.objectives[0].targetPercent: 0"),
        (changed(OPENSLO, {"spec/objectives": [{"target": "x"}]}), "spec.objectives[0].target: 'x'"),
        ({"apiVersion": "v1", "kind": "ConfigMap"}, "no objective is in the files"),
    ],
)  # fmt: skip
async def test_what_cannot_be_a_gate_says_what_to_write(
    manifest: dict[str, Any], says: str, tmp_path: Path
) -> None:
    code, output = await gates(tmp_path, manifest)
    assert (code, says in output) == (1, True), output


async def test_a_file_must_be_named() -> None:
    code, output = await tidegate("slo")
    assert (code, "name a file with objectives" in output) == (2, True)

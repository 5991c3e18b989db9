"""The built-in queries, as Prometheus itself evaluates them on series of each proxy's shape."""

from dataclasses import replace

import pytest

from analysis.builtin import builtin
from analysis.template import render
from tests.analysis.series import SERIES
from tests.analysis.test_builtin import CONTEXT
from tests.testbed.promtool import hold

pytestmark = pytest.mark.control_plane


@pytest.mark.parametrize("shape", SERIES)
def test_prometheus_itself_evaluates_the_queries(promtool, shape, tmp_path):
    series, router = SERIES[shape], shape.partition(" ")[0]
    target, primary, (label, good, bad) = series.canary, series.primary, series.status
    context = replace(CONTEXT, kind=series.kind)
    counter, buckets, factor = series.counter, series.buckets, series.milliseconds
    steady = "+{}x10".format
    durations = [
        {"series": f'{buckets}{{{target},le="{100 / factor:g}"}}', "values": f"0{steady(0)}"},
        {"series": f'{buckets}{{{target},le="{200 / factor:g}"}}', "values": f"0{steady(10)}"},
        {"series": f'{buckets}{{{target},le="+Inf"}}', "values": f"0{steady(10)}"},
        {"series": f'{buckets}{{{primary},le="+Inf"}}', "values": f"0{steady(90)}"},
    ]
    if series.mean:
        # Pods that answer nothing keep their last mean.
        durations = [
            {"series": f"{series.mean}{{{target}}}", "values": f"{150 / factor:g}+0x10"},
            {"series": f"{series.mean}{{{series.idle}}}", "values": f"{9000 / factor:g}+0x10"},
            {"series": f"{series.mean}{{{primary}}}", "values": f"{9000 / factor:g}+0x10"},
            {"series": f'{counter}{{{series.idle},{label}="{good}"}}', "values": f"7{steady(0)}"},
        ]
    also = [{"series": each, "values": "1+0x10"} for each in series.also]
    suite = {
        "evaluation_interval": "15s",
        "tests": [
            {
                "interval": "15s",
                "input_series": [
                    *also,
                    {"series": f'{counter}{{{target},{label}="{good}"}}', "values": f"0{steady(9)}"},
                    {"series": f'{counter}{{{target},{label}="{bad}"}}', "values": f"0{steady(1)}"},
                    {"series": f'{counter}{{{primary},{label}="{bad}"}}', "values": f"0{steady(50)}"},
                    *durations,
                ],
                "promql_expr_test": [
                    {
                        "expr": render(builtin("request-success-rate", router), context),
                        "eval_time": "2m",
                        "exp_samples": [{"labels": "{}", "value": 90}],
                    },
                    {
                        "expr": render(builtin("request-duration", router), context),
                        "eval_time": "2m",
                        "exp_samples": [{"labels": "{}", "value": 150 if series.mean else 199}],
                    },
                ],
            },
            {
                "interval": "15s",
                "input_series": [
                    *also,
                    {"series": f'{counter}{{{target},{label}="{bad}"}}', "values": f"0{steady(1)}"},
                ],
                "promql_expr_test": [
                    {
                        "expr": render(builtin("request-success-rate", router), context),
                        "eval_time": "2m",
                        "exp_samples": [{"labels": "{}", "value": 0}],
                    }
                ],
            },
        ],
    }  # fmt: skip
    hold(promtool, suite, tmp_path)


@pytest.mark.parametrize("shape", [name for name, each in SERIES.items() if each.failed_call])
def test_a_call_that_failed_with_http_200_is_no_success(promtool, shape, tmp_path):
    series = SERIES[shape]
    target, (label, good, bad) = series.canary, series.status
    answered = {
        f'{label}="{good}"': 5,
        f'{label}="{good}",grpc_response_status="0"': 2,
        f'{label}="{good}",grpc_response_status="5"': 1,
        series.failed_call: 1,
        f'{label}="{bad}",grpc_response_status="14"': 1,
    }
    test = {
        "interval": "15s",
        "input_series": [
            {"series": f"{series.counter}{{{target},{labels}}}", "values": f"0+{each}x10"}
            for labels, each in answered.items()
        ],
        "promql_expr_test": [
            {
                "expr": render(builtin("request-success-rate", shape), CONTEXT),
                "eval_time": "2m",
                "exp_samples": [{"labels": "{}", "value": 80}],
            }
        ],
    }
    hold(promtool, {"evaluation_interval": "15s", "tests": [test]}, tmp_path)

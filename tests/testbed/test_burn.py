"""Burn rates, as Prometheus itself evaluates them."""

from dataclasses import replace

import pytest

from analysis.burn import Objective, WindowPair, budget_left, share_of, worst_burn
from tests.testbed.promtool import hold

pytestmark = pytest.mark.control_plane

OBJECTIVE = Objective(
    name="shop",
    target=0.99,
    bad=lambda window: f'increase(http_total{{code="500"}}[{window}])',
    total=lambda window: f"increase(http_total[{window}])",
    period="1h",
)
PAIRS = (
    WindowPair(long="30m", short="5m", factor=10),
    WindowPair(long="1h", short="10m", factor=2),
)


@pytest.mark.parametrize(
    ("good", "bad", "burn", "left"),
    [
        pytest.param("0+90x60", "0+10x60", 5, -900, id="steadily ten times too fast"),
        pytest.param("0+99x60", "0+1x60", 0.5, 0, id="as fast as it may"),
        pytest.param("0+100x60", None, 0, 100, id="no failure has a series"),
        pytest.param("0+90x30 2700+100x30", "0+10x30 300+0x30", 0, None, id="over by now"),
    ],
)
def test_prometheus_itself_evaluates_burn_rates(promtool, good, bad, burn, left, tmp_path):
    """Of a share of 10 % bad, with 1 % allowed, the burn rate is 10: over the second pair's 2 by 5."""
    series = [{"series": 'http_total{code="200"}', "values": good}]
    if bad is not None:
        series.append({"series": 'http_total{code="500"}', "values": bad})
    expected = [(worst_burn(OBJECTIVE, PAIRS), burn), (budget_left(OBJECTIVE), left)]
    suite = {
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": series,
                "promql_expr_test": [
                    {
                        "expr": f"round({query}, 0.001)",
                        "eval_time": "60m",
                        "exp_samples": [{"labels": "{}", "value": value}],
                    }
                    for query, value in expected
                    if value is not None
                ],
            }
        ],
    }
    hold(promtool, suite, tmp_path)


@pytest.mark.parametrize(
    ("good", "bad", "burn"),
    [
        pytest.param("0+90x60", "0+10x60", 5, id="steadily ten times too fast"),
        pytest.param("0+0x60", "0+0x60", None, id="no requests"),
        pytest.param(None, None, None, id="no series"),
    ],
)
def test_prometheus_itself_evaluates_an_objective_of_which_the_share_is_known(
    promtool, good, bad, burn, tmp_path
):
    failed, total = (f"sum(rate(http_total{each}[%s]))" for each in ('{code="500"}', ""))
    known, whole = share_of(lambda window: f"({failed % window}) / ({total % window})")
    objective = replace(OBJECTIVE, bad=known, total=whole)
    values = {"200": good, "500": bad}
    series = [
        {"series": f'http_total{{code="{code}"}}', "values": each}
        for code, each in values.items()
        if each is not None
    ]
    samples = [{"labels": "{}", "value": burn}] if burn is not None else []
    query = f"round({worst_burn(objective, PAIRS)}, 0.001)"
    # What is no number is compared with nothing, and a bound says nothing of it.
    expected = {"expr": f"({query}) >= 0", "eval_time": "60m", "exp_samples": samples}
    test = {"interval": "1m", "input_series": series, "promql_expr_test": [expected]}
    hold(promtool, {"evaluation_interval": "1m", "tests": [test]}, tmp_path)

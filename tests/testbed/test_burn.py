"""Burn rates, as Prometheus itself evaluates them."""

import pytest

from analysis.burn import Objective, WindowPair, budget_left, worst_burn
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

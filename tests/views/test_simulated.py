"""Simulated releases as people and programs read them."""

from datetime import timedelta

from canary.simulation.release import ReleaseResult, ReleaseSetting, RouterTraits
from canary.simulation.summary import summarised
from canary.simulation.traffic import ServiceTraffic
from canary.views.blocks import Rows
from canary.views.simulated import Simulation, simulation_document, simulation_shown
from tests.builders import a_spec

SETTING = ReleaseSetting(
    spec=a_spec(),
    router=RouterTraits(name="istio"),
    traffic=ServiceTraffic(per_minute=600, errors=0.005),
    replicas=2,
    starting=timedelta(0),
    horizon=timedelta(hours=1),
)
BAD = ReleaseResult(
    outcome="RolledBack", reason="ChecksFailed", took=timedelta(minutes=3), hurt=1200
)


def a_simulation(*results: ReleaseResult) -> Simulation:
    return Simulation(
        canary="shop/cart",
        setting=SETTING,
        seed=7,
        runs=len(results),
        healthy=summarised("as often", 0.005, results),
        regressed=(),
    )


def test_a_gate_that_promotes_nothing_says_no_time_to_a_promotion() -> None:
    shown = simulation_shown(a_simulation(BAD, BAD))
    (table,) = (each for each in shown if isinstance(each, Rows))
    assert table.rows == (("as often", "0 %", "100 %", "0 %", "3m / 3m", "1,200 / 1,200"),)
    lines = [each for each in shown if not isinstance(each, Rows)]
    assert ("false rollbacks: 100 % (95 % confidence: 34.2 to 100 %)",) in lines
    assert ("as often, not promoted: ChecksFailed 2",) in lines
    assert not any("takes" in str(each) for each in lines)


def test_without_releases_there_is_nothing_to_describe() -> None:
    (table,) = (each for each in simulation_shown(a_simulation()) if isinstance(each, Rows))
    assert table.rows[0][-2:] == ("–", "–")
    (scenario,) = simulation_document(a_simulation())["scenarios"]
    assert (scenario["rollbackSeconds"], scenario["failedRequests"]) == (None, None)

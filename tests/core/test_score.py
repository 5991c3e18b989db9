"""A score: an analysis passes by the weights of the metrics that pass, and a critical one decides alone."""

from typing import Any

import pytest

from analysis.model import Check, Report, Verdict
from canary.api.status import Phase
from canary.core import waits
from canary.core.score import SCORE
from canary.core.situation import Decision
from canary.core.traffic import Seen
from tests.builders import a_run, a_spec, a_status, at
from tests.core.deciding import decided, message, reason, up

PASS, FAIL, OPEN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
WEIGHTS = {"errors": 50, "latency": 30, "memory": 20}


def looked(*verdicts: Verdict, marks: dict[str, bool] | None = None, **analysis: Any) -> Decision:
    """Look at a step at which each metric of WEIGHTS has a verdict, in their order."""
    own = analysis.pop("own", {})
    metrics = [
        {"name": name, "query": "q", "thresholdRange": {"max": 1}, "weight": weight}
        | own.get(name, {})
        for name, weight in WEIGHTS.items()
    ]
    asked = {"score": {"pass": 80, "marginal": 50}, "metrics": metrics, "threshold": 3} | analysis
    run = a_run(pre_rollout_passed=True, step=1, next_analysis_at=at(60))
    status = a_status(Phase.PROGRESSING, weight=20, run=run, step_started_at=at(0))
    checks = tuple(
        Check(
            metric=name,
            verdict=verdict,
            value=1.0,
            bound="",
            message=f"{name} {verdict}",
            query="",
            **(marks or {} if name == "memory" else {}),
        )
        for name, verdict in zip(WEIGHTS, verdicts, strict=True)
    )
    report = Report(checks=checks)
    return decided(a_spec(analysis=asked), status, up(routed=Seen(weight=20)), at(60), report)


@pytest.mark.parametrize(
    ("verdicts", "score", "verdict", "why"),
    [
        pytest.param((PASS, PASS, PASS), 100, "pass", "", id="all pass"),
        pytest.param((PASS, PASS, FAIL), 80, "pass", ": memory fail", id="just enough"),
        pytest.param((PASS, FAIL, PASS), 70, "inconclusive", ": latency fail", id="marginal"),
        pytest.param((FAIL, PASS, PASS), 50, "inconclusive", ": errors fail", id="just marginal"),
        pytest.param((FAIL, PASS, FAIL), 30, "fail", ": errors fail; memory fail", id="too little"),
        pytest.param((PASS, PASS, OPEN), 80, "pass", ": memory inconclusive", id="open, and no matter"),
        pytest.param((PASS, OPEN, PASS), 70, "inconclusive", ": latency inconclusive", id="open"),
        pytest.param((FAIL, OPEN, FAIL), 0, "fail", ": errors fail; memory fail; latency inconclusive", id="lost, whatever is open"),
    ],
)  # fmt: skip
def test_an_analysis_is_judged_by_the_weights_of_what_passes(
    verdicts: tuple[Verdict, ...], score: float, verdict: str, why: str
) -> None:
    decision = looked(*verdicts)
    shown = {each.name: each for each in decision.status.metrics}[SCORE]
    assert (shown.value, shown.verdict, shown.bound) == (score, verdict, "80 ≤ value")
    assert shown.message.startswith(f"score {score:g}")
    assert shown.message.endswith(f"of 100, pass is 80{why}")
    run = decision.status.run
    assert run is not None
    taken = {"pass": (40, 0), "inconclusive": (20, 0), "fail": (20, 1)}[verdict]
    assert (decision.status.canary_weight, decision.status.failed_checks) == taken


def test_what_holds_or_fails_a_run_says_its_score() -> None:
    held = looked(PASS, FAIL, PASS)
    assert reason(held) == waits.ANALYSIS_INCONCLUSIVE
    assert "score 70 of 100, pass is 80: latency fail" in message(held)
    failed = looked(FAIL, FAIL, FAIL)
    assert reason(failed) == waits.CHECKS_FAILING
    assert "1 of 3 failed checks: score 0 of 100" in message(failed)


def test_a_range_is_told_while_checks_have_no_verdict() -> None:
    shown = looked(PASS, OPEN, PASS).status.metrics[-1]
    assert shown.message.startswith("score 70 to 100 of 100")


def test_without_a_marginal_score_nothing_is_held() -> None:
    decision = looked(PASS, FAIL, PASS, score={"pass": 80})
    assert decision.status.failed_checks == 1


def test_a_critical_metric_rolls_back_whatever_the_score() -> None:
    own = {"memory": {"critical": True}}
    decision = looked(PASS, PASS, FAIL, own=own, marks={"proven": True})
    assert decision.status.phase is Phase.FAILED
    assert decision.status.history[0].message == "memory fail"


def test_a_proof_of_one_metric_is_weighed_as_any_failure() -> None:
    assert looked(PASS, PASS, FAIL, marks={"proven": True}).status.canary_weight == 40
    assert looked(FAIL, FAIL, FAIL, marks={"proven": True}).status.phase is Phase.FAILED


def test_a_shadow_has_no_part_in_the_score() -> None:
    assert looked(PASS, PASS, FAIL, marks={"shadow": True}).status.metrics[-1].value == 100


def test_a_metric_s_own_limit_rolls_back_whatever_the_score() -> None:
    decision = looked(PASS, PASS, FAIL, own={"memory": {"failureLimit": 0}})
    assert decision.status.phase is Phase.FAILED
    assert "failureLimit is 0" in decision.status.history[0].message


def test_failures_with_limits_of_their_own_have_their_part_in_the_score() -> None:
    own = {name: {"failureLimit": 5} for name in WEIGHTS}
    assert looked(FAIL, FAIL, FAIL, own=own).status.failed_checks == 1


def test_without_a_score_each_metric_must_pass() -> None:
    decision = looked(PASS, PASS, FAIL, score=None)
    assert decision.status.failed_checks == 1
    assert SCORE not in {each.name for each in decision.status.metrics}


def test_where_nothing_is_judged_there_is_no_score() -> None:
    spec = a_spec(analysis={"score": {"pass": 80}})
    run = a_run(pre_rollout_passed=True, step=1, next_analysis_at=at(60))
    status = a_status(Phase.PROGRESSING, weight=20, run=run, step_started_at=at(0))
    decision = decided(spec, status, up(routed=Seen(weight=20)), at(60), Report())
    assert (decision.status.canary_weight, decision.status.metrics) == (40, ())

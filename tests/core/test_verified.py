"""Traffic verified: a pass counts only where the canary's share of the requests is as asked."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from math import inf, nan
from typing import Any

import pytest

from analysis.model import Arm, NoData, Outcome, QueryFailure, Sample, Verdict
from canary.api.status import Phase, Weights
from canary.core import waits
from canary.core.needs import Analyse
from canary.core.situation import Decision, Situation
from canary.core.traffic import Seen
from canary.core.verified import counted_over
from tests.builders import a_report, a_run, a_spec, a_status, at
from tests.core.deciding import asked_for, decided, message, reason, up
from tests.core.test_strategies import MATCH, Journey

INTERVAL = timedelta(seconds=60)


def a_count(value: float) -> Sample:
    return Sample(value=value, at=at(0))


def counts(canary: float, primary: float, by: str = "istio") -> Mapping[str, Mapping[Arm, Outcome]]:
    return {by: {Arm.CANARY: a_count(canary), Arm.PRIMARY: a_count(primary)}}


def looked(
    requests: Mapping[str, Mapping[Arm, Outcome]],
    *,
    verdict: Verdict = Verdict.PASS,
    weight: int = 20,
    second: int = 60,
    **analysis: Any,
) -> Decision:
    """Look at a step of 20 % whose traffic has been there since its beginning."""
    spec = a_spec(analysis={"verifyTraffic": {}} | analysis)
    run = a_run(pre_rollout_passed=True, step=1, next_analysis_at=at(60))
    status = a_status(Phase.PROGRESSING, weight=weight, run=run, step_started_at=at(0))
    report = replace(a_report(verdict), requests=requests)
    return decided(spec, status, up(routed=Seen(weight=weight)), at(second), report)


class TestAShare:
    @pytest.mark.parametrize(
        ("canary", "primary", "verified"),
        [
            (20, 80, True),
            (10, 90, True),
            (9, 91, False),
            (30, 70, True),
            (31, 69, False),
            (0, 100, False),
            (100, 0, False),
        ],
    )
    def test_counts_within_the_tolerance(self, canary, primary, *, verified):
        decision = looked(counts(canary, primary))
        assert (decision.status.canary_weight == 40) is verified
        assert (reason(decision) == waits.TRAFFIC_UNVERIFIED) is not verified

    @pytest.mark.parametrize(
        ("asked", "canary", "verified"),
        [(2, 0, False), (2, 1, True), (98, 100, False), (98, 99, True), (100, 95, True)],
    )
    def test_needs_half_of_what_each_side_is_meant_to_get_however_small(
        self, asked, canary, *, verified
    ):
        run = a_run(pre_rollout_passed=True, step=1, next_analysis_at=at(60))
        status = a_status(Phase.PROGRESSING, weight=asked, run=run, step_started_at=at(0))
        spec = a_spec(analysis={"stepWeights": [asked], "verifyTraffic": {}})
        report = replace(a_report(), requests=counts(canary, 100 - canary))
        decision = decided(spec, status, up(routed=Seen(weight=asked)), at(60), report)
        assert (decision.status.phase is Phase.PROMOTING) is verified

    def test_is_told_with_the_numbers_asked_and_seen(self):
        decision = looked(counts(5, 95))
        said = "20 % of the requests asked, 5 % of 100 seen"
        assert message(decision) == f"waiting for the canary's share of the requests: {said}"
        (*_, share) = decision.status.metrics
        assert (share.name, share.verdict, share.value, share.message) == (
            "request-share",
            "inconclusive",
            5.0,
            said,
        )
        assert share.bound == "10 ≤ value ≤ 30"
        (notice,) = decision.status.notices
        assert (notice.reason, notice.message) == (waits.TRAFFIC_UNVERIFIED, f"Holding: {said}")

    def test_is_shown_where_it_is_as_asked_too(self):
        (*_, share) = looked(counts(190, 810)).status.metrics
        assert (share.verdict, share.value) == ("pass", 19.0)

    def test_of_few_requests_tells_nothing(self):
        decision = looked(counts(20, 79))
        assert reason(decision) == waits.TRAFFIC_UNVERIFIED
        assert "99 seen in all, fewer than 100" in message(decision)
        assert looked(counts(2, 8), verifyTraffic={"minRequests": 10}).status.canary_weight == 40

    @pytest.mark.parametrize(
        ("outcome", "said"),
        [
            (QueryFailure(reason="the store is down"), "could not be counted: the store is down"),
            (NoData(reason="first scrape", warming_up=True), "could not be counted: first scrape"),
            (NoData(reason="no series"), "80 seen in all"),
            (a_count(nan), "80 seen in all"),
            (a_count(inf), "80 seen in all"),
            (a_count(-1), "80 seen in all"),
        ],
        ids=str,
    )
    def test_without_a_count_holds_the_weight(self, outcome, said):
        decision = looked({"istio": {Arm.CANARY: outcome, Arm.PRIMARY: a_count(80)}})
        assert (reason(decision), decision.status.canary_weight) == (waits.TRAFFIC_UNVERIFIED, 20)
        assert said in message(decision)

    def test_with_session_affinity_may_exceed_the_weight(self):
        affinity = {"sessionAffinity": {"cookieName": "stick"}, "verifyTraffic": {}}
        run = Journey(a_spec(analysis={"stepWeights": [20, 40]} | affinity))
        run.look()
        report = replace(a_report(), requests=counts(95, 5))
        facts = up(routed=run.seen)
        after = decided(run.spec, run.status, facts, at(run.second + 11), report)
        assert after.status.canary_weight == 40
        few = replace(a_report(), requests=counts(5, 95))
        held = decided(run.spec, run.status, facts, at(run.second + 11), few)
        assert reason(held) == waits.TRAFFIC_UNVERIFIED

    def test_with_clients_that_stay_on_the_primary_may_be_half_of_the_weight(self):
        affinity = {"cookieName": "stick", "primaryCookieName": "stay"}
        steps = {"stepWeights": [60, 80], "sessionAffinity": affinity, "verifyTraffic": {}}
        run = Journey(a_spec(analysis=steps))
        run.look()

        def after(canary: int) -> int:
            report = replace(a_report(), requests=counts(canary, 100 - canary))
            facts = up(routed=run.seen)
            return decided(run.spec, run.status, facts, at(run.second + 11), report).status.step

        assert (after(30), after(29), after(95)) == (2, 1, 2)

    def test_of_copies_counts_them_as_requests_of_the_canary(self):
        steps = [{"weight": 20, "mirror": 100}, {"weight": 40}]
        run = Journey(a_spec(analysis={"steps": steps, "verifyTraffic": {"tolerance": 5}}))
        run.look()
        facts = up(routed=run.seen)

        def after(canary: int, primary: int) -> int:
            report = replace(a_report(), requests=counts(canary, primary))
            status = decided(run.spec, run.status, facts, at(run.second + 11), report).status
            return status.canary_weight

        assert after(120, 80) == 40
        assert after(20, 80) == 20


class TestOfSeveralRouters:
    @pytest.mark.parametrize(
        ("mesh", "gateway", "verified"),
        [
            ((20, 80), (20, 80), True),
            ((20, 80), (0, 100), False),
            ((0, 100), (20, 80), False),
            ((20, 80), (0, 3), True),
            ((0, 3), (20, 80), True),
            ((0, 3), (0, 100), False),
            ((20, 79), (2, 8), False),
        ],
    )
    def test_each_must_see_the_share_that_sees_enough_requests(self, mesh, gateway, *, verified):
        requests = {**counts(*mesh), **counts(*gateway, by="gatewayapi")}
        decision = looked(requests)
        assert (decision.status.canary_weight == 40) is verified

    def test_what_each_has_seen_is_told(self):
        decision = looked({**counts(20, 80), **counts(0, 100, by="nginx-f5")})
        assert message(decision).endswith(
            "istio: 20 % of the requests asked, 20 % of 100 seen; "
            "nginx-f5: 20 % of the requests asked, 0 % of 100 seen"
        )
        (*_, share) = decision.status.metrics
        assert (share.verdict, share.value) == ("inconclusive", 0.0)

    def test_one_that_cannot_be_asked_holds_the_weight(self):
        away = {"gatewayapi": dict.fromkeys(Arm, QueryFailure(reason="the store is down"))}
        assert reason(looked({**counts(20, 80), **away})) == waits.TRAFFIC_UNVERIFIED


class TestAHold:
    def test_lasts_until_the_share_is_there(self):
        held = looked(counts(0, 100))
        facts = up(routed=Seen(weight=20))
        spec = a_spec(analysis={"verifyTraffic": {}})
        report = replace(a_report(), requests=counts(20, 80))
        passed = decided(spec, held.status, facts, at(71), report)
        assert passed.status.canary_weight == 40
        assert passed.status.run.holds == ()

    def test_is_told_once_however_long_it_lasts(self):
        held = looked(counts(0, 100))
        report = replace(a_report(), requests=counts(1, 99))
        spec, facts = a_spec(analysis={"verifyTraffic": {}}), up(routed=Seen(weight=20))
        later = decided(spec, held.status, facts, at(71), report)
        assert "1 % of 100 seen" in message(later)
        assert [each.reason for each in later.status.notices] == [waits.TRAFFIC_UNVERIFIED]

    def test_ends_the_run_at_its_deadline(self):
        status = looked(counts(0, 100), holdTimeout="5m").status
        spec = a_spec(analysis={"verifyTraffic": {}, "holdTimeout": "5m"})
        report = replace(a_report(), requests=counts(0, 100))
        late = decided(spec, status, up(routed=Seen(weight=20)), at(60 + 300), report)
        assert late.status.phase is Phase.FAILED
        assert late.status.history[0].reason == waits.TRAFFIC_UNVERIFIED

    def test_hides_no_failure(self):
        failed = looked(counts(0, 100), verdict=Verdict.FAIL)
        assert (failed.status.failed_checks, reason(failed)) == (1, waits.CHECKS_FAILING)
        unsure = looked(counts(0, 100), verdict=Verdict.INCONCLUSIVE)
        assert reason(unsure) == waits.ANALYSIS_INCONCLUSIVE


class TestWhatIsAsked:
    def asked(self, *, weight: int = 20, status: dict[str, Any] | None = None, **analysis: Any):
        spec = a_spec(analysis={"verifyTraffic": {}} | analysis)
        run = a_run(pre_rollout_passed=True, step=1, next_analysis_at=at(600))
        known = {"run": run, "step_started_at": at(0)} | (status or {})
        base = a_status(Phase.PROGRESSING, weight=weight, **known)
        seen = Seen(weight=weight, mirror=base.weights.mirror, matched=base.weights.matched)
        need = asked_for(spec, base, up(routed=seen), at(600))
        assert isinstance(need, Analyse)
        return need.count_over

    def test_is_asked_together_with_the_metrics(self):
        assert self.asked() == INTERVAL

    def test_is_asked_of_the_time_since_the_step_began_where_that_is_shorter(self):
        assert self.asked(status={"step_started_at": at(590)}) == timedelta(seconds=10)
        assert self.asked(status={"step_started_at": at(600)}) == timedelta(seconds=1)
        assert self.asked(status={"step_started_at": None}) == INTERVAL

    def test_is_not_asked_where_it_is_not_wanted(self):
        assert self.asked(verifyTraffic=None) is None

    def test_is_not_asked_of_a_canary_without_traffic(self):
        assert self.asked(weight=0, iterations=2) is None

    def test_is_not_asked_of_the_requests_that_match_which_no_metric_tells_from_others(self):
        matched = {"weights": Weights(primary=80, canary=20, matched=True)}
        assert self.asked(status=matched, match=MATCH, stepWeights=[20, 40]) is None

    @pytest.mark.parametrize("weight", [0, 10, 100])
    def test_is_not_asked_of_traffic_that_is_not_the_steps(self, weight):
        run = a_run(pre_rollout_passed=True, step=1, step_weight=20, next_analysis_at=at(600))
        status = a_status(Phase.PROGRESSING, weight=weight, run=run, step_started_at=at(0))
        spec = a_spec(analysis={"verifyTraffic": {}})
        assert counted_over(Situation.of(spec, status, up(), at(600))) is None

    def test_what_was_not_counted_is_not_verified(self):
        assert looked({}).status.canary_weight == 40

"""Traffic verified: a pass counts only where the canary's share of the requests is as asked.

The share is counted by the router's own metrics, beside the metrics of the analysis.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from math import isfinite

from analysis.model import Arm, Bounds, Check, NoData, Outcome, QueryFailure, Sample, Verdict
from canary.api.analysis_spec import VerifyTraffic
from canary.core.situation import Situation
from canary.core.traffic import Stickiness
from canary.core.weights import FULL

SHARE = "request-share"
"""The name under which the share stands among the metrics of the status."""


def counted_over(situation: Situation) -> timedelta | None:
    """Give the time over which requests are counted; None where no share is verified.

    It does not reach back before the step. Metrics do not tell which requests match, so a step for
    some of them is not verified, and neither is traffic that is not the step's.
    """
    verify, status = situation.spec.analysis.verify_traffic, situation.status
    exposed = status.canary_weight or status.weights.mirror
    astray = situation.above_step or situation.below_step or status.weights.matched
    if verify is None or not exposed or astray:
        return None
    due, moved = situation.current_run.next_analysis_at, status.step_started_at
    if due is None or moved is None:
        return verify.interval
    return max(min(verify.interval, due - moved), timedelta(seconds=1))


def share_check(
    situation: Situation, requests: Mapping[str, Mapping[Arm, Outcome]]
) -> Check | None:
    """Compare the share that was counted with the one that is asked; None where none was counted.

    Of several who count, each must have seen it, or too few requests: then it is no way that clients
    take. One must have seen enough.
    """
    verify = situation.spec.analysis.verify_traffic
    if verify is None or not requests:
        return None
    shares = {by: _share(situation, verify, counted) for by, counted in requests.items()}
    told = [each for by, each in shares.items() if not _few(verify, requests[by])]
    unlike = (each for each in told if each.verdict is not Verdict.PASS)
    said = next(unlike, next(iter((*told, *shares.values()))))
    if len(shares) == 1:
        return said
    return replace(said, message="; ".join(f"{by}: {each.message}" for by, each in shares.items()))


def _few(verify: VerifyTraffic, requests: Mapping[Arm, Outcome]) -> bool:
    """Tell whether too few requests were seen, by a store that has answered."""
    return not _trouble(requests) and _total(requests) < verify.min_requests


def _total(requests: Mapping[Arm, Outcome]) -> float:
    return sum(map(_count, requests.values()))


def _share(situation: Situation, verify: VerifyTraffic, requests: Mapping[Arm, Outcome]) -> Check:
    """Compare the share that one router counts with the one that is asked."""
    asked = _asked(situation)
    least, most = _bounds(asked, verify.tolerance, situation.intended.cookies)

    def said(message: str, seen: float | None = None) -> Check:
        within = seen is not None and least <= seen <= most
        return Check(
            metric=SHARE,
            verdict=Verdict.PASS if within else Verdict.INCONCLUSIVE,
            value=seen,
            bound=Bounds(min=least, max=most).text,
            message=message,
            query="",
        )

    if trouble := _trouble(requests):
        return said(f"the requests could not be counted: {trouble}")
    total = _total(requests)
    told = f"{asked:.3g} % of the requests asked"
    if total < verify.min_requests:
        return said(f"{told}, {total:.0f} seen in all, fewer than {verify.min_requests}")
    seen = FULL * _count(requests[Arm.CANARY]) / total
    return said(f"{told}, {seen:.3g} % of {total:.0f} seen", seen)


def _asked(situation: Situation) -> float:
    """Give the canary's percentage of all requests that are sent, copies included."""
    weight, weights = situation.status.canary_weight, situation.status.weights
    # What the baseline answers is not counted.
    return FULL * (weight + weights.mirror) / (FULL + weights.mirror - weights.baseline)


def _bounds(asked: float, tolerance: int, kept: Stickiness) -> tuple[float, float]:
    """Give where the share may lie: each side has at least half of what it is meant to have.

    Clients that stay on the canary come on top of its weight. Those that stay on the primary meet it
    an interval after they came, so that of a step that begins they are half there on average.
    """
    least = asked / 2 if kept.primary else max(asked - tolerance, asked / 2)
    most = FULL if kept.canary else min(asked + tolerance, FULL - (FULL - asked) / 2)
    return least, most


def _trouble(requests: Mapping[Arm, Outcome]) -> str:
    """Say why a side could not be counted; a side without any series has had no requests."""
    troubles = (
        each.reason
        for each in requests.values()
        if isinstance(each, QueryFailure) or (isinstance(each, NoData) and each.warming_up)
    )
    return next(troubles, "")


def _count(outcome: Outcome) -> float:
    counted = outcome.value if isinstance(outcome, Sample) else 0.0
    return max(counted, 0.0) if isfinite(counted) else 0.0

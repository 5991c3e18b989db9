"""Canaries of every kind that people see, as the API server has them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from canary.api.meta import API_VERSION
from canary.api.status import (
    CanaryStatus,
    CommandRecord,
    Condition,
    Hold,
    MetricStatus,
    Outcome,
    Pause,
    Phase,
    RunRecord,
    Wait,
    write_status,
)
from canary.core import waits
from canary.views.canary import BudgetSpentView, PastRunView
from canary.views.pods import PodSide
from tests.builders import T0, a_run, a_status, at

NOW = datetime(2026, 1, 1, 9, tzinfo=UTC)
GATED = a_run(pre_rollout_passed=True, holds=(Hold(reason=waits.PROMOTION_GATE, since=at(30_000)),))
IN_STEP = a_run(
    pre_rollout_passed=True,
    step=2,
    step_since=NOW - timedelta(seconds=42),
    next_analysis_at=NOW + timedelta(seconds=18),
)
SLOW = MetricStatus(
    name="request-duration",
    verdict="fail",
    value=612.0,
    bound="value ≤ 500",
    message="request-duration 612 ms is above 500 ms",
    at=at(32_000),
)
GOOD = MetricStatus(
    name="request-success-rate", verdict="pass", value=99.98, bound="99 ≤ value", at=at(32_000)
)
METRICS = [
    {"name": "request-success-rate", "thresholdRange": {"min": 99}},
    {"name": "request-duration", "thresholdRange": {"max": 500}},
]
STATUSES: dict[str, CanaryStatus] = {
    "cart": a_status(Phase.WAITING_PROMOTION, weight=50, run=GATED, step=5, steps=5).but(
        waiting_for=Wait(
            reason=waits.PROMOTION_GATE,
            message="the confirm-promotion gate waits for a person",
            since=at(30_000),
            deadline=at(60_000),
        )
    ),
    "catalogue": CanaryStatus(),
    "invalid": a_status().but(
        state="Invalid",
        conditions=(
            Condition(
                type="Invalid",
                status="True",
                reason="Invalid",
                message="spec.provider: 'nope': name one of gatewayapi, istio",
            ),
        ),
    ),
    "paused": a_status(
        Phase.PROGRESSING, weight=10, step=1, steps=5, paused=Pause(by="by alice: 昼休み", since=T0)
    ),
    "prices": a_status(Phase.WAITING).but(
        waiting_for=Wait(
            reason=waits.DEPENDENCY,
            message="waiting for 10 s in case web/db has a new revision too",
            since=at(32_000),
            until=at(32_405),
        )
    ),
    "search": a_status(Phase.FAILED).but(
        history=(
            RunRecord(
                revision="1-new",
                images="search:6.0 → search:6.1",
                outcome=Outcome.ROLLED_BACK,
                reason="ChecksFailed",
                message="request-success-rate 97.1 % is below 99 %, third failure of 3",
                started_at=T0,
                duration_seconds=720,
            ),
        )
    ),
    "shop": a_status(
        Phase.PROGRESSING,
        weight=20,
        step=2,
        steps=5,
        failed_checks=1,
        run=IN_STEP,
        metrics=(GOOD, SLOW),
    ).but(
        waiting_for=Wait(
            reason=waits.ANALYSIS_DUE,
            message="waiting for the next analysis at 20 %",
            since=NOW - timedelta(seconds=12),
        ),
        commands=(CommandRecord(verb="approve", value="bob: go", at=at(31_000)),),
    ),
    "ticker": a_status(Phase.SUCCEEDED),
}


def manifest(name: str, status: CanaryStatus, **spec: Any) -> dict[str, Any]:
    """Write a Canary as an API server has it."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Canary",
        "metadata": {"name": name, "namespace": "web", "uid": name, "labels": {"app": name}},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "service": {"port": 80},
            "analysis": {"stepWeight": 10, "maxWeight": 50, "threshold": 3, "metrics": METRICS},
            **spec,
        },
        "status": write_status(status),
    }


MANIFESTS = [manifest(name, status, provider="istio") for name, status in STATUSES.items()]


def _event(moment: str, type_: str, reason: str, message: str) -> dict[str, Any]:
    return {"type": type_, "reason": reason, "message": message, "lastTimestamp": moment}


EVENTS = [
    _event("2026-01-01T08:10:00Z", "Normal", "RunStarted", "shop:6.0 → shop:6.1 begins at 10 %"),
    _event("2026-01-01T08:40:00Z", "Normal", "WeightAdvanced", "20 % of 50 %"),
    _event(
        *("2025-12-30T23:59:59Z", "Warning", "RolledBack"),
        "1-bad (shop:5.9) is rolled back: request-duration 1912 ms is above 500 ms, third failure of "
        "3; all traffic goes to the primary, which has what was promoted last",
    ),
]
"""Events of one Canary: of today, and of another day."""
RUNS = (
    PastRunView(
        revision="7f3a5c9d2b",
        images="registry.example.com/payments/shop:2026.48.1 → "
        "registry.example.com/payments/shop:2026.49.0, envoy:1.31 → envoy:1.32",
        outcome="Promoted",
        reason="Promoted",
        message="all checks passed at 50 %",
        started_at=T0,
        duration_seconds=5_025,
        commands=("approve by alice@example.com: smoke test is fine", "resume by bob@example.com"),
        budgets_spent=(BudgetSpentView(metric="errors", percent=0.347),),
    ),
    PastRunView(
        revision="19bc0a",
        images="shop:6.0 → shop:6.1",
        outcome="RolledBack",
        reason="ChecksFailed",
        message="request-success-rate 97.1 % is below 99 %, third failure of 3",
        started_at=T0 - timedelta(days=2),
        duration_seconds=720,
        commands=(),
    ),
)
"""Past runs: one with much to tell, and one with little."""


def _pod(name: str, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "creationTimestamp": "2026-01-01T08:00:00Z"},
        "spec": {"containers": [{"name": "app"}]},
        "status": status,
    }


PODS = [
    (
        PodSide.CANARY,
        _pod(
            "shop-5d8f7c6b9-x2x7k",
            phase="Pending",
            containerStatuses=[
                {
                    "name": "app",
                    "restartCount": 0,
                    "state": {
                        "waiting": {
                            "reason": "ImagePullBackOff",
                            "message": "Back-off pulling image "
                            '"registry.example.com/payments/shop:2026.49.0"',
                        }
                    },
                }
            ],
        ),
    ),
    (
        PodSide.PRIMARY,
        _pod(
            "shop-primary-6b7c9d8f5-abcde",
            phase="Running",
            containerStatuses=[{"name": "app", "ready": True, "restartCount": 2}],
        ),
    ),
]
"""A pod that cannot start, and one that runs."""

"""Snapshots of a Canary, its load and its events."""

from datetime import UTC, datetime, timedelta
from typing import Any

from canary.api.status import CanaryStatus, MetricStatus, Phase, Wait, Weights, write_status
from canary.demo.snapshot import DemoSnapshot
from tidegate_embedded.outcomes import Failure, LoadStats, Window

NOW = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)
CHECK = MetricStatus(
    name="request-success-rate", verdict="pass", value=99.87, bound="99 ≤ value", at=NOW
)
SLOW = MetricStatus(
    name="request-duration",
    verdict="fail",
    value=612.0,
    bound="value ≤ 500",
    message="612 ms is above 500 ms",
    at=NOW,
)


def a_canary(status: CanaryStatus | None = None, **analysis: Any) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "test", "name": "podinfo"},
        "spec": {
            "provider": "istio",
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
            "service": {"port": 9898},
            "analysis": {"threshold": 5, "stepWeight": 20, "maxWeight": 60, **analysis},
        },
        "status": write_status(status or CanaryStatus()),
    }


def progressing(**changes: Any) -> CanaryStatus:
    fields: dict[str, Any] = {
        "phase": Phase.PROGRESSING,
        "canary_weight": 40,
        "weights": Weights(primary=60, canary=40),
        "step": 2,
        "steps": 3,
        "failed_checks": 1,
        "last_applied_spec": "1-new",
        "metrics": (CHECK, SLOW),
        "waiting_for": Wait(
            reason="Analysis",
            message="next analysis",
            since=NOW - timedelta(seconds=4),
            deadline=NOW + timedelta(seconds=56),
        ),
    }
    return CanaryStatus(**(fields | changes))


def an_event(name: str, reason: str, message: str, *, second: int, **fields: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "test"},
        "involvedObject": {"kind": "Canary", "namespace": "test", "name": "podinfo"},
        "reason": reason,
        "message": message,
        "type": "Normal",
        "lastTimestamp": f"2026-01-01T12:00:{second:02}Z",
        **fields,
    }


LOAD = LoadStats(
    requests=1200,
    failed=3,
    lost=1,
    by_cluster={
        "outbound|9898||podinfo.test.svc.cluster.local": 50,
        "outbound|9898||podinfo-primary.test.svc.cluster.local": 949,
        "outbound|9898||podinfo-canary.test.svc.cluster.local": 200,
    },
    failed_by_cluster={"outbound|9898||podinfo-canary.test.svc.cluster.local": 2},
    failures=(Failure(after_seconds=1.0, status=503, trouble="no healthy upstream"),),
    window=Window(requests=450, rate=150.2, canary_share=38.6, median_ms=4.0, p99_ms=31.4),
)
EVENTS = (
    an_event("b", "StepStarted", "Weight 40.", second=20),
    an_event("a", "RunStarted", "New revision 1-new.", second=10),
    an_event("c", "CheckFailed", "Too slow.", second=26, type="Warning"),
    an_event("other", "Other", "Not ours.", second=27)
    | {"involvedObject": {"kind": "Canary", "name": "another"}},
)


def a_snapshot(status: CanaryStatus | None = None, **fields: Any) -> DemoSnapshot:
    return DemoSnapshot.of(a_canary(status or progressing()), **({"now": NOW} | fields))

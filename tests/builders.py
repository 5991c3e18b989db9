"""Builders of values for tests: each starts from something healthy and takes what differs."""

from datetime import UTC, datetime, timedelta
from typing import Any

from analysis.model import Check, Report, Verdict
from canary.api.canary import CanarySpec
from canary.api.deliverypolicy import DeliveryPolicySpec
from canary.api.meta import GROUP
from canary.api.metrics import MetricSpec
from canary.api.people import AlertReference, Webhook
from canary.api.status import CanaryStatus, Names, Phase, Run, Weights
from canary.core.facts import (
    BindingPolicy,
    BrokenReference,
    Dependency,
    Facts,
    Revision,
    Workload,
)
from canary.core.peers import CanaryName, Peer, Progress
from canary.core.phases import RUNNING
from canary.errors import Problem

T0 = datetime(2026, 1, 1, tzinfo=UTC)
OLD = "1-old"
NEW = "1-new"


def a_spec(*, analysis: dict[str, Any] | None = None, **fields: Any) -> CanarySpec:
    """Build a spec in three steps of 20 %, with an interval of 10 s and a threshold of 2."""
    steps = analysis or {}
    document = {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
        "service": {"port": 80},
        "analysis": {
            "interval": "10s",
            "threshold": 2,
            "metrics": [{"name": "request-success-rate", "thresholdRange": {"min": 99}}],
        }
        | (
            {}
            if {"stepWeights", "iterations", "steps"} & steps.keys()
            else {"stepWeight": 20, "maxWeight": 60}
        )
        | steps,
    } | fields
    return CanarySpec.model_validate(document)


def a_blue_green_spec(iterations: int = 3, **analysis: Any) -> CanarySpec:
    """Build a spec whose canary passes analyses without traffic before it gets all of it."""
    plain = a_spec(analysis=analysis)
    changes = {"iterations": iterations, "step_weight": None, "max_weight": 100}
    return plain.but(analysis=plain.analysis.but(**changes))


def a_workload(name: str = "podinfo", *, replicas: int = 2, **fields: Any) -> Workload:
    """Build a Deployment with all pods ready."""
    ready: dict[str, Any] = {"total": replicas, "updated": replicas, "available": replicas}
    return Workload(name=name, replicas=replicas, **(ready | fields))


def a_primary(revision: str = OLD, **fields: Any) -> Workload:
    """Build a healthy primary at a revision."""
    return a_workload("podinfo-primary", revision=revision, **fields)


def some_facts(**fields: Any) -> Facts:
    """Build facts of a canary at rest: the target is parked, the primary serves."""
    rest: dict[str, Any] = {
        "has_finalizer": True,
        "target": a_workload(replicas=0),
        "primary": a_primary(),
        "revision": Revision(id=OLD),
    }
    return Facts(**(rest | fields))


def broken_metric(remedy: str = "create it", **fields: Any) -> BrokenReference:
    """Build a metric whose MetricTemplate does not exist."""
    document = {
        "name": "latency",
        "thresholdRange": {"max": 500},
        "templateRef": {"name": "latency"},
    } | fields
    problem = Problem("spec.analysis.metrics[0].templateRef", "test/latency", remedy)
    return BrokenReference(referrer=MetricSpec.model_validate(document), problem=problem)


def broken_hook(type_: str = "pre-rollout") -> BrokenReference:
    """Build a hook whose Secret does not exist."""
    hook = Webhook.model_validate({"name": "tests", "type": type_, "url": "http://hooks.example/"})
    problem = Problem("spec.analysis.webhooks[0].secretRef", "test/token", "create it")
    return BrokenReference(referrer=hook, problem=problem)


def broken_receiver() -> BrokenReference:
    """Build an alert whose AlertProvider does not exist."""
    alert = AlertReference.model_validate({"name": "on-call", "providerRef": {"name": "on-call"}})
    problem = Problem("spec.analysis.alerts[0].providerRef", "test/on-call", "create it")
    return BrokenReference(referrer=alert, problem=problem)


def a_status(phase: Phase = Phase.SUCCEEDED, **fields: Any) -> CanaryStatus:
    """Build a status whose promoted revision is OLD, and whose run tests NEW."""
    running = phase in RUNNING
    weight = fields.pop("weight", 0)
    rest: dict[str, Any] = {
        "phase": phase,
        "last_applied_spec": NEW if running or phase is Phase.FAILED else OLD,
        "last_promoted_spec": OLD,
        "last_transition_time": T0,
        "canary_weight": weight,
        "weights": Weights(primary=100 - weight, canary=weight),
        "runs": 1,
        "run": a_run(pre_rollout_passed=bool(weight)) if running else None,
    }
    return CanaryStatus(**(rest | fields))


def a_run(**fields: Any) -> Run:
    """Build the record of the run that tests NEW."""
    return Run(**({"id": f"1-{NEW}", "revision": NEW, "started_at": T0} | fields))


def a_report(verdict: Verdict = Verdict.PASS, message: str = "as it should be") -> Report:
    """Build the report of one metric."""
    return Report(
        checks=(
            Check(
                metric="request-success-rate",
                verdict=verdict,
                value=99.9,
                bound="value ≥ 99",
                message=message,
                query="",
            ),
        )
    )


def at(seconds: float) -> datetime:
    """Give a moment by its distance from the tests' beginning of time."""
    return T0 + timedelta(seconds=seconds)


def a_progress(phase: Phase = Phase.SUCCEEDED, **fields: Any) -> Progress:
    """Build the progress of another Canary, by default at rest with all promoted."""
    rest = phase in {Phase.INITIALIZED, Phase.SUCCEEDED}
    return Progress(**({"phase": phase, "settled": rest, "passed_all": rest, "since": T0} | fields))


def a_dependency(peer: Peer | None, name: str = "db") -> Dependency:
    """Build a Canary that must have promoted first."""
    return Dependency(CanaryName("test", name), peer)


def a_policy(*, name: str = "ops/stop", unreadable: str = "", **spec: Any) -> BindingPolicy:
    """Build a DeliveryPolicy that binds the Canary."""
    return BindingPolicy(
        name=name, spec=DeliveryPolicySpec.model_validate(spec), unreadable=unreadable
    )


def a_peer(name: str = "other", **fields: Any) -> Peer:
    """Build another Canary of the Deployment and the service podinfo, which holds nothing yet."""
    rest: dict[str, Any] = {
        "group": GROUP,
        "namespace": "test",
        "created": "2026-01-01T00:00:00Z",
        "deleting": False,
        "kind": "Deployment",
        "target": "podinfo",
        "services": ("podinfo",),
        "held": Names(),
    }
    return Peer(name=name, **(rest | fields))

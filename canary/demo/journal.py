"""The demonstration without a terminal: what has changed, one change a line. Pure."""

from collections.abc import Iterable, Iterator

from canary.api.status import MetricStatus
from canary.controller.logs import printable
from canary.demo.snapshot import DemoSnapshot


def lines(before: DemoSnapshot | None, after: DemoSnapshot) -> Iterable[str]:
    """Tell what has changed between two snapshots, one change a line."""
    clock = f"{after.now:%H:%M:%S}"
    return [
        f"{clock}  {after.namespace}/{after.name}  {printable(each)}"
        for each in _changes(before, after)
    ]


def _changes(before: DemoSnapshot | None, after: DemoSnapshot) -> Iterator[str]:
    old, new = before.status if before else None, after.status
    if old is None or old.phase != new.phase:
        yield f"phase {new.phase or 'New'}"
    if old is None or old.canary_weight != new.canary_weight:
        step = f" (step {new.step} of {new.steps})" if new.step else ""
        yield f"weights primary {100 - new.canary_weight} canary {new.canary_weight}{step}"
    judged = {metric.name: metric.at for metric in old.metrics} if old else {}
    for metric in new.metrics:
        if metric.name not in judged or metric.at != judged[metric.name]:
            yield f"check {_check(metric)}{_measured(after)}"
    if old is not None and new.failed_checks > old.failed_checks:
        yield f"failed checks {new.failed_checks} of {after.threshold}"
    wait = new.waiting_for
    if wait is not None and (old is None or _reason(old.waiting_for) != wait.reason):
        yield f"waiting for {wait.reason}{f': {wait.message}' if wait.message else ''}"
    known = {event.id for event in before.events} if before else set()
    for event in after.events:
        if event.id not in known:
            yield f"event {event.reason}: {event.message}"
    lost = before.load.lost if before and before.load else 0
    if after.load is not None and after.load.lost > lost:
        trouble = after.load.failures[-1].trouble if after.load.failures else "for no known reason"
        yield f"requests unanswered by any pod {after.load.lost}: {trouble}"


def _reason(wait: object) -> str:
    return getattr(wait, "reason", "")


def _check(metric: MetricStatus) -> str:
    bound = f" ({metric.bound})" if metric.bound else ""
    why = f": {metric.message}" if metric.message and metric.verdict != "pass" else ""
    return f"{metric.name} {_value(metric)}{bound} {metric.verdict}{why}"


def _measured(snapshot: DemoSnapshot) -> str:
    share = snapshot.load.window.canary_share if snapshot.load else None
    return "" if share is None else f", measured share of the canary {share:.0f} %"


def _value(metric: MetricStatus) -> str:
    return "no value" if metric.value is None else f"{metric.value:.4g}"

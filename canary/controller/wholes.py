"""What alerts carry for receivers that want the whole: made of the status that they tell of."""

from canary.api.kinds import Manifest
from canary.api.pages import run_page
from canary.api.status import CanaryStatus
from canary.controller.canaries import CanaryKey, CanaryObject
from canary.notifiers.whole import AlertRun, AlertWhole
from canary.objects.packing import unpacked
from canary.views.bounded import bounded_view
from canary.views.canary import view_with
from canary.views.thread import ended_run


def whole_of(record: CanaryObject, number: int, dashboard: str) -> AlertWhole:
    """Give all that is known beside an alert about a run, or about none where its number is 0."""
    return whole_with(
        record.key, unpacked(record.content), record.status, number=number, dashboard=dashboard
    )


def whole_with(
    key: CanaryKey, manifest: Manifest, status: CanaryStatus, *, number: int, dashboard: str
) -> AlertWhole:
    """Do so of an object with a status."""
    run = _run(status, number) if number else None
    began = run.started_at if run and dashboard else None
    return AlertWhole(
        view=bounded_view(view_with(manifest, status)),
        run=run,
        previous=_run(status, (number or status.runs + 1) - 1),
        run_link=f"{dashboard}{run_page(*key, began)}" if began else "",
    )


def _run(status: CanaryStatus, number: int) -> AlertRun | None:
    """Tell of a run by its number; None where the status knows none."""
    going = status.run
    if going is not None and number == status.runs:
        return AlertRun(
            number=number,
            revision=going.revision,
            images=going.images,
            started_at=going.started_at,
            record=going.record,
        )
    ended = ended_run(status, number)
    if ended is None:
        return None
    return AlertRun(
        number=number,
        revision=ended.revision,
        images=ended.images,
        started_at=ended.started_at,
        outcome=ended.outcome,
        reason=ended.reason,
        message=ended.message,
        seconds=ended.duration_seconds,
        record=ended.record,
    )

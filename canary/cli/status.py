"""`tidegate status CANARY`: where a Canary is, and what it is waiting for."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import click

from canary.api.kinds import Manifest
from canary.api.status import CanaryStatus, MetricStatus, RunRecord
from canary.cli.connection import Place, canary_command, read_canary_status
from canary.cli.finding import read_canary
from canary.cli.moments import day, moment, span
from canary.cli.screen import Block, Line, Rows, Screen, Styled
from canary.cli.silence import silence
from canary.cli.watching import watch as watch_blocks
from canary.cluster.cluster import Cluster
from canary.controller.canaries import FINALIZER
from canary.core.conditions import INVALID, SPEC_WARNINGS
from canary.core.images import images_told
from canary.core.references import REFERENCES_RESOLVED

_MARKS = {
    "pass": Styled("✔", "green"),
    "fail": Styled("✘", "red"),
    "inconclusive": Styled("?", "yellow"),
}


@click.command
@click.option("-w", "--watch", is_flag=True, help="Keep showing it until Ctrl-C.")
@canary_command
async def status(cluster: Cluster, place: Place, *, watch: bool) -> None:
    """Show where a Canary is, what it waits for and since when, and its last judgements.

    --watch repaints a terminal as things change, and prints a block per change elsewhere.
    """
    if watch:
        await watch_blocks(lambda: _looked_at(cluster, place))
    else:
        Screen().show(await _looked_at(cluster, place))


async def _looked_at(cluster: Cluster, place: Place) -> Block:
    manifest = await read_canary(cluster, place)
    now = datetime.now().astimezone()
    shown = described(str(place), read_canary_status(place, manifest), now)
    silent = await silence(cluster, place)
    told = (silent, _without_controller(manifest, now)) if silent else ()
    return (*shown, *((Styled(each, "yellow"),) for each in told if each))


def described(name: str, status: CanaryStatus, now: datetime) -> Block:
    """Describe a status, with the moments as they are in the zone of `now`."""
    where = (
        f"primary {status.weights.primary} % / canary {status.weights.canary} %  "
        f"step {status.step} of {status.steps}  failed checks {status.failed_checks}"
    )
    lines: list[Line | Rows] = [
        (Styled(name, "bold"), f"  {status.state or status.phase or 'New'}"),
        (where,),
    ]
    if images := images_told(status):
        lines.append((f"images {images}",))
    refused = status.condition(INVALID)
    if refused is not None and refused.status == "True":
        lines.append((Styled(refused.message, "red"),))
    accepted = status.condition(SPEC_WARNINGS)
    if accepted is not None and accepted.status == "True":
        lines.append((Styled(f"warning: {accepted.message}", "yellow"),))
    unresolved = status.condition(REFERENCES_RESOLVED)
    if unresolved is not None and unresolved.status == "False":
        lines.append((Styled(unresolved.message, "yellow"),))
    lines += _waits(status, now)
    lines += map(_explanation, (each for each in status.metrics if each.verdict != "pass"))
    if status.metrics:
        judged = tuple(map(_judgement, status.metrics))
        lines.append(Rows(header=("", "metric", "value", "bound", "verdict"), rows=judged))
    return (*lines, *((_past(run, now),) for run in status.history))


def _waits(status: CanaryStatus, now: datetime) -> Iterator[Line]:
    """Say what is waited for, and who has paused the run."""
    wait, paused = status.waiting_for, status.paused
    if wait is not None:
        until = f", until {moment(wait.deadline, now)}" if wait.deadline else ""
        yield (
            f"waiting since {moment(wait.since, now)}{until}: ",
            Styled(wait.reason, "bold"),
            f" – {wait.message}",
        )
    if paused is not None:
        yield (f"paused since {moment(paused.since, now)} {paused.by}",)


def _judgement(metric: MetricStatus) -> Line:
    value = "–" if metric.value is None else f"{metric.value:g}"
    return (_MARKS.get(metric.verdict, ""), metric.name, value, metric.bound, metric.verdict)


def _explanation(metric: MetricStatus) -> Line:
    return (_MARKS.get(metric.verdict, ""), f" {metric.name}: {metric.message}")


def _past(run: RunRecord, now: datetime) -> str:
    """Say of a past run when it began, of what, how it ended, and who had a hand in it."""
    began = day(run.started_at, now) if run.started_at else "–"
    took = span(timedelta(seconds=run.duration_seconds))
    images = f" ({run.images})" if run.images else ""
    hands = f" ({', '.join(run.commands)})" if run.commands else ""
    return f"{began}  {run.revision}{images}  {run.outcome} after {took}  {run.message}{hands}"


def _without_controller(manifest: Manifest, now: datetime) -> str:
    """Say of a Canary that is being deleted that no controller removes its finalizer."""
    metadata = manifest["metadata"]
    if "deletionTimestamp" not in metadata or FINALIZER not in (metadata.get("finalizers") or ()):
        return ""
    deleted = datetime.fromisoformat(metadata["deletionTimestamp"])
    return (
        f"It was deleted at {moment(deleted, now)}, and no controller is running to finish the deletion: install a "
        "controller again, or see: tidegate orphans --help"
    )

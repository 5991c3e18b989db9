"""The status of a Canary as people read it: `tidegate status` and the demonstration print it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from canary.api.status import OF_CLUSTER, CanaryStatus, MetricStatus, Phase, RunRecord, Weights
from canary.core.conditions import INVALID, SPEC_WARNINGS
from canary.core.images import images_told
from canary.core.references import REFERENCES_RESOLVED
from canary.views.blocks import Block, Line, Rows, Styled
from canary.views.judged import judged
from canary.views.moments import day, moment, span
from canary.views.units import with_unit

_MARKS = {
    "pass": Styled("✔", "green"),
    "fail": Styled("✘", "red"),
    "inconclusive": Styled("?", "yellow"),
}


BEFORE_STEPS = frozenset({Phase.WAITING, Phase.PROGRESSING})
"""The phases in which a run that is at no step has not come to the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusView:
    """What there is to say of a status, in the order in which it is read."""

    position: tuple[Line, ...]
    """Phase, weights and images."""
    problems: tuple[Line, ...]
    """What is wrong with the spec, and with what it refers to."""
    waits: tuple[Line, ...]
    """What is waited for, and who has paused the run."""
    judgements: Block
    """The last judgement of each metric; those that do not pass are explained first."""
    history: tuple[Line, ...]
    """Past runs, the newest first."""

    @property
    def present(self) -> Block:
        """Everything but the past."""
        return (*self.position, *self.problems, *self.waits, *self.judgements)

    @property
    def whole(self) -> Block:
        """Everything."""
        return (*self.present, *self.history)


def status_view(
    name: str,
    status: CanaryStatus,
    now: datetime,
    around: Iterable[Line] = (),
    measured_in: Mapping[str, str] = MappingProxyType({}),
) -> StatusView:
    """Describe a status, with the moments as they are in the zone of `now`.

    `around` is what belongs to the position and is not in the status: the way through the plan, and
    pods. `measured_in` are the units of the metrics, as far as they are known.
    """
    return StatusView(
        position=(*_position(name, status), *around),
        problems=tuple(_problems(status)),
        waits=tuple(_waits(status, now)),
        judgements=tuple(_judgements(status.metrics, measured_in)),
        history=tuple((_past(run, now),) for run in status.history),
    )


def _position(name: str, status: CanaryStatus) -> Iterator[Line]:
    yield (Styled(name, "bold"), f"  {status.state or status.phase or 'New'}")
    step = _step(status)
    told = (
        f"{_split(status.weights)}{_by_pods(status)}",
        step,
        f"iterations {status.iterations}" if status.iterations else "",
        f"failed checks {status.failed_checks}" if step or status.failed_checks else "",
    )
    yield ("  ".join(filter(None, told)),)
    if images := images_told(status):
        yield (f"images {images}",)


def _step(status: CanaryStatus) -> str:
    """Say at which step a run is, or that it has not begun the first; empty where none is taken."""
    if not status.steps or not (status.step or status.phase in BEFORE_STEPS):
        return ""
    at = f"step {status.step}" if status.step else "before step 1"
    return f"{at} of {status.steps}"


def _split(weights: Weights) -> str:
    """Say what each side gets, and of which requests."""
    matched = " of the requests that match" if weights.matched else ""
    mirrored = f", mirrored {weights.mirror} %" if weights.mirror else ""
    scope = " of what begins in this cluster" if weights.scope == OF_CLUSTER else ""
    primary = f"primary {weights.primary - weights.baseline} %"
    if weights.baseline:
        primary = f"{primary}, baseline {weights.baseline} %"
    return f"{primary} / canary {weights.canary} %{matched}{scope}{mirrored}"


def _by_pods(status: CanaryStatus) -> str:
    """Say what a share comes to where the number of pods decides it."""
    shares = status.shares
    if shares is None or shares.asked == shares.possible == shares.seen:
        return ""
    return f" (by pods: possible {shares.possible} %, now {shares.seen} %)"


def _problems(status: CanaryStatus) -> Iterator[Line]:
    refused = status.condition(INVALID)
    if refused is not None and refused.status == "True":
        yield (Styled(refused.message, "red"),)
    accepted = status.condition(SPEC_WARNINGS)
    if accepted is not None and accepted.status == "True":
        yield (Styled(f"warning: {accepted.message}", "yellow"),)
    unresolved = status.condition(REFERENCES_RESOLVED)
    if unresolved is not None and unresolved.status == "False":
        yield (Styled(unresolved.message, "yellow"),)


def _waits(status: CanaryStatus, now: datetime) -> Iterator[Line]:
    wait, paused = status.waiting_for, status.paused
    if wait is not None:
        ends = wait.deadline or wait.until
        until = f", until {moment(ends, now)}" if ends else ""
        yield (
            f"waiting since {moment(wait.since, now)}{until}: ",
            Styled(wait.reason, "bold"),
            f" – {wait.message}",
        )
    if paused is not None:
        yield (f"paused since {moment(paused.since, now)} {paused.by}",)


def _judgements(
    metrics: tuple[MetricStatus, ...], measured_in: Mapping[str, str]
) -> Iterator[Line | Rows]:
    # A judge that remembers has more to tell than a value.
    yield from map(
        _explanation, (each for each in metrics if each.verdict != "pass" or each.memory)
    )
    if metrics:
        yield Rows(
            header=("", "metric", "value", "bound", "verdict"),
            rows=tuple(_judgement(each, measured_in.get(each.name, "")) for each in metrics),
        )


def _judgement(metric: MetricStatus, of: str) -> Line:
    verdict = f"{metric.verdict} (shadow)" if metric.shadow else metric.verdict
    return (
        _MARKS.get(metric.verdict, ""),
        *(metric.name, with_unit(metric.value, of), metric.bound, verdict),
    )


def _explanation(metric: MetricStatus) -> Line:
    return (_MARKS.get(metric.verdict, ""), f" {judged(metric.name, metric.message)}")


def _past(run: RunRecord, now: datetime) -> str:
    """Say of a past run when it began, of what, how it ended, and who had a hand in it."""
    began = day(run.started_at, now) if run.started_at else "–"
    took = span(timedelta(seconds=run.duration_seconds))
    images = f" ({run.images})" if run.images else ""
    hands = f" ({', '.join(run.commands)})" if run.commands else ""
    return f"{began}  {run.revision}{images}  {run.outcome} after {took}  {run.message}{hands}"

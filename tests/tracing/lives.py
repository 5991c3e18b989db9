"""Lives of a Canary, as statuses and the seconds at which they were written."""

from typing import Any

from canary.api.status import (
    CanaryStatus,
    Hold,
    MetricStatus,
    Outcome,
    Phase,
    Run,
    RunRecord,
    Weights,
)
from canary.core import waits
from tests.builders import at

Life = tuple[tuple[int, CanaryStatus], ...]

RUN = Run(id="41-new", revision="new", started_at=at(0))
GATE = Hold(reason=waits.PROMOTION_GATE, since=at(40))


def status(
    phase: Phase = Phase.PROGRESSING,
    *,
    seconds: int = 0,
    weight: int = 0,
    run: Run | None = RUN,
    **fields: Any,
) -> CanaryStatus:
    """Build a status whose phase began at a moment."""
    weights = Weights(primary=100 - weight, canary=weight)
    return CanaryStatus(
        phase=phase, run=run, weights=weights, last_transition_time=at(seconds), **fields
    )


def at_step(step: int, seconds: int, **fields: Any) -> Run:
    """Build the run at a step that began at a moment."""
    return RUN.but(step=step, step_since=at(seconds), **fields)


def judged(verdict: str, seconds: int, value: float = 99.9) -> MetricStatus:
    """Build the judgement of a metric."""
    message = f"success {value}: {verdict}"
    return MetricStatus(
        name="success", verdict=verdict, value=value, message=message, at=at(seconds)
    )


def ended(outcome: Outcome, reason: str = "", commands: tuple[str, ...] = ()) -> RunRecord:
    """Build the record of the run."""
    return RunRecord(
        revision="new",
        outcome=outcome,
        reason=reason or outcome,
        message=f"it was {outcome}",
        started_at=at(0),
        duration_seconds=90,
        commands=commands,
    )


def promoted() -> Life:
    """Give a run of two steps, with a gate before its promotion."""
    first, second = judged("pass", 20), judged("pass", 35)
    approved = at_step(2, 25, commands=("approve by alice",))
    gated = at_step(2, 25, holds=(GATE,))
    return (
        (0, status()),
        (5, status(run=at_step(1, 5), weight=10)),
        (15, status(run=at_step(1, 5, next_analysis_at=at(15)), weight=10)),
        (20, status(run=at_step(1, 5), weight=10, metrics=(first,))),
        (
            25,
            status(run=at_step(2, 25, next_analysis_at=at(36)), weight=50, metrics=(first,)),
        ),
        (35, status(run=at_step(2, 25), weight=50, metrics=(second,))),
        (
            40,
            status(Phase.WAITING_PROMOTION, seconds=40, run=gated, weight=50, metrics=(second,)),
        ),
        (60, status(Phase.PROMOTING, seconds=60, run=approved, weight=50, metrics=(second,))),
        (80, status(Phase.FINALISING, seconds=80, run=approved, metrics=(second,))),
        (
            90,
            status(
                Phase.SUCCEEDED,
                seconds=90,
                run=None,
                history=(ended(Outcome.PROMOTED),),
                metrics=(second,),
            ),
        ),
    )

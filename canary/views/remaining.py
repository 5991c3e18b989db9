"""How long a step and a run still take at the least, where nothing but time is between here and there.

It is known while the next analysis is all that a run waits for. What a person says at a gate is not,
and a step that may end early has no end that could be told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.api.status import CanaryStatus, Phase, Run
from canary.api.validation import parse_canary
from canary.core import waits as why
from canary.core.gates import held_gates
from canary.core.plan import Step, plan
from canary.errors import InvalidSpec
from canary.views.moments import moment, span
from canary.views.outlook import StepOutlook, outlook

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """When a step and a run end if every check passes; None where that is not known."""

    step: datetime | None = None
    run: datetime | None = None
    """When the promotion begins."""


UNKNOWN = Remaining()


def foreseen(manifest: Manifest, status: CanaryStatus) -> Remaining:
    """Foresee both of a Canary whose spec may not be sound."""
    if status.run is None:
        return UNKNOWN
    try:
        return remaining(parse_canary(manifest), status)
    except (InvalidSpec, OverflowError):
        # Nor is it known of a run that takes thousands of years.
        return UNKNOWN


def remaining(canary: Canary, status: CanaryStatus) -> Remaining:
    """Foresee the end of the step that a run is at, and that of its analysis."""
    run, steps = status.run, plan(canary.spec.analysis).steps
    if run is None or not _goes_on(status) or not 0 < run.step <= len(steps):
        return UNKNOWN
    ahead = outlook(canary).steps[run.step :]
    ends = _step_ends(run, steps[run.step - 1], canary.spec.analysis.interval)
    if ends is None:
        return UNKNOWN
    ends_all = ends + _lasting(ahead)
    asked = any(each.gates for each in ahead)
    return Remaining(step=ends, run=None if asked else ends_all)


def remaining_told(step: datetime | None, run: datetime | None, now: datetime) -> str:
    """Say how long it still takes; empty where that is not known, or over."""
    ends, of = (run, "") if run else (step, " of this step")
    if ends is None or ends <= now:
        return ""
    return f"about {span(_rounded(ends - now))} left{of}"


def ends_told(step: datetime | None, run: datetime | None, now: datetime) -> str:
    """Say when it ends, for a page that stays open; empty where that is not known."""
    if run is not None:
        return f"If every check passes, the promotion begins at {moment(run, now)}."
    return f"If every check passes, this step ends at {moment(step, now)}." if step else ""


def _goes_on(status: CanaryStatus) -> bool:
    """Tell whether a run waits for nothing but its next analysis."""
    wait = status.waiting_for
    held = status.paused or held_gates(status) or (wait and wait.reason != why.ANALYSIS_DUE)
    return status.phase is Phase.PROGRESSING and not held


def _step_ends(run: Run, step: Step, interval: timedelta) -> datetime | None:
    """Tell when a step has had its passes and its time; None where it may end before."""
    if run.next_analysis_at is None or run.lasting_since is None or step.early:
        return None
    passed = run.next_analysis_at + interval * max(step.passes - run.passes - 1, 0)
    return max(passed, run.lasting_since + step.lasts)


def _lasting(ahead: Sequence[StepOutlook]) -> timedelta:
    return sum((each.lasts for each in ahead), start=timedelta(0))


def _rounded(left: timedelta) -> timedelta:
    """Leave out the seconds of what takes longer than a minute: it is an estimate."""
    return left if left < _MINUTE else _MINUTE * -(-left // _MINUTE)

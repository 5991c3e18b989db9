"""What the judges of a Canary that compare can see in its run, by what they have counted in it.

Nothing is asked: what was counted is in the status. Before a run it is that of the last one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from analysis.errors import AnalysisError
from analysis.judges import check, counted
from analysis.model import ProviderSpec
from analysis.tally import counted_to
from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.api.measured import measured
from canary.api.status import CanaryStatus, MetricStatus, Run
from canary.api.validation import parse_canary
from canary.errors import InvalidSpec
from canary.views.outlook import StepOutlook, outlook
from canary.views.sight import Sight, sight_after, sight_within

#: What a metric can see hangs on its judge, and on no store.
_NOWHERE = ProviderSpec(type="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """What one metric can see from now on."""

    sight: Sight
    counted_to: datetime
    """The moment up to which was counted."""
    running: bool
    """Whether that is of the run under way, and not of the last one."""


def ahead(manifest: Manifest, status: CanaryStatus) -> tuple[Ahead, ...]:
    """Foresee what the metrics of a Canary can see; nothing where nothing is counted."""
    if not any(each.memory for each in status.metrics):
        return ()
    try:
        canary = parse_canary(manifest)
    except InvalidSpec:
        return ()
    kept = {each.name: each for each in status.metrics}
    return tuple(_ahead(canary, status.run, kept))


def _ahead(canary: Canary, run: Run | None, kept: dict[str, MetricStatus]) -> Iterator[Ahead]:
    steps, analysis = outlook(canary).steps, canary.spec.analysis
    for metric in analysis.metrics:
        found = kept.get(metric.name)
        if found is None or found.judge != metric.judge or not found.memory:
            continue
        seen, to = counted(metric.judge, found.memory), counted_to(found.memory)
        if seen is None or to is None:
            continue
        asked = measured(metric, analysis, asks=(), provider=_NOWHERE)
        try:
            check(asked)
        except AnalysisError:
            # Where the metric is asked, people read what its judge cannot use.
            continue
        if run is None:
            sight = sight_after(asked, seen, steps)
        else:
            sight = sight_within(asked, seen, steps[max(run.step - 1, 0) :], _left(run, steps, to))
        if sight is not None and sight.steps:
            yield Ahead(sight=sight, counted_to=to, running=run is not None)


def _left(run: Run, steps: Sequence[StepOutlook], to: datetime) -> timedelta | None:
    """Give what is left of the step that the run is at; None where it is at none."""
    if not 0 < run.step <= len(steps) or run.lasting_since is None:
        return None
    return max(run.lasting_since + steps[run.step - 1].lasts - to, timedelta(0))

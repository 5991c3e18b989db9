"""Simulated releases as people and programs read them."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from canary.simulation.release import ReleaseSetting
from canary.simulation.summary import Distribution, Proportion, Simulated
from canary.views.blocks import Block, Line, Rows
from canary.views.moments import span

_PERCENT = 100
_NONE = "–"
_LEGEND = (
    "times begin when the canary's pods are ready; of two numbers half of the releases exceed the "
    "first, and a tenth the second"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What was simulated of a Canary, and what came of it."""

    canary: str
    """Written as namespace/name."""
    setting: ReleaseSetting
    seed: int
    runs: int
    healthy: Simulated
    """Releases of revisions as good as the primary: each rollback is a false one."""
    regressed: Sequence[Simulated]

    @property
    def scenarios(self) -> tuple[Simulated, ...]:
        """All of them, the healthy ones first."""
        return (self.healthy, *self.regressed)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Name what was taken for granted."""
        meanings, analysis = self.setting.meanings, self.setting.spec.analysis
        said = [
            f"{name} always passes; say what it measures: --metric {name}=success, "
            f"{name}=errors, or {name}=MEAN~DEVIATION"
            for name in meanings.assumed(analysis)
        ]
        if any(analysis.placed_webhooks()):
            said.append("every hook passes, and people approve at once")
        return tuple(said)


def simulation_shown(simulation: Simulation) -> Block:
    """Show what came of it as people read it."""
    traffic = simulation.setting.traffic
    heading = (
        f"{simulation.runs:,} releases each; {traffic.per_minute:,g} requests a minute, of which "
        f"{traffic.errors * _PERCENT:.3g} % fail without a regression; seed {simulation.seed}"
    )
    header = (
        "NEW REVISION FAILS",
        "PROMOTED",
        "ROLLED BACK",
        "UNFINISHED",
        "ROLLED BACK AFTER",
        "FAILED REQUESTS",
    )
    rows = tuple(map(_row, simulation.scenarios))
    return (
        (simulation.canary,),
        (heading,),
        Rows(header=header, rows=rows),
        *_said(simulation),
        *((f"assumed: {each}",) for each in simulation.assumptions),
    )


def simulation_document(simulation: Simulation) -> dict[str, object]:
    """Give what came of it as programs read it."""
    setting = simulation.setting
    return {
        "canary": simulation.canary,
        "seed": simulation.seed,
        "runs": simulation.runs,
        "requestsPerMinute": setting.traffic.per_minute,
        "errorShare": setting.traffic.errors,
        "horizonSeconds": setting.horizon.total_seconds(),
        "scenarios": [_scenario(each) for each in simulation.scenarios],
        "assumptions": list(simulation.assumptions),
    }


def _row(simulated: Simulated) -> Line:
    return (
        simulated.label,
        _percent(simulated.promoted),
        _percent(simulated.rolled_back),
        _percent(simulated.unfinished),
        _times(simulated.detected),
        _counts(simulated.hurt),
    )


def _said(simulation: Simulation) -> Iterator[Line]:
    """Say what the rows mean."""
    healthy = simulation.healthy
    low, high = (f"{each * _PERCENT:.3g}" for each in healthy.rolled_back.interval)
    false = f"{_percent(healthy.rolled_back)} (95 % confidence: {low} to {high} %)"
    yield (f"false rollbacks: {false}",)
    if healthy.took is not None:
        yield (f"a good release takes {_times(healthy.took)} to its promotion",)
    for each in simulation.scenarios:
        if each.reasons:
            told = ", ".join(f"{reason} {count:,}" for reason, count in each.reasons)
            yield (f"{each.label}, not promoted: {told}",)
    yield (_LEGEND,)


def _percent(proportion: Proportion) -> str:
    return f"{proportion.share * _PERCENT:.3g} %"


def _times(distribution: Distribution | None) -> str:
    if distribution is None:
        return _NONE
    return " / ".join(
        span(timedelta(seconds=each)) for each in (distribution.median, distribution.ninety)
    )


def _counts(distribution: Distribution | None) -> str:
    if distribution is None:
        return _NONE
    return f"{distribution.median:,.0f} / {distribution.ninety:,.0f}"


def _scenario(simulated: Simulated) -> dict[str, object]:
    return {
        "label": simulated.label,
        "errorShare": simulated.failing,
        "promoted": _proportion(simulated.promoted),
        "rolledBack": _proportion(simulated.rolled_back),
        "unfinished": _proportion(simulated.unfinished),
        "rollbackSeconds": simulated.detected and asdict(simulated.detected),
        "promotionSeconds": simulated.took and asdict(simulated.took),
        "failedRequests": simulated.hurt and asdict(simulated.hurt),
        "reasons": dict(simulated.reasons),
    }


def _proportion(proportion: Proportion) -> dict[str, object]:
    low, high = proportion.interval
    return {"count": proportion.count, "share": proportion.share, "low": low, "high": high}

"""What a run of a Canary would be: its steps and their times, who is asked, what is written."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from analysis.secrecy import origin
from canary.api.canary import Canary, CanarySpec
from canary.api.metrics import HoldOutcome
from canary.api.people import Webhook, WebhookType
from canary.api.scale import CanaryScale
from canary.core.hooks import Role, hooks_of, of_role
from canary.core.plan import Gate, Plan, Step, plan
from canary.core.weights import FULL
from canary.views.blocks import Block, Line, Rows
from canary.views.moments import span

_TRAFFIC_GATE = WebhookType.CONFIRM_TRAFFIC_INCREASE
_PROMOTION_GATE = WebhookType.CONFIRM_PROMOTION
_AFTER_HOLD = {
    HoldOutcome.ADVANCE: "the run goes on without one",
    HoldOutcome.ROLLBACK: "the run is rolled back",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutlook:
    """A step that a run would take; the promotion comes last, as one without traffic of its own."""

    name: str
    """Its name, or its number."""
    traffic: str
    """What the canary gets."""
    earliest: timedelta
    """When it is taken at the earliest, from the moment at which the canary's pods are ready."""
    gates: tuple[str, ...] = ()
    """Who is asked before it."""
    pods: str = ""
    """How many pods the canary has; empty for as many as the primary."""
    lasts: timedelta = timedelta(0)
    """How long the canary is judged at it, at the least."""
    canary: float = 0.0
    """The canary's share of the requests, with copies; 0 where it is not known."""
    primary: float = 0.0
    """The primary's; 0 where it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """A run as it would be if every check passed."""

    steps: tuple[StepOutlook, ...]
    gates: tuple[str, ...]
    """Who is asked before it begins."""
    hooks: tuple[str, ...]
    """What is called meanwhile."""
    judged: str
    """What is judged, how often, and when a bad revision is rolled back."""
    baseline: str = ""
    """What runs beside the canary to compare it with; empty where nothing does."""
    people: tuple[WebhookType, ...] = ()
    """The types of the gates that wait for a person."""


def outlook(canary: Canary, settling: timedelta = timedelta(0)) -> Outlook:
    """Foresee a run of a Canary.

    `settling` is the time that proxies have to learn of what has changed: of the canary's pods
    before its first traffic, and of the traffic of each step before it is judged.
    """
    spec, steps = canary.spec, plan(canary.spec.analysis)
    if spec.skip_analysis:
        promotion = StepOutlook(name="promotion", traffic="–", earliest=settling)
        return Outlook(
            steps=(promotion,),
            gates=(),
            hooks=(),
            judged="nothing is judged: spec.skipAnalysis promotes each revision once it is ready",
        )
    return Outlook(
        steps=tuple(_steps(spec, steps, settling)),
        gates=tuple(map(_gate, hooks_of(spec, WebhookType.CONFIRM_ROLLOUT))),
        hooks=tuple(_hooks(spec)),
        judged=_judged(spec),
        baseline=_baseline(spec),
        people=tuple(_people(spec, steps)),
    )


def shown(foreseen: Outlook) -> Block:
    """Show a run as people read it."""
    pods = any(each.pods for each in foreseen.steps)
    header = ("STEP", "TRAFFIC", *(("PODS",) if pods else ()), "EARLIEST", "ASKED BEFORE")
    rows = tuple(_row(each, pods=pods) for each in foreseen.steps)
    before = (f"before it begins: {', '.join(foreseen.gates)}",) if foreseen.gates else None
    hooks: tuple[Line, ...] = tuple((f"calls {each}",) for each in foreseen.hooks)
    return (
        *((before,) if before else ()),
        Rows(header=header, rows=rows),
        (foreseen.judged,),
        *(((foreseen.baseline,),) if foreseen.baseline else ()),
        *hooks,
    )


def _row(step: StepOutlook, *, pods: bool) -> Line:
    size = (step.pods or "–",) if pods else ()
    return (step.name, step.traffic, *size, span(step.earliest), ", ".join(step.gates) or "–")


def _steps(spec: CanarySpec, steps: Plan, settling: timedelta) -> Iterator[StepOutlook]:
    interval, at = spec.analysis.interval, settling
    first_look = max(interval, settling)
    approval: tuple[str, ...] = ()
    for number, step in enumerate(steps.steps, 1):
        asked = _asked(spec, step, (step.gate,) if step.gate else ())
        lasts = max(first_look + (step.passes - 1) * interval, step.lasts)
        yield StepOutlook(
            name=step.name or str(number),
            traffic=_traffic(step),
            earliest=at,
            gates=(*approval, *asked),
            pods=_pods(step.scale),
            lasts=lasts,
            canary=0.0 if step.matched else (step.weight + step.mirror) / FULL,
            primary=0.0 if step.matched else (FULL - step.weight) / FULL,
        )
        at += first_look if step.early else lasts
        approval = (f"a person, at the end of step {step.name or number}",) if step.approval else ()
    asked = _asked(spec, Step(), steps.gates)
    yield StepOutlook(name="promotion", traffic="–", earliest=at, gates=(*approval, *asked))


def _asked(spec: CanarySpec, step: Step, gates: tuple[Gate, ...]) -> tuple[str, ...]:
    types = {Gate.TRAFFIC: _TRAFFIC_GATE, Gate.PROMOTION: _PROMOTION_GATE}
    asked: list[Webhook] = []
    for gate in gates:
        asked += hooks_of(spec, types[gate])
        asked += (hook for hook in step.hooks if hook.type == types[gate])
    return tuple(map(_gate, asked))


def _people(spec: CanarySpec, steps: Plan) -> Iterator[WebhookType]:
    """Name the types of gates that only a person opens."""
    hooks = (*spec.analysis.webhooks, *(hook for step in steps.steps for hook in step.hooks))
    types = {hook.type for hook in hooks if hook.type.is_gate and not hook.url}
    if any(step.approval for step in steps.steps):
        types.add(_TRAFFIC_GATE)
    yield from sorted(types)


def _gate(hook: Webhook) -> str:
    who = origin(hook.url) if hook.url else "a person"
    return f"{hook.name} ({who}, for {span(hook.deadline)} at most)"


def _traffic(step: Step) -> str:
    if step.mirror and not step.weight:
        return f"copies of {step.mirror} %"
    if not step.weight:
        return "none"
    copies = f", copies of {step.mirror} %" if step.mirror else ""
    if not step.matched:
        return f"{step.weight} %{copies}"
    some = "requests that match"
    return f"{some if step.weight == FULL else f'{step.weight} % of {some}'}{copies}"


def _pods(scale: CanaryScale | None) -> str:
    if scale is None:
        return ""
    if scale.replicas is not None:
        return str(scale.replicas)
    return f"{scale.percent} %" if scale.percent is not None else "as the traffic"


def _judged(spec: CanarySpec) -> str:
    analysis = spec.analysis
    names = [metric.name for _, metric in analysis.placed_metrics()]
    what = ", ".join(names) or "no metric, so that only pods and hooks decide"
    limit = analysis.failures_to_roll_back
    ending = "a failed check rolls back" if limit == 1 else f"failed check {limit} rolls back"
    holds = "".join(f"; {each}" for each in _holds(spec))
    return f"judged every {span(analysis.interval)}: {what}; {ending}{holds}"


def _baseline(spec: CanarySpec) -> str:
    if not spec.analysis.has_baseline:
        return ""
    return (
        f"{spec.baseline_name} runs the primary's revision beside the canary, with as many pods again "
        "and as much traffic"
    )


def _holds(spec: CanarySpec) -> Iterator[str]:
    """Say which metrics may hold a step for want of a proof, how long, and what then."""
    for _, metric in spec.analysis.placed_metrics():
        if (limit := metric.hold_limit) is not None and not metric.shadow:
            then = _AFTER_HOLD[limit.then]
            yield f"{metric.name} without a proof holds each step for {span(limit.after)}, then {then}"


def _hooks(spec: CanarySpec) -> Iterator[str]:
    gates = of_role(Role.GATE)
    for path, hook in spec.analysis.placed_webhooks():
        if hook.type not in gates:
            step = path.removeprefix("spec.analysis.").partition(".webhooks")[0]
            where = f", {step}" if step.startswith("steps") else ""
            yield f"{hook.name} ({hook.type}{where}) at {origin(hook.url or '')}"

"""Why a Canary is where it is, and what a person can do about it now."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from canary.api.meta import GROUP
from canary.api.status import Phase
from canary.core import waits as why
from canary.core.conditions import RESTING, SENTENCES
from canary.views.blocks import Block, Line, Rows, Styled, Typed
from canary.views.canary import Attention, CanaryView, CheckView, SightView, StepSightView
from canary.views.judged import judged
from canary.views.moments import moment, span
from canary.views.sight import times_told
from canary.views.units import with_unit

_BEFORE_PROMOTION = frozenset({Phase.WAITING, Phase.PROGRESSING, Phase.WAITING_PROMOTION})
_STOPPED = frozenset({why.STOPPED, why.POLICY_UNREADABLE})
"""Waits for something that no command passes."""
_EXPEDITED = frozenset({why.FROZEN, why.QUEUED, why.FLEET_WAVE})
EFFECTS = {
    "approve": "open the gate",
    "reject": "refuse at the gate; the run is rolled back",
    "resume": "continue the paused run",
    "pause": "hold the run at its weight",
    "skip": "go on from this step now, without further analysis",
    "expedite": "pass the windows and the line of every DeliveryPolicy, and the waves of a FleetPlan",
    "promote": "promote now, without further analysis",
    "abort": "roll the run back",
    "retry": "run the failed revision again",
}
"""What a verb does, in the order in which the verbs are offered."""
_ANSWERS = frozenset({"approve", "reject", "resume", "retry"})
"""What a Canary asks of a person."""
_BRAKES = frozenset({"pause", "abort"})
"""What a person may want of a run that does not go well."""
_GOES_ILL = frozenset({Attention.STUCK, Attention.INCONCLUSIVE})
_PROMPT = timedelta(minutes=2)
"""How late a controller may be before anybody need ask for it."""


def possible_commands(view: CanaryView) -> tuple[str, ...]:
    """Name the commands that the controller would obey now, as far as a status tells."""
    running = view.run is not None and view.phase in _BEFORE_PROMOTION
    waits_for = view.waiting.reason if view.waiting is not None else ""
    goes_on = running and waits_for not in _STOPPED
    possible = {
        "approve": running and bool(view.gates),
        "reject": running and bool(view.gates),
        "resume": view.paused is not None,
        "pause": running and view.paused is None,
        "skip": goes_on and _at_step(view) and not view.gates,
        "expedite": running and waits_for in _EXPEDITED,
        "promote": goes_on,
        "abort": running,
        "retry": view.phase == Phase.FAILED,
    }
    return tuple(verb for verb in EFFECTS if possible[verb])


def _at_step(view: CanaryView) -> bool:
    return view.phase != Phase.WAITING and bool(view.step.at or view.weights.asked)


Lacks = Callable[[str], str | None]
"""Says which verb of RBAC a person lacks for a command: empty for none, None where it isn't known."""


def _unasked(_verb: str) -> None:
    """Know nothing of what a person may."""


def explanation(
    view: CanaryView, now: datetime, *, program: str, lacks: Lacks = _unasked, silent: str = ""
) -> Block:
    """Explain a Canary: where it is, why, until when, and the commands that would change it.

    `silent` says why no controller acts on it, where that is so: nothing else matters more then.
    """
    return (
        *_place(view, now),
        *_silence(view, silent),
        *_reasons(view),
        *_checks(view),
        *_sights(view, now),
        *_ways(view, program, lacks),
    )


def _place(view: CanaryView, now: datetime) -> Iterator[Line]:
    yield (
        Styled(view.name, "bold"),
        f" is {view.state}. {SENTENCES.get(_phase(view), '')}".rstrip(),
    )
    if view.paused is not None:
        yield (f"It is paused since {moment(view.paused.since, now)} {view.paused.by}.",)
    wait = view.waiting
    if wait is not None:
        lasted = span(now - wait.since)
        yield (
            f"It has waited since {moment(wait.since, now)} ({lasted}) for ",
            Styled(wait.reason, "bold"),
            f": {wait.message}" if wait.message else "",
        )
        if wait.deadline is not None:
            yield (_deadline(wait.deadline, now),)
        if wait.until is not None:
            yield (_going_on(view, wait.until, now),)
    record = view.run.record if view.run is not None else ""
    if view.attention is Attention.FAILED and view.history:
        last = view.history[0]
        record = last.record
        images = f" ({last.images})" if last.images else ""
        yield (f"The last run of {last.revision}{images} ended as {last.outcome}: {last.message}",)
    if view.phase == Phase.FAILED:
        yield (_traffic(view.weights.asked),)
    if record:
        yield (f"Its full record is in {record}",)


def _traffic(asked: int) -> str:
    """Say who is served by what after a run that has failed, which is what people fear for then."""
    if not asked:
        return "All traffic goes to the primary, which has what was promoted last."
    return f"{asked} % of the traffic goes to the canary, which has what failed."


def _deadline(deadline: datetime, now: datetime) -> str:
    ends = moment(deadline, now)
    if deadline > now:
        return f"The wait ends by itself at {ends}, and the run fails."
    return f"Its deadline passed at {ends}, and the controller has not acted on that yet."


def _going_on(view: CanaryView, until: datetime, now: datetime) -> str:
    """Say when time alone lets it go on, or that nothing has come of that."""
    at, late = moment(until, now), now - until
    if late < _PROMPT or view.paused is not None:
        return f"It may go on by itself at {at}."
    return (
        f"It was to go on at {at}, {span(late)} ago. Either no controller acts on it, or a hook or a "
        "metric store takes long to answer: tidegate doctor tells."
    )


def _silence(view: CanaryView, silent: str) -> Iterator[Line]:
    if not silent:
        return
    yield (Styled(silent, "yellow"),)
    if possible_commands(view):
        yield (
            "Nothing changes until a controller acts on it; a command that you give waits until then.",
        )


def _phase(view: CanaryView) -> Phase:
    return Phase.NEW if view.phase not in set(Phase) else Phase(view.phase)


def _reasons(view: CanaryView) -> Iterator[Line]:
    yield from ((Styled(each, "red"),) for each in view.problems)
    yield from ((Styled(f"warning: {each}", "yellow"),) for each in view.warnings)
    checks = view.failed_checks
    if view.run is not None and checks.count:
        of = f" of {checks.limit}" if checks.limit else ""
        yield (f"Failed checks: {checks.count}{of}; at the limit the run is rolled back.",)


def _checks(view: CanaryView) -> Iterator[Line | Rows]:
    if view.checks:
        yield Rows(
            header=("metric", "value", "bound", "verdict"),
            rows=tuple(map(_check, view.checks)),
            flexible=0,
        )
    yield from (
        (judged(each.metric, each.message),)
        for each in view.checks
        if each.message and (each.verdict != "pass" or each.judge)
    )


def _check(check: CheckView) -> Line:
    verdict = f"{check.verdict} (shadow)" if check.shadow else check.verdict
    return (check.metric, with_unit(check.value, check.unit), check.bound, verdict)


def _sights(view: CanaryView, now: datetime) -> Iterator[Line | Rows]:
    """Say which regressions can be seen, step by step, and when."""
    for each in view.sights:
        run = "this run" if each.running else "the next run"
        as_of = "" if each.running else f", as in the last run until {moment(each.counted_to, now)}"
        traffic = (
            f"{each.requests_per_minute:,.0f} requests a minute, {each.bad_percent:.3g} % of the "
            f"primary's were bad{as_of}"
        )
        if all(step.times is None for step in each.steps):
            yield (f"{each.metric} can prove no regression in {run}, at {traffic}.",)
            continue
        yield (f"What {each.metric} can prove in {run}, at {traffic}:",)
        yield Rows(
            header=("BY THE END OF STEP", "AT THE EARLIEST", "FROM"),
            rows=tuple(
                (step.name, _earliest(each, step, now), times_told(step.times))
                for step in each.steps
            ),
            flexible=0,
        )


def _earliest(sight: SightView, step: StepSightView, now: datetime) -> str:
    after = timedelta(seconds=step.after_seconds)
    return moment(sight.counted_to + after, now) if sight.running else f"after {span(after)}"


def _ways(view: CanaryView, program: str, lacks: Lacks) -> Iterator[Line | Typed]:
    possible = possible_commands(view)
    if view.problems:
        yield ("Repair what is named above; the controller notices by itself.",)
    elif _resting(view) or view.phase == Phase.FAILED:
        yield (f"A new revision of {view.target} begins a run.",)
    elif not possible:
        yield ("No command changes this now.",)
    if not possible:
        return
    yield ("What you can do:",)
    yield from (
        Typed(
            command=_written(view, verb, program),
            note=f"{EFFECTS[verb]}{_right(lacks(verb), view.namespace)}",
        )
        for verb in possible
    )


def _right(missing: str | None, namespace: str) -> str:
    """Say whether a person may give a command, where that is known."""
    if missing is None:
        return ""
    lacking = f"you may not: it takes the verb {missing} on canaries in {namespace}"
    return f"; {lacking if missing else 'you may'}"


def explanation_document(
    view: CanaryView, now: datetime, *, program: str, lacks: Lacks = _unasked
) -> dict[str, Any]:
    """Give the explanation for programs: its sentences, and the commands that change something."""
    block = explanation(view, now, program=program)
    return {
        "group": view.group,
        "namespace": view.namespace,
        "name": view.name,
        "attention": view.attention.value,
        "sentences": [_text(each) for each in block if isinstance(each, tuple)],
        "commands": [
            {
                "command": _written(view, verb, program),
                "does": EFFECTS[verb],
                "may": None if (missing := lacks(verb)) is None else not missing,
                "lacks": missing,
            }
            for verb in possible_commands(view)
        ],
    }


def _text(line: Line) -> str:
    return "".join(each if isinstance(each, str) else each.text for each in line)


def next_commands(view: CanaryView, program: str) -> tuple[str, ...]:
    """Name the commands that a person may want next, where a Canary needs one or has a run."""
    if view.attention is Attention.NONE and view.run is None:
        return ()
    goes_ill = bool(view.failed_checks.count) or view.attention in _GOES_ILL
    named = _ANSWERS | (_BRAKES if view.run is not None and goes_ill else set())
    wanted = [each for each in possible_commands(view) if each in named]
    return tuple(_written(view, verb, program) for verb in ("explain", *wanted))


def _written(view: CanaryView, verb: str, program: str) -> str:
    group = "" if view.group == GROUP else f" --api-group {view.group}"
    return f"{program} {verb} {view.name} -n {view.namespace}{group}"


def _resting(view: CanaryView) -> bool:
    return view.phase in RESTING

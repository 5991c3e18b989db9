"""The parts of the pages: each is rendered into a page, and again when what it shows changes."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from operator import attrgetter
from typing import Any

from analysis.judges import evidence
from analysis.model import Bounds
from canary.api.annotations import AT_GATES, VERBS
from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.api.pages import canary_page
from canary.api.validation import parse_canary
from canary.controller.canaries import CanaryKey
from canary.core.skips import Skip
from canary.dashboard.answers import Place
from canary.dashboard.charts import metric_chart, share_chart
from canary.dashboard.kept import KeptCanary
from canary.dashboard.query import Query, search
from canary.dashboard.recent import Track
from canary.dashboard.rights import Allowed
from canary.dashboard.shared import Parts
from canary.dashboard.site import Site
from canary.errors import InvalidSpec
from canary.views.canary import CanaryView, CheckView
from canary.views.explain import EFFECTS, explanation, possible_commands
from canary.views.fleet import NOTHING, cause, header, row
from canary.views.given import CONSEQUENCES, asked, given, lacking
from canary.views.history import run_rows, run_told
from canary.views.moments import moment, span
from canary.views.remaining import ends_told
from canary.views.schedule import schedule
from canary.views.standing import CanaryStanding, standing
from canary.views.units import with_unit

FLEET_PARTS = {"fleet": "parts/fleet.html"}
GATES_PARTS = {"gates": "parts/gates.html"}
CANARY_PARTS = {
    name: f"parts/{name}.html"
    for name in ("head", "steps", "why", "share", "checks", "given", "history")
}
ACTIONS_PARTS = {"actions": "parts/actions.html"}
HAPPENED_PARTS = {"pods": "parts/pods.html", "events": "parts/events.html"}
_MOST_NAMESPACES = 200
MOST_GATES = 80
"""So many gates are on their page, which stays below 100 KiB."""
_SHOWN_RUNS = 3
"""So many past runs are on the page of a Canary; its history has them all."""
_OUTCOMES = 5
"""So many past runs are in a row of the fleet."""


def fleet_parts(site: Site, query: Query, seen: Collection[Place] | None, silent: str) -> Parts:
    """Render the list of Canaries, once for all who ask for the same at the same time."""
    key = ("fleet", query, None if seen is None else frozenset(seen), silent)
    return site.shared.get(
        key,
        site.fleet.version,
        lambda: site.renderer.parts(FLEET_PARTS, **fleet_context(site, query, seen, silent)),
    )


def namespaces_seen(fleet: Iterable[KeptCanary], seen: Collection[Place] | None) -> list[str]:
    """Name the namespaces to choose from."""
    found = {each.key.namespace for each in fleet if seen is None or each.key[:2] in seen}
    return sorted(found)[:_MOST_NAMESPACES]


def fleet_context(
    site: Site, query: Query, seen: Collection[Place] | None, silent: str
) -> dict[str, Any]:
    """Give what the list of Canaries shows."""
    now, found = site.clock(), search(site.fleet, query, seen)
    return {
        "query": query,
        "found": found,
        "header": header(everywhere=True, wide=False),
        "rows": [_row(each, now) for each in found.rows],
        "standings": [(each, found.counts[each]) for each in CanaryStanding],
        "problems": _problems(site, silent),
    }


def gates_held(site: Site, seen: Collection[Place] | None) -> tuple[list[KeptCanary], int]:
    """Find what waits for a person at a gate, the earliest deadline first; and how many more do."""
    held = [
        each
        for each in site.fleet
        if each.standing is CanaryStanding.GATE and (seen is None or each.key[:2] in seen)
    ]
    shown = sorted(held, key=attrgetter("deadline", "key"))[:MOST_GATES]
    return shown, len(held) - len(shown)


def gates_context(
    site: Site,
    held: Iterable[tuple[KeptCanary, Allowed]],
    *,
    form_token: str,
    more: int,
    silent: str,
) -> dict[str, Any]:
    """Give what waits for a person at a gate, and the buttons that answer."""
    now, gates = site.clock(), []
    for kept, allowed in held:
        view = kept.view
        wait = view.waiting
        gates.append(
            {
                "view": view,
                "buttons": actions_context(
                    *(site, kept, allowed), form_token=form_token, verbs=AT_GATES
                ),
                "cause": cause(view),
                "since": moment(wait.since, now) if wait else "",
                "until": moment(wait.deadline, now) if wait and wait.deadline else "",
                "left": span(wait.deadline - now)
                if wait and wait.deadline and wait.deadline > now
                else "",
            }
        )
    return {"gates": gates, "more": more, "problems": _problems(site, silent)}


def canary_context(site: Site, kept: KeptCanary, silent: str = "") -> dict[str, Any]:
    """Give what the page of one Canary shows; `silent` says why no controller acts on it."""
    now, manifest = site.clock(), kept.manifest
    view, canary = kept.view, _sound(manifest)
    track = site.fleet.recent.of(kept.key)
    return {
        "view": view,
        "page_address": f"{site.root_path}{canary_address(kept.key)}",
        "standing": standing(view),
        "cause": cause(view) if cause(view) != NOTHING else "",
        "until": moment(view.waiting.deadline, now)
        if view.waiting and view.waiting.deadline
        else "",
        "row": dict(zip(header(everywhere=False, wide=True), _cells(view, now), strict=True)),
        "now": now,
        "started": moment(view.run.started_at, now) if view.run else "",
        "lasted": span(now - view.run.started_at) if view.run else "",
        "stops": [(each, each.told(now)) for each in schedule(canary, kept.foreseen)]
        if canary
        else [],
        "ends": ends_told(kept.foreseen.step.ends_at, _promotes(kept.foreseen), now),
        "why": explanation(kept.foreseen, now, program="tidegate", silent=silent),
        "share": share_chart(track.shares, _until(view, track, now)) if track else None,
        "cards": [_card(each, canary, track, now, proof) for each, proof in _proofs(kept)],
        "charted_since": moment(track.since, now) if track else "",
        "charted_before": moment(track.before, now) if track and track.before else "",
        "runs": run_rows(view.history[:_SHOWN_RUNS], now),
        "told": [run_told(each) for each in view.history[:_SHOWN_RUNS]],
        "more_runs": len(view.history) - _SHOWN_RUNS,
        "asked": [asked(*each) for each in kept.opened.asked],
        "given": [given(each, now) for each in view.commands],
        "problems": _problems(site, silent),
    }


def actions_context(
    site: Site,
    kept: KeptCanary,
    allowed: Allowed,
    *,
    form_token: str,
    verbs: Collection[str] = VERBS,
) -> dict[str, Any]:
    """Give the buttons of one Canary: what the controller would obey, and what the person lacks."""
    view = kept.view
    possible = () if site.read_only else possible_commands(view)
    return {
        "view": view,
        "address": f"{site.root_path}{canary_address(kept.key)}",
        "form_token": form_token,
        "actions": [
            {
                "verb": verb,
                "effect": EFFECTS[verb],
                "confirmed": verb in CONSEQUENCES,
                "lacks": lacks(allowed, kept.key, verb),
                "subjects": _subjects(verb, kept, view),
            }
            for verb in possible
            if verb in verbs
        ],
    }


def lacks(allowed: Allowed, key: CanaryKey, verb: str) -> str:
    """Say what a person lacks for a command; empty where nothing."""
    missing = allowed.lacks(verb, key.name)
    return lacking(verb, missing, key.namespace) if missing else ""


def canary_address(key: CanaryKey, rest: str = "", *, below: str = "/c") -> str:
    """Give the address of a Canary's page, or of one below it."""
    return canary_page(*key, rest, below=below)


def _problems(site: Site, silent: str) -> tuple[str, ...]:
    """Give what a person must know before anything else on a page: no part of it may change."""
    return (*([silent] if silent else ()), *site.fleet.problems)


def _subjects(verb: str, kept: KeptCanary, view: CanaryView) -> dict[str, str]:
    """Give what a command is for, each with what its button says; the form says which run it is."""
    if verb in AT_GATES:
        return {name: f"{verb} {type_}" for name, type_ in kept.opened.gates.items()}
    if verb == "skip" and view.run is not None:
        return {str(Skip(run=view.run.number, step=view.step.at)): verb}
    return {"": verb}


def _row(kept: KeptCanary, now: datetime) -> dict[str, Any]:
    view = kept.view
    namespace, name, *cells = row(view, now, everywhere=True, wide=False)
    outcomes = [each.outcome for each in view.history[:_OUTCOMES]]
    return {
        "namespace": namespace,
        "name": name,
        "group": view.group,
        "standing": kept.standing,
        "cells": cells,
        "outcomes": outcomes,
    }


def _cells(view: CanaryView, now: datetime) -> tuple[str, ...]:
    return row(view, now, everywhere=False, wide=True)


def _proofs(kept: KeptCanary) -> Iterator[tuple[CheckView, tuple[str, ...]]]:
    """Go through the checks, each with the evidence that its judge keeps."""
    told = {
        each.name: evidence(each.judge, each.memory)
        for each in kept.opened.status.metrics
        if each.judge and each.memory
    }
    return ((each, told.get(each.metric, ())) for each in kept.view.checks)


def _card(
    check: CheckView,
    canary: Canary | None,
    track: Track | None,
    now: datetime,
    proof: tuple[str, ...],
) -> dict[str, Any]:
    points = track.metrics.get(check.metric, ()) if track else ()
    return {
        "check": check,
        "value": with_unit(check.value, check.unit),
        "at": moment(check.at, now) if check.at else "",
        "evidence": proof,
        "chart": metric_chart(
            *(check.metric, points, _bounds(canary, check.metric)), bound=check.bound, now=now
        ),
    }


def _bounds(canary: Canary | None, metric: str) -> Bounds:
    """Find the bounds of a metric; none where the spec has none, or cannot be read."""
    found = canary.spec.analysis.placed_metrics() if canary else ()
    return next((each.bounds for _, each in found if each.name == metric), Bounds())


def _sound(manifest: Manifest) -> Canary | None:
    """Read the spec; None where it is not sound, which the page says in words anyway."""
    try:
        return parse_canary(manifest)
    except InvalidSpec:
        return None


def _promotes(view: CanaryView) -> datetime | None:
    return view.run.promotes_at if view.run else None


def _until(view: CanaryView, track: Track, now: datetime) -> datetime:
    """Give the moment at which the chart of a run ends."""
    return now if view.run is not None else track.shares[-1].at

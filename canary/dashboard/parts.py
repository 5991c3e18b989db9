"""The parts of the pages: each is rendered into a page, and again when what it shows changes."""

from collections.abc import Collection
from datetime import datetime
from operator import attrgetter
from typing import Any

from analysis.builtin import legacy_range
from analysis.model import Bounds
from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.api.validation import parse_canary
from canary.core.plan import plan
from canary.dashboard.charts import metric_chart, share_chart
from canary.dashboard.kept import KeptCanary
from canary.dashboard.query import Query, search
from canary.dashboard.recent import Track
from canary.dashboard.site import Site
from canary.errors import InvalidSpec
from canary.views.canary import CanaryView, CheckView
from canary.views.explain import explanation
from canary.views.fleet import cause, header, row
from canary.views.history import run_rows, run_told
from canary.views.journey import journey
from canary.views.moments import moment, span
from canary.views.standing import CanaryStanding, standing

FLEET_PARTS = {"fleet": "parts/fleet.html"}
GATES_PARTS = {"gates": "parts/gates.html"}
CANARY_PARTS = {
    name: f"parts/{name}.html" for name in ("head", "steps", "why", "share", "checks", "history")
}
EVENTS_PARTS = {"events": "parts/events.html"}
_MOST_NAMESPACES = 200
_OUTCOMES = 5
"""So many past runs are in a row of the fleet."""


def fleet_context(site: Site, query: Query, seen: Collection[str] | None) -> dict[str, Any]:
    """Give what the list of Canaries shows."""
    now, found = site.clock(), search(site.fleet, query, seen)
    return {
        "query": query,
        "found": found,
        "header": header(everywhere=True, wide=False),
        "rows": [_row(each, now) for each in found.rows],
        "standings": [(each, found.counts[each]) for each in CanaryStanding],
        "namespaces": found.namespaces[:_MOST_NAMESPACES],
        "problems": site.fleet.problems,
    }


def gates_context(site: Site, seen: Collection[str] | None) -> dict[str, Any]:
    """Give what waits for a person at a gate, the earliest deadline first."""
    now = site.clock()
    held = [
        each
        for each in site.fleet
        if each.standing is CanaryStanding.GATE and (seen is None or each.key.namespace in seen)
    ]
    gates = []
    for kept in sorted(held, key=attrgetter("deadline", "key")):
        view = kept.view
        wait = view.waiting
        gates.append(
            {
                "view": view,
                "cause": cause(view),
                "since": moment(wait.since, now) if wait else "",
                "until": moment(wait.deadline, now) if wait and wait.deadline else "",
                "left": span(wait.deadline - now) if wait and wait.deadline else "",
            }
        )
    return {"gates": gates, "problems": site.fleet.problems}


def canary_context(site: Site, kept: KeptCanary) -> dict[str, Any]:
    """Give what the page of one Canary shows."""
    now, manifest = site.clock(), kept.manifest
    view, canary = kept.view, _sound(manifest)
    track = site.fleet.recent.of(kept.key)
    return {
        "view": view,
        "standing": standing(view),
        "row": dict(zip(header(everywhere=False, wide=True), _cells(view, now), strict=True)),
        "now": now,
        "started": moment(view.run.started_at, now) if view.run else "",
        "lasted": span(now - view.run.started_at) if view.run else "",
        "stations": journey(plan(canary.spec.analysis), view) if canary else (),
        "why": explanation(view, now, program="tidegate"),
        "share": share_chart(track.shares, _until(view, track, now)) if track else None,
        "cards": [_card(each, canary, track, now) for each in view.checks],
        "charted_since": moment(track.since, now) if track else "",
        "runs": run_rows(view.history, now),
        "told": [run_told(each) for each in view.history],
        "problems": site.fleet.problems,
    }


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


def _card(
    check: CheckView, canary: Canary | None, track: Track | None, now: datetime
) -> dict[str, Any]:
    points = track.metrics.get(check.metric, ()) if track else ()
    return {
        "check": check,
        "value": "–" if check.value is None else f"{check.value:g}",
        "at": moment(check.at, now) if check.at else "",
        "chart": metric_chart(
            *(check.metric, points, _bounds(canary, check.metric)), bound=check.bound, now=now
        ),
    }


def _bounds(canary: Canary | None, metric: str) -> Bounds:
    """Find the bounds of a metric; none where the spec has none, or cannot be read."""
    if canary is None:
        return Bounds()
    for _, each in canary.spec.analysis.placed_metrics():
        if each.name != metric:
            continue
        if each.threshold_range is not None:
            return Bounds(min=each.threshold_range.min, max=each.threshold_range.max)
        if each.threshold is not None:
            return legacy_range(metric, each.threshold)
    return Bounds()


def _sound(manifest: Manifest) -> Canary | None:
    """Read the spec; None where it is not sound, which the page says in words anyway."""
    try:
        return parse_canary(manifest)
    except InvalidSpec:
        return None


def _until(view: CanaryView, track: Track, now: datetime) -> datetime:
    """Give the moment at which the chart of a run ends."""
    return now if view.run is not None else track.shares[-1].at

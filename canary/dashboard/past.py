"""What has been: the past runs of a Canary, and what has happened lately over the fleet."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import nlargest
from itertools import chain
from typing import Any

from canary.api.pages import run_name
from canary.controller.canaries import CanaryKey
from canary.dashboard.answers import Place
from canary.dashboard.kept import KeptCanary
from canary.dashboard.parts import canary_address
from canary.dashboard.shared import Parts
from canary.dashboard.site import Site
from canary.views.activity import WEEKS, by_week
from canary.views.canary import PastRunView
from canary.views.given import command_told
from canary.views.history import run_cause
from canary.views.moments import day, moment, span

ACTIVITY_PARTS = {"activity": "parts/activity.html"}
_LATELY = 100
"""How many of the last things are listed."""


def run_id(run: PastRunView) -> str:
    """Name a past run by the second in which it began; empty where that is unknown."""
    return run_name(run.started_at) if run.started_at else ""


def find_run(kept: KeptCanary, name: str) -> PastRunView | None:
    """Find a past run by its name."""
    return next((each for each in kept.view.history if name and run_id(each) == name), None)


def history_context(site: Site, kept: KeptCanary) -> dict[str, Any]:
    """Give what the page of all past runs shows."""
    now = site.clock()
    return {
        "view": kept.view,
        "page_address": f"{site.root_path}{canary_address(kept.key)}",
        "runs": [
            {
                "run": each,
                "address": _run_address(site, kept.key, each),
                "began": day(each.started_at, now) if each.started_at else "–",
                "took": span(timedelta(seconds=each.duration_seconds)),
            }
            for each in kept.view.history
        ],
    }


def run_context(site: Site, kept: KeptCanary, run: PastRunView) -> dict[str, Any]:
    """Give what the page of one past run shows."""
    now, took = site.clock(), timedelta(seconds=run.duration_seconds)
    return {
        "view": kept.view,
        "page_address": f"{site.root_path}{canary_address(kept.key)}",
        "run": run,
        "began": moment(run.started_at, now) if run.started_at else "–",
        "ended": moment(run.started_at + took, now) if run.started_at else "–",
        "took": span(took),
        "export": site.root_path
        + canary_address(kept.key, f"/runs/{run_id(run)}", below="/api/v1/canaries"),
    }


def run_document(kept: KeptCanary, run: PastRunView) -> dict[str, Any]:
    """Give a past run for programs."""
    group, namespace, name = kept.key
    return {
        "kind": "PastRun",
        "group": group,
        "namespace": namespace,
        "name": name,
        "id": run_id(run),
        **run.model_dump(mode="json", by_alias=True),
    }


def run_address(key: CanaryKey, run: PastRunView) -> str:
    """Give the address of a past run's page."""
    return canary_address(key, f"/runs/{run_id(run)}")


def activity_parts(site: Site, seen: Collection[Place] | None) -> Parts:
    """Render what has happened, once for all who see the same at the same time."""
    return site.shared.get(
        ("activity", None if seen is None else frozenset(seen)),
        site.fleet.version,
        lambda: site.renderer.parts(ACTIVITY_PARTS, **activity_context(site, seen)),
    )


def activity_context(site: Site, seen: Collection[Place] | None) -> dict[str, Any]:
    """Give what has happened over the part of the fleet that a person sees."""
    now = site.clock()
    visible = [each for each in site.fleet if seen is None or each.key[:2] in seen]
    return {
        "weeks": by_week(chain.from_iterable(each.ends for each in visible), now),
        "week_count": WEEKS,
        "lately": [
            {
                "at": moment(datetime.fromtimestamp(each.at, UTC), now),
                "key": each.key,
                "outcome": each.outcome,
                "told": each.told,
                "address": each.address,
            }
            for each in _lately(site, visible)
        ],
        "problems": site.fleet.problems,
    }


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class _Happening:
    at: float
    key: CanaryKey
    outcome: str = field(compare=False)
    """How a run ended; empty for a command."""
    told: str = field(compare=False)
    address: str = field(compare=False)


def _lately(site: Site, visible: Collection[KeptCanary]) -> list[_Happening]:
    """Find the last things that have happened, the newest first, opening few Canaries for it."""
    last = nlargest(_LATELY, ((at, kept.key) for kept in visible for at in _moments(kept)))
    keys = {key for _, key in last}
    recent = (kept for kept in visible if kept.key in keys)
    return nlargest(_LATELY, chain.from_iterable(_happenings(site, kept) for kept in recent))


def _moments(kept: KeptCanary) -> Iterator[float]:
    yield from (each.at for each in kept.ends)
    yield from kept.given_at


def _happenings(site: Site, kept: KeptCanary) -> Iterator[_Happening]:
    for run in kept.view.history:
        if run.started_at is not None:
            yield _Happening(
                at=run.started_at.timestamp() + run.duration_seconds,
                key=kept.key,
                outcome=run.outcome,
                told=f"{run.revision}: {run_cause(run)}",
                address=_run_address(site, kept.key, run),
            )
    for command in kept.view.commands:
        yield _Happening(
            at=command.at.timestamp(),
            key=kept.key,
            outcome="",
            told=command_told(command),
            address=f"{site.root_path}{canary_address(kept.key)}",
        )


def _run_address(site: Site, key: CanaryKey, run: PastRunView) -> str:
    return f"{site.root_path}{run_address(key, run)}" if run.started_at else ""

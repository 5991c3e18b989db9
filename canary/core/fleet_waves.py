"""Waves: which of them are open for a release, which runs have a grant, and what is waited for."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from canary.api.fleet_status import (
    MOST_SEEN_THROUGH,
    FleetCanary,
    FleetExcuse,
    FleetGrant,
    WavePassed,
)
from canary.api.fleetplan import FleetWave
from canary.api.fleetreport import FleetState
from canary.api.status import clip
from canary.core.fleet_round import Round
from canary.core.images import listed

_OVER = frozenset({FleetState.PROMOTED, FleetState.ROLLED_BACK, FleetState.IDLE})
"""The states of a cluster whose newest run is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opening:
    """How far the waves are open."""

    open: tuple[FleetWave, ...] = ()
    passed: tuple[WavePassed, ...] = ()
    complete: bool = False
    waits: str = ""
    """What is waited for before more of them open, or before all is done."""


def grant(round_: Round) -> FleetCanary:
    """Open the waves that may open, and give grants to the clusters of those that are."""
    excuses = tuple(_excuses(round_))
    halted = _halting(round_)
    opening = _opening(round_, {each.cluster for each in excuses})
    entry = round_.entry
    stops = _stopped(round_, halted)
    may_begin = () if stops else opening.open
    grants = tuple(_grants(round_, may_begin))
    through = (entry.release, *entry.seen_through) if opening.complete else entry.seen_through
    return entry.but(
        complete=opening.complete,
        halted=halted is not None,
        wave=opening.open[-1].name if opening.open else round_.spec.waves[0].name,
        # As it reads back: what is decided again must come to the same.
        message=clip(stops or opening.waits),
        grants=grants,
        excuses=excuses,
        passed=opening.passed,
        seen_through=tuple(dict.fromkeys(through))[:MOST_SEEN_THROUGH],
    )


# ------------------------------------------------------------------------- who is not waited for


def _failing(round_: Round, wave: FleetWave) -> tuple[str, ...]:
    """Name the clusters of a wave whose rollbacks count."""
    clusters = set(round_.of_wave(wave))
    counted = (each for each in round_.entry.failures if not each.forgiven)
    return tuple(dict.fromkeys(each.cluster for each in counted if each.cluster in clusters))


def _halting(round_: Round) -> FleetWave | None:
    """Find a wave in which more clusters have rolled back than the plan bears (F3)."""
    if round_.entry.way_back:
        return None
    most = round_.spec.max_failures
    return next(
        (wave for wave in round_.spec.waves if len(_failing(round_, wave)) > most),
        None,
    )


def _excuses(round_: Round) -> Iterator[FleetExcuse]:
    halted = _halting(round_)
    forgiven = {each.cluster: each.forgiven for each in round_.entry.failures}
    for cluster in round_.members:
        seen = round_.heard_of(cluster)
        if round_.is_skipped(cluster):
            yield FleetExcuse(cluster=cluster, reason="it is silent, and onUnreachable is Skip")
        elif cluster in forgiven and seen is not None and seen.state is FleetState.ROLLED_BACK:
            if by := forgiven[cluster]:
                reason = f"it has rolled back, and goes on by {by}"
                yield FleetExcuse(cluster=cluster, reason=reason)
            elif halted is None:
                reason = "it has rolled back, which the plan bears"
                yield FleetExcuse(cluster=cluster, reason=reason)


# ------------------------------------------------------------------------------- which are open


def _opening(round_: Round, excused: set[str]) -> _Opening:
    """Open one wave after the other (F1)."""
    entry = round_.entry
    if not entry.release or entry.since is None:
        return _Opening(waits="no release is under way")
    missing = [each for each in round_.members if _is_missing(round_, each, excused)]
    if not missing and any(map(round_.has_promoted, round_.members)):
        passed = tuple(_passed(round_, wave) for wave in round_.spec.waves)
        waits = _done(entry.release, excused)
        return _Opening(open=round_.spec.waves, passed=passed, complete=True, waits=waits)
    found, ready = _Opening(), entry.since
    for wave in round_.spec.waves:
        if waits := "" if entry.way_back else _shut(round_, wave, ready):
            return replace(found, waits=waits)
        left = [each for each in round_.of_wave(wave) if each in missing]
        waits = found.waits or (_waits_for(round_, wave, left) if left else "")
        found = replace(found, open=(*found.open, wave), waits=waits)
        if left and not entry.way_back:
            return found
        if not left:
            over = _passed(round_, wave)
            found, ready = replace(found, passed=(*found.passed, over)), over.at
    none = f"no cluster has promoted release {entry.release}"
    return replace(found, waits=found.waits or none)


def _is_missing(round_: Round, cluster: str, excused: set[str]) -> bool:
    return cluster not in excused and not round_.has_promoted(cluster)


def _passed(round_: Round, wave: FleetWave) -> WavePassed:
    """Say since when a wave is over; what was seen first stays."""
    before = next((each for each in round_.entry.passed if each.wave == wave.name), None)
    return before or WavePassed(wave=wave.name, at=round_.now)


def _shut(round_: Round, wave: FleetWave, ready: datetime) -> str:
    """Say what a wave waits for whose time has come; empty where it is open."""
    opens = ready + (wave.bake or timedelta())
    if round_.now < opens:
        return f"wave {wave.name} opens at {opens:%Y-%m-%d %H:%M:%S} UTC, after its bake"
    if wave.approval and not round_.entry.approved(wave.name):
        command = f"tidegate fleet approve {round_.plan.name} {wave.name}"
        return f"wave {wave.name} waits to be approved: {command}"
    return ""


def _waits_for(round_: Round, wave: FleetWave, clusters: list[str]) -> str:
    told = listed(f"{each} ({_standing(round_, each)})" for each in clusters)
    return f"wave {wave.name} waits for {told} to promote release {round_.entry.release}"


def _standing(round_: Round, cluster: str) -> str:
    """Say how far a cluster has come."""
    member, seen = round_.members[cluster], round_.seen(cluster)
    if not member.reports:
        return "it has never reported"
    if seen is None:
        return "it has no such Canary"
    if not member.heard:
        return f"{'silent' if member.silent else 'not heard of yet'}, last {seen.state}"
    if seen.release != round_.entry.release:
        return f"{seen.state} with release {seen.release or 'unknown'}"
    return seen.state


def _done(release: str, excused: set[str]) -> str:
    but = f", but for {listed(sorted(excused))}" if excused else ""
    return f"release {release} is promoted in all clusters{but}"


def _stopped(round_: Round, halted: FleetWave | None) -> str:
    """Say what keeps every run of the plan from starting; empty where nothing does."""
    if round_.spec.stop:
        return "the plan is stopped: its spec.stop is true"
    if halted is None:
        return ""
    plan, most, release = round_.plan.name, round_.spec.max_failures, round_.entry.release
    return (
        f"halted: release {release} was rolled back in {listed(_failing(round_, halted))}, and wave "
        f"{halted.name} bears {most}; release something newer, or go on in spite of it with "
        f"tidegate fleet approve {plan} {halted.name}"
    )


# ----------------------------------------------------------------------------- who has a grant


def _grants(round_: Round, open_: tuple[FleetWave, ...]) -> Iterator[FleetGrant]:
    """Keep the grants that are not over, and give those that there is room for (F2, F5, F6)."""
    entry = round_.entry
    clusters = {each for wave in open_ for each in round_.of_wave(wave)}
    kept = [each for each in _live(round_) if each.begun or _stands(round_, each, clusters)]
    yield from kept
    for wave in open_:
        members = round_.of_wave(wave)
        limit = len(members) if entry.way_back else wave.limit(len(members))
        busy = {each.cluster for each in kept if each.cluster in members}
        busy |= {
            cluster
            for cluster, seen in round_.heard()
            if cluster in members and seen.state is FleetState.RUNNING
        }
        busy -= {each for each in members if round_.is_skipped(each)}
        for cluster in members:
            seen = round_.heard_of(cluster)
            if seen is None or cluster in busy or len(busy) >= limit:
                continue
            if seen.state is FleetState.WAITING and seen.release == entry.release:
                busy.add(cluster)
                yield FleetGrant(
                    cluster=cluster,
                    uid=seen.uid,
                    run=seen.run,
                    release=seen.release,
                    wave=wave.name,
                    at=round_.now,
                )


def _live(round_: Round) -> Iterator[FleetGrant]:
    """Give the grants whose runs are not known to be over, and note which have begun."""
    for each in round_.entry.grants:
        member = round_.members.get(each.cluster)
        if member is None:
            continue
        seen = round_.seen(each.cluster)
        if seen is None:
            # A cluster that reports, and has no such Canary, has deleted it.
            if not (member.heard and member.reports):
                yield each
        elif seen.uid == each.uid and (
            seen.run < each.run or (seen.run == each.run and seen.state not in _OVER)
        ):
            runs = seen.run == each.run and seen.state is FleetState.RUNNING
            yield each.but(begun=each.begun or runs)


def _stands(round_: Round, grant: FleetGrant, clusters: set[str]) -> bool:
    """Tell whether a grant that has not begun would still be given."""
    newest = grant.release == round_.entry.release
    return newest and grant.cluster in clusters and not round_.is_skipped(grant.cluster)

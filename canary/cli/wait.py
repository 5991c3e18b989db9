"""`tidegate wait CANARY`: until its release is promoted, or another end; for scripts."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

import click

from analysis.errors import UnknownPlugin
from canary.api.raw import part, text
from canary.api.status import COMMIT
from canary.cli.awaiting import DELETED, Awaited, AwaitedParam
from canary.cli.changes import CanaryChanges
from canary.cli.common import DurationParam, here
from canary.cli.connection import Place, read_canary_status, with_plugins
from canary.cli.ending import AnsweredNo, Failed, PersonNeeded, TooLate
from canary.cli.finding import read_canary
from canary.cli.naming import canaries_command
from canary.cli.screen import Screen
from canary.cli.silence import sighting
from canary.cluster.cluster import Cluster
from canary.errors import NotFound, Unreachable
from canary.resources.revision import HASHING
from canary.targets import target_for
from canary.views.awaited import (
    Answer,
    Goal,
    NamedRelease,
    Release,
    TargetRelease,
    WaitEnd,
    overtaken,
    person_needed,
)
from canary.views.canary import canary_view
from canary.views.fleet import standing_line

_WORST_FIRST = (Failed, AnsweredNo, PersonNeeded, TooLate)
_HELP = """
Wait until what the target is at now has been promoted, and say how it ended.

The success of an earlier release is no answer: the controller must have seen the target as it is
when the wait begins. Where another tool changes the target later, name the release by its
annotations (--release, --commit) or the target's generation (--generation). Exit codes: 0 yes, 3 no (rolled back, failed,
overtaken), 4 not in time, 5 held for a
person (with --fail-when-held). Of several Canaries the first of 3, 5 and 4 that has happened counts.
"""
_EXAMPLES = """\b
Examples:
  kubectl set image deployment/shop app=$IMAGE && tidegate wait shop --timeout 30m
  tidegate wait shop --commit 3f2a9c1 --timeout 1h
  tidegate wait shop cart --timeout 30m
  tidegate wait -l app.kubernetes.io/part-of=store --for settled
  tidegate wait shop --for held --timeout 10m
  tidegate wait shop --for condition=Ready
"""


@dataclass(frozen=True, slots=True)
class Glance:
    """What a look at a Canary has seen."""

    line: str
    """Where it is."""
    answer: Answer | None = None
    version: str = ""
    """What the API server calls the state that was seen; empty where none was."""


Look = Callable[[], Awaitable[Glance]]


def _commit(
    _context: click.Context, _parameter: click.Parameter, written: str | None
) -> str | None:
    if written is not None and not re.fullmatch(COMMIT, written):
        raise click.BadParameter(f"{written!r} is no commit; write 7 to 64 hexadecimal digits")
    return written


@click.command(help=_HELP, epilog=_EXAMPLES)
@click.option(
    "--for",
    "awaited",
    type=AwaitedParam(),
    default=Goal.PROMOTED.value,
    show_default=True,
    help="What to wait for: promoted, settled (promoted or failed), held, initialized, deleted, "
    "phase=PHASE or condition=TYPE.",
)
@click.option(
    "--timeout",
    "limit",
    type=DurationParam(),
    default="1h",
    show_default=True,
    help="How long to wait; 0s for as long as it takes.",
)
@click.option("--release", help="Wait for the release that the target's tidegate.dev/release says.")
@click.option(
    "--commit",
    callback=_commit,
    help="Wait for the commit that the target's tidegate.dev/commit or "
    "org.opencontainers.image.revision says; at least its first 7 digits.",
)
@click.option(
    "--generation",
    type=click.IntRange(min=1),
    help="Wait for this generation of the target, or a later one.",
)
@click.option("--fail-when-held", is_flag=True, help="End as soon as a person is needed.")
@with_plugins
@canaries_command
async def wait(
    cluster: Cluster,
    places: Sequence[Place],
    *,
    awaited: Awaited,
    limit: timedelta,
    release: str | None,
    commit: str | None,
    generation: int | None,
    fail_when_held: bool,
) -> None:
    """Wait for an end, and report changes on standard error meanwhile."""
    named = NamedRelease(release=release or "", commit=commit or "")
    if generation and str(named):
        raise click.UsageError("name a release by --generation, or by --release and --commit")
    if generation and len(places) > 1:
        raise click.UsageError("--generation is of one target; name one Canary")
    deadline = monotonic() + limit.total_seconds() if limit else None
    if alone := await _alone(cluster):
        Screen.aside().line(f"{here():%H:%M:%S}  {alone}; the wait goes on")

    async def waiting(place: Place) -> None:
        if awaited.written == DELETED:
            look = _until_deleted(cluster, place)
        else:
            expected = named if str(named) else await _release(cluster, place, generation)
            look = _until(cluster, place, awaited, expected, fail_when_held=fail_when_held)
        try:
            await _wait(cluster, place, look, awaited, deadline)
        except Failed as end:
            if len(places) > 1:
                Screen.aside().line(f"{here():%H:%M:%S}  {end.message}")
            raise

    if len(places) == 1:
        await waiting(places[0])
        return
    ended = await asyncio.gather(*map(waiting, places), return_exceptions=True)
    if others := [each for each in ended if each is not None]:
        raise _worst(others, len(places), awaited.written)


async def _alone(cluster: Cluster) -> str:
    """Say that no controller acts, so that nothing can come of a wait; empty where one does."""
    seen = await sighting(cluster)
    return seen.no_controller(here()) if seen else ""


async def _wait(
    cluster: Cluster, place: Place, look: Look, awaited: Awaited, deadline: float | None
) -> None:
    """Wait for one Canary.

    Raises:
        EndedOtherwise: it has ended otherwise, or not in time.
    """
    shown, changes = "", CanaryChanges(cluster, place)
    while True:
        try:
            seen = await look()
        except Unreachable as error:
            seen = Glance(f"{place.name}  {error.reason}; retrying")
        if seen.answer is not None:
            _end(place, seen.answer)
            return
        if seen.line != shown:
            Screen.aside().line(f"{here():%H:%M:%S}  {seen.line}")
            shown = seen.line
        left = None if deadline is None else deadline - monotonic()
        if left is not None and left <= 0:
            why = "; ".join(filter(None, (shown, await _alone(cluster))))
            raise TooLate(f"{place.name}: not {awaited.written} in time; {why}")
        await changes.after(seen.version, seconds=left)


def _worst(ends: Sequence[BaseException], number: int, awaited: str) -> BaseException:
    """Of several ends give the one that matters most, which names them all."""
    for each in ends:
        if type(each) not in _WORST_FIRST:
            return each
    known = [each for each in ends if isinstance(each, Failed)]
    worst = next(kind for kind in _WORST_FIRST if any(type(each) is kind for each in known))
    told = "; ".join(each.message for each in known)
    return worst(f"{len(known)} of {number} Canaries are not {awaited}: {told}")


def _until(
    cluster: Cluster, place: Place, awaited: Awaited, release: Release, *, fail_when_held: bool
) -> Look:
    """Look for an answer about a release."""
    seen = False

    async def look() -> Glance:
        nonlocal seen
        manifest = await read_canary(cluster, place)
        status = read_canary_status(place, manifest)
        found = awaited.asked(status, release)
        if found is None and fail_when_held:
            found = person_needed(status, release)
        if found is None and seen:
            found = overtaken(status, release)
        version = manifest["metadata"]["resourceVersion"]
        if not (seen or release.seen_by(status)):
            waits = f"{place.name}  waiting for the controller to see {release}"
            return Glance(waits, found, version)
        seen = True
        return Glance(standing_line(canary_view(manifest)), found, version)

    return look


def _until_deleted(cluster: Cluster, place: Place) -> Look:
    async def look() -> Glance:
        try:
            manifest = await cluster.read(place.kind, place.namespace, place.name)
        except NotFound:
            return Glance("", Answer(ending=WaitEnd.YES, message="deleted"))
        version = manifest["metadata"]["resourceVersion"]
        return Glance(standing_line(canary_view(manifest)), version=version)

    return look


async def _release(cluster: Cluster, place: Place, generation: int | None) -> TargetRelease:
    """Read the target of a Canary; where no generation is asked for, which revision it is at.

    Raises:
        Failed: there is no such Canary or target, or no installed plug-in reads its kind.
    """
    manifest = await read_canary(cluster, place)
    view = canary_view(manifest)
    try:
        reference = part(manifest.get("spec"), "targetRef")
        target = target_for(view.target.kind, text(reference, "apiVersion"))
        found = await cluster.read(target.kind, place.namespace, view.target.name)
    except (NotFound, UnknownPlugin) as error:
        raise Failed(f"{place.name}: its target cannot be read: {error}") from error
    uid = found["metadata"]["uid"]
    if generation is not None:
        return TargetRelease(uid=uid, generation=generation, revision="")
    status = read_canary_status(place, manifest)
    digest = HASHING.template_digest(target.written(found))
    return TargetRelease(
        uid=uid,
        generation=found["metadata"]["generation"],
        revision=HASHING.revision_of(digest, status.tracked_configs, [status.last_applied_spec]),
    )


def _end(place: Place, found: Answer) -> None:
    """Print the answer, and end as it says.

    Raises:
        AnsweredNo: the answer is no.
        PersonNeeded: a person must do something first.
    """
    message = f"{place.name}: {found.message}"
    match found.ending:
        case WaitEnd.YES:
            Screen().line(message)
        case WaitEnd.NO:
            raise AnsweredNo(message)
        case WaitEnd.HELD:
            raise PersonNeeded(message)

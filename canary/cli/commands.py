"""`tidegate approve`, `reject`, `retry`, `abort`, `pause`, `resume`, `skip`, `promote`.

Each leaves an annotation on the Canary, with who asks and why; the controller acts on it, records
it in the status, and removes it. The command waits for that record, and says what came of it.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from time import monotonic

import click

from canary.api.annotations import AT_GATES, PREFIX
from canary.api.kinds import Manifest
from canary.api.people import WebhookType
from canary.api.status import CanaryStatus, CommandRecord
from canary.cli.common import DurationParam, here
from canary.cli.connection import Place, read_canary_status
from canary.cli.ending import CommandRefused, TooLate
from canary.cli.finding import read_canary
from canary.cli.naming import canary_command
from canary.cli.screen import Screen
from canary.cli.silence import silence
from canary.cli.who import user_of
from canary.cluster.cluster import Cluster
from canary.cluster.commands import CommandWaits, leave_command
from canary.core.conditions import INVALID
from canary.core.gates import held_gates
from canary.core.signature import Signature
from canary.core.skips import Skip
from canary.views.given import CONSEQUENCES
from canary.views.moments import moment

_LOOK_SECONDS = 0.25
_REPORTED = timedelta(seconds=10)
_SETTLED = timedelta(minutes=2)


def _command(verb: str, help_text: str) -> click.Command:
    @canary_command
    async def give(
        cluster: Cluster,
        place: Place,
        *,
        reason: str,
        limit: timedelta | None,
        wait: bool,
        yes: bool = False,
        gate: str | None = None,
        to: str = "",
        gates: bool = False,
    ) -> None:
        now = here()
        manifest = await read_canary(cluster, place)
        status = read_canary_status(place, manifest)
        subject = shut_gate(place, status, gate) if verb in AT_GATES else ""
        if verb == "skip":
            subject = str(Skip.of(status, gates=gates, to=to))
        if verb in CONSEQUENCES and not yes and sys.stdin.isatty():
            click.confirm(f"{place.name}: {CONSEQUENCES[verb]} Go on?", abort=True)
        user = await user_of(cluster)
        signature = Signature.of(user, "cli", now, subject=subject, reason=reason)
        try:
            await leave_command(
                *(cluster, place.kind, place.namespace, place.name, verb, str(signature)),
                read=lambda: read_canary(cluster, place),
                seconds=(limit or _REPORTED).total_seconds(),
            )
        except CommandWaits as waits:
            why = await silence(cluster, place, manifest)
            told = f"{place.name}: {verb} was not left: {waits}"
            raise CommandRefused(
                f"{told}{f'; {why}' if why else ''}. Take it back with: {_take_back(place, verb)}"
            ) from waits
        if not wait:
            Screen().tell(f"{place.name}: {verb} is left for the controller, by {user}")
            return
        record, after = await _outcome(cluster, place, verb, str(signature), limit)
        at = moment(record.at, now)
        Screen().tell(f"{place.name}: {verb} accepted at {at} for {user}; {_now(after)}")

    options: Iterable[Callable[[Callable[..., None]], Callable[..., None]]] = (
        click.option("--reason", default="", help="Why; it is kept in the status and events."),
        click.option(
            "--timeout",
            "limit",
            type=DurationParam(),
            help=f"How long to wait for what comes of it; {'2m' if verb == 'abort' else '10s'} "
            "when left out.",
        ),
        click.option("--wait/--no-wait", default=True, help="Whether to wait at all."),
    )
    for option in options:
        give = option(give)
    if verb in CONSEQUENCES:
        give = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")(give)
    if verb in AT_GATES:
        types = [each.value for each in WebhookType if each.is_gate]
        text = "The gate's type, where several are shut."
        give = click.option("--gate", type=click.Choice(types), help=text)(give)
    if verb == "skip":
        step = "The step to go on with, by its name or number; the next one when left out."
        give = click.option("--to", default="", metavar="STEP", help=step)(give)
        give = click.option("--gates", is_flag=True, help="Open the gates on the way.")(give)
    return click.command(name=verb, help=help_text)(give)


def shut_gate(place: Place, status: CanaryStatus, type_: str | None) -> str:
    """Name the one gate that is shut, or the one of a type.

    Raises:
        CommandRefused: there is none.
        UsageError: there are several.
    """
    shut: Mapping[str, WebhookType] = held_gates(status)
    meant = [name for name, each in shut.items() if type_ in {None, each}]
    if not meant:
        what = f"no gate {type_} is shut" if type_ else "no gate is shut"
        raise CommandRefused(f"{place.name}: {what}; {_now(status)}")
    if len(meant) > 1:
        types = ", ".join(sorted(shut.values()))
        raise click.UsageError(f"several gates are shut ({types}); name one with --gate")
    return meant[0]


async def _outcome(
    cluster: Cluster, place: Place, verb: str, value: str, limit: timedelta | None
) -> tuple[CommandRecord, CanaryStatus]:
    """Wait for the record of a command, and for what it has asked for.

    Raises:
        CommandRefused: the controller has refused it, or does not answer.
        TooLate: it was obeyed, and what it has asked for takes longer.
    """
    started = monotonic()
    while True:
        manifest = await read_canary(cluster, place)
        status = read_canary_status(place, manifest)
        record = next(
            (each for each in status.commands if (each.verb, each.value) == (verb, value)), None
        )
        if record is not None and not record.accepted:
            raise CommandRefused(f"{place.name}: {verb} refused: {record.message}")
        if record is not None and (verb != "abort" or not status.canary_weight):
            return record, status
        patience = limit or (_REPORTED if record is None else _SETTLED)
        if monotonic() >= started + patience.total_seconds():
            break
        await asyncio.sleep(_LOOK_SECONDS)
    if record is not None:
        raise TooLate(f"{place.name}: {verb} accepted; {_now(status)}")
    raise CommandRefused(await _unanswered(cluster, place, verb, manifest, status))


async def _unanswered(
    cluster: Cluster, place: Place, verb: str, manifest: Manifest, status: CanaryStatus
) -> str:
    """Say why a command may have been left where it is, and how to take it back."""
    invalid = status.condition(INVALID)
    if (manifest.get("spec") or {}).get("suspend") is True:
        why = "the Canary is suspended (spec.suspend), and commands wait until it is not"
    elif "deletionTimestamp" in manifest["metadata"]:
        why = "the Canary is being deleted"
    elif invalid is not None and invalid.status == "True":
        why = f"the Canary is invalid, and nothing is done until it is mended: {invalid.message}"
    else:
        why = await silence(cluster, place, manifest) or "the controller has not answered in time"
    return (
        f"{place.name}: {verb} was not obeyed: {why}. It stays asked for; take it back with: "
        f"{_take_back(place, verb)}"
    )


def _take_back(place: Place, verb: str) -> str:
    canary = f"{place.kind.plural}.{place.group} {place.name} -n {place.namespace}"
    return f"kubectl annotate {canary} {PREFIX}{verb}-"


def _now(status: CanaryStatus) -> str:
    """Say in a few words where a Canary is."""
    weight = f", {status.canary_weight} % to the canary" if status.canary_weight else ""
    wait = status.waiting_for
    waiting = f", waiting for {wait.reason}: {wait.message}" if wait else ""
    return f"it is {status.phase or 'New'} now{weight}{waiting}"


approve = _command("approve", "Open the gate that a Canary waits at.")
reject = _command("reject", "Refuse at the gate that a Canary waits at: the run is rolled back.")
retry = _command("retry", "Run a failed revision again, without a change of its pod template.")
abort = _command("abort", "Roll the run under way back.")
pause = _command("pause", "Hold the run under way at its weight.")
resume = _command("resume", "Go on with a paused run.")
skip = _command("skip", "Go on from the step of the run at once, or with another step.")
expedite = _command(
    "expedite",
    "Let the run under way pass the windows and the line of every DeliveryPolicy, and the waves of a "
    "FleetPlan.",
)
promote = _command("promote", "Promote the revision under test now, without further analysis.")

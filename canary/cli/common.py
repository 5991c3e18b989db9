"""What every command that talks to a cluster offers beside its own options, in one table.

A command is not given these: the connection, the screen and the clock ask for them here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from analysis.durations import parse_duration

_Command = Callable[..., None]
_PLACE = "tidegate.common"


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What a person has asked for of a command, whatever the command is."""

    user: str = ""
    """Whom to act for; empty for oneself."""
    groups: tuple[str, ...] = ()
    request_timeout: timedelta = timedelta(seconds=30)
    """How long one request to the API server may take."""
    quiet: bool = False
    """Whether to print data and errors alone."""
    color: bool = True
    utc: bool = False
    """Whether to write times in UTC, and not in the zone of this machine."""


def common() -> Common:
    """Give what was asked for in the command that runs."""
    context = click.get_current_context(silent=True)
    given: Common | None = context.meta.get(_PLACE) if context else None
    return given or Common()


def here() -> datetime:
    """Tell the time, in the zone in which times are written."""
    return datetime.now(UTC) if common().utc else datetime.now().astimezone()


class DurationParam(click.ParamType[timedelta]):
    """A duration, as it is written in a Canary."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Read a duration."""
        if isinstance(value, timedelta):
            return value
        try:
            return timedelta(seconds=parse_duration(str(value)))
        except ValueError:
            self.fail(f"{value!r} is no duration; write it like 30m, 1h or 1h30m", param, ctx)


def _take(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    assert parameter.name is not None
    context.meta[_PLACE] = replace(common(), **{parameter.name: value})


def _option(*names: str, **attributes: Any) -> Callable[[_Command], _Command]:
    return click.option(*names, expose_value=False, callback=_take, **attributes)


_TABLE = (
    _option("--as", "user", default="", metavar="USER", help="Act as this user, by impersonation."),
    _option(
        "--as-group",
        "groups",
        multiple=True,
        metavar="GROUP",
        help="A group that this user is in; may be repeated.",
    ),
    _option(
        "--request-timeout",
        type=DurationParam(),
        default="30s",
        show_default=True,
        help="How long one request to the API server may take.",
    ),
    _option("-q", "--quiet", is_flag=True, help="Print data and errors, and no talk beside them."),
    _option("--utc", is_flag=True, help="Write times in UTC."),
    _option(
        "--color/--no-color",
        default=True,
        help="Whether to colour in a terminal; NO_COLOR in the environment says no as well.",
    ),
)


def with_common(command: _Command) -> _Command:
    """Offer the options of the table."""
    for option in reversed(_TABLE):
        command = option(command)
    return command


def reaching_a_cluster(command: _Command) -> _Command:
    """Offer the options that tell which cluster is meant, and those that every command has."""
    command = click.option("--context", help="The context in the kubeconfig.")(command)
    command = click.option("--kubeconfig", envvar="KUBECONFIG", help="The kubeconfig file.")(
        command
    )
    return with_common(command)


text_or_json = click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Lines for people, or one document for programs.",
)
"""The option of commands that report what they found; they take it as `form`."""


def acts_for() -> tuple[str, tuple[str, ...]] | None:
    """Tell for whom to act: a user and groups; None for oneself.

    Raises:
        UsageError: groups are named, and no user.
    """
    asked = common()
    if asked.groups and not asked.user:
        raise click.UsageError("--as-group needs a user: name one with --as")
    return (asked.user, asked.groups) if asked.user else None

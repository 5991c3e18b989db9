"""`tidegate dashboard`: the options of an app of Slack's whose buttons are answered."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from canary.cli.dashboard_ways import read_secret
from canary.cli.ending import Failed
from canary.dashboard.chat_people import ChatPeople, UnreadableIdentities

if TYPE_CHECKING:
    from canary.dashboard.process import Chat

_Command = Callable[..., None]
_FILE = click.Path(path_type=Path, dir_okay=False)
_OPTIONS = (
    click.option(
        "--slack-app", default="", metavar="ID", help="The app whose buttons are answered: A0…."
    ),
    click.option(
        "--slack-workspace",
        "slack_workspaces",
        multiple=True,
        metavar="ID",
        help="Where the app is installed: T0…. May be repeated.",
    ),
    click.option(
        "--slack-app-token-file",
        type=_FILE,
        help="The file of the app-level token, with which a socket to Slack is opened (Socket Mode).",
    ),
    click.option(
        "--slack-signing-secret-file",
        type=_FILE,
        help="The file of the signing secret, where Slack sends requests to /slack/interactions.",
    ),
    click.option(
        "--slack-bot-token-file",
        type=_FILE,
        help="The file of the bot's token, where identities go by mail address (slackMail).",
    ),
    click.option(
        "--identities",
        type=_FILE,
        help="The file that says which users of the cluster the people of the app, and of links, are.",
    ),
    click.option(
        "--slack-api",
        default="",
        metavar="URL",
        help="The address of Slack's API, where it is another one: https://slack-gov.com/api/.",
    ),
)


def slack_options(command: _Command) -> _Command:
    """Offer them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackOptions:
    """What they say; empty where they were left out."""

    slack_app: str
    slack_workspaces: tuple[str, ...]
    slack_app_token_file: Path | None
    slack_signing_secret_file: Path | None
    slack_bot_token_file: Path | None
    identities: Path | None
    slack_api: str

    @classmethod
    def take(cls, options: dict[str, Any]) -> Self:
        """Take them out of the options of a command."""
        return cls(**{each.name: options.pop(each.name) for each in fields(cls)})

    def chat(self, *, many: bool, read_only: bool) -> "Chat | None":
        """Make what answers the app's buttons; None where there is no app.

        Raises:
            UsageError: an option is missing, or does not go with another; says which.
            Failed: a file cannot be read.
        """
        given = [each.name for each in fields(self) if getattr(self, each.name)]
        if set(given) <= {"identities"}:
            return None
        if not many or read_only:
            other = (
                "an --auth for many people" if not many else "commands, and --read-only has none"
            )
            raise click.UsageError(f"{_option(given[0])} needs {other}")
        for name in ("slack_app", "slack_workspaces", "identities"):
            if not getattr(self, name):
                raise click.UsageError(f"{_option(given[0])} needs {_option(name)}")
        token, secret = self.slack_app_token_file, self.slack_signing_secret_file
        if not (token or secret):
            raise click.UsageError(
                "--slack-app needs --slack-app-token-file or --slack-signing-secret-file"
            )
        api = self.slack_api
        if api and not api.startswith("https://"):
            raise click.UsageError(f"--slack-api: {api!r}: write https://…")
        assert self.identities is not None
        try:
            mails = ChatPeople(self.identities).mails()
        except UnreadableIdentities as error:
            raise Failed(f"--identities: {error}") from error
        bot_token = self.slack_bot_token_file
        if mails is not None and bot_token is None:
            raise click.UsageError(
                "--identities with slackMail needs --slack-bot-token-file: Slack is asked for addresses"
            )
        from canary.dashboard.slack import API, SlackApp, answering

        app = SlackApp(
            app=self.slack_app,
            workspaces=frozenset(self.slack_workspaces),
            identities=self.identities,
            bot_token=read_secret(bot_token) if bot_token else "",
            app_token=read_secret(token) if token else "",
            signing_secret=read_secret(secret) if secret else "",
            api=f"{(api or API).removesuffix('/')}/",
        )
        return partial(answering, app)


def _option(name: str) -> str:
    return f"--{name.removesuffix('s') if name == 'slack_workspaces' else name}".replace("_", "-")

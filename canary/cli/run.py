"""`tidegate run`: run the controller."""

import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from canary.settings import Settings
from canary.settings.options import Option, OptionType


def _with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Offer every setting as an option; secrets come from the environment alone."""
    for option in reversed(Settings.options()):
        if not option.secret:
            command = _offer(option)(command)
    return command


def _offer(option: Option) -> Callable[[Callable[..., None]], Callable[..., None]]:
    default = option.shown_default
    text = f"{option.help}  [env: {option.environment}" + (
        f"; default: {default}]" if default else "]"
    )
    if option.form is OptionType.FLAG:
        flag = f"{option.flag}/--no-{option.flag.removeprefix('--')}"
        return click.option(flag, option.name, default=None, help=text)
    kind = click.Choice(option.choices) if option.choices else None
    return click.option(option.flag, option.name, default=None, type=kind, help=text)


@click.command
@_with_settings
def run(**flags: Any) -> None:
    """Run the controller until it receives SIGTERM."""
    from canary.__main__ import run as run_controller

    environ = dict(os.environ)
    for name, path in Settings.files(environ).items():
        environ[name] = Path(path).read_text(encoding="utf-8").strip()
    run_controller(Settings.read(environ, flags), version=version("tidegate"))

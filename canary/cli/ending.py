"""How a command ends that could not say yes: what it prints, and its exit code."""

import click


class TooLate(click.ClickException):
    """The time is up."""

    exit_code = 4


class Refused(click.ClickException):
    """The controller has refused a command, or does not answer."""

    exit_code = 6

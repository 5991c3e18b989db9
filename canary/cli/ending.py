"""How a command ends that could not say yes: what it prints, and its exit code."""

import click

from canary.controller.logs import printable


class Failed(click.ClickException):
    """It could not be done; what others wrote in the message is shown as words."""

    def format_message(self) -> str:
        """Write the message on one line."""
        return printable(self.message)


class AnsweredNo(Failed):
    """It was done, and the answer is no."""

    exit_code = 3


class PersonNeeded(Failed):
    """It goes on only when a person has done something."""

    exit_code = 5


class TooLate(Failed):
    """The time is up."""

    exit_code = 4


class CommandRefused(Failed):
    """The controller has refused a command, or does not answer."""

    exit_code = 6

"""Commands as people read them: what each does, and what came of those that were given."""

from collections.abc import Mapping
from datetime import datetime

from canary.core.signature import Signature
from canary.views.canary import CommandView
from canary.views.moments import moment

CONSEQUENCES: Mapping[str, str] = {
    "abort": "The run is rolled back now: the primary gets all traffic.",
    "expedite": "The run waits for no window of a DeliveryPolicy and in no line.",
    "promote": "The revision is promoted now, without the steps, gates and analyses that are left.",
}
"""What a person must confirm, by verb."""


def given(command: CommandView, now: datetime) -> str:
    """Say when a command was given, by whom, and what came of it."""
    return f"{moment(command.at, now)} {command_told(command)}"


def command_told(command: CommandView) -> str:
    """Say who gave a command, and what came of it."""
    signed = Signature.read(command.value)
    outcome = "accepted" if command.accepted else f"refused: {command.message}"
    tool = f" via {signed.tool}" if signed.tool else ""
    reason = f" ({signed.reason})" if signed.reason else ""
    return f"{command.verb} by {signed.giver}{tool}{reason}: {outcome}"


def asked(verb: str, value: str) -> str:
    """Say of a command that it is still to be obeyed."""
    return f"{verb} {Signature.read(value).shown}: waiting for the controller"


def lacking(verb: str, missing: str, namespace: str) -> str:
    """Say which verb of RBAC a person lacks for a command."""
    return f"{verb} takes the verb {missing} on canaries in {namespace}, which you do not have"

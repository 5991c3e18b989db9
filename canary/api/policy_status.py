"""The status of a DeliveryPolicy: whether runs may start, which have a place, and how many wait."""

from pydantic import Field

from canary.api.status import Moment, Sentence, StatusModel, Word, read_leniently

MOST_GRANTS = 500
"""So many grants a status holds: a policy's limit, and the members of groups beside it."""


class Grant(StatusModel):
    """A place among the runs that may be under way at once."""

    canary: Sentence = Field(description="The Canary, as namespace/name.")
    uid: Word = Field(description="UID of the Canary.")
    run: int = Field(ge=0, description="The number of the run.")


class DeliveryPolicyStatus(StatusModel):
    """What the controller says of a policy, and has granted by it."""

    open: bool = Field(
        default=True, description="Whether its stop and its windows let runs start now."
    )
    reason: Sentence = Field(default="", description="Why they do not: the stop, or the window.")
    next_change: Moment | None = Field(
        default=None,
        description="When its windows change that next; left out during a stop, and where they do "
        "not within 400 days.",
    )
    running: tuple[Grant, ...] = Field(
        default=(), description="The runs that have a place, from when they may start to their end."
    )
    granted: int = Field(default=0, ge=0, description="How many runs have a place.")
    queued: int = Field(default=0, ge=0, description="Runs that wait in line for a place.")

    def grants(self, uid: str, run: int) -> bool:
        """Tell whether a run of a Canary has a place."""
        return any((each.uid, each.run) == (uid, run) for each in self.running)


def read_policy_status(raw: object) -> DeliveryPolicyStatus:
    """Read the status of a policy, giving every part that does not decode its default."""
    return read_leniently(DeliveryPolicyStatus, raw)

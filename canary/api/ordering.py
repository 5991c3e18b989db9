"""How Canaries stand to each other: what goes first, what waits for what, what goes together."""

from enum import StrEnum

from pydantic import Field

from canary.api.fields import Name
from canary.api.meta import ApiModel


class OnFailure(StrEnum):
    """What becomes of the others of a group when one of them is rolled back."""

    TOGETHER = "Together"
    ALONE = "Alone"


class CanaryGroup(ApiModel):
    """The Canaries of a namespace that release together."""

    name: Name = Field(description="Name of the group, the same in each Canary of it.")
    on_failure: OnFailure = Field(
        default=OnFailure.TOGETHER,
        description="Together rolls this Canary back when another one of the group is rolled back, "
        "until its promotion has begun; Alone goes on without that one.",
    )

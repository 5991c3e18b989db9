"""The FleetPlan: in which order clusters begin a release, and what stands between them.

It is an object of the hub, written by people; clusters are named, not selected: one that has never
reported holds what follows, and does not vanish.
"""

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from canary.api.fields import CallerNamespace, Flag, Form, NumberOrText, Span, Whole, wrong
from canary.api.meta import ApiModel, ObjectMeta

MOST_WAVES = 16
MOST_CLUSTERS = 100
"""In one wave."""
_WHOLE = 100

WaveName = Annotated[
    str,
    Form(
        r"[a-z0-9]([-a-z0-9]*[a-z0-9])?",
        "write a name of lower-case letters, digits and hyphens, such as first",
        maximum=40,
    ),
]


class _NumberOrShare(NumberOrText):
    """A number from 1, or a percentage from 1% to 100%."""

    def check(self, value: object) -> int | str:
        """Return what was written, or raise with the remedy."""
        if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
            return value
        if isinstance(value, str) and re.fullmatch(r"([1-9][0-9]?|100)%", value):
            return value
        raise wrong("write a number from 1 (not quoted), or a percentage from 1% to 100%")


class OnUnreachable(StrEnum):
    """What becomes of a wave with a cluster that is silent."""

    HOLD = "Hold"
    SKIP = "Skip"


class WayBack(StrEnum):
    """How a release that the plan has seen through is begun again."""

    IMMEDIATE = "Immediate"
    WAVES = "Waves"


class FleetWave(ApiModel):
    """Clusters that begin a release together."""

    name: WaveName = Field(description="Name of the wave, for the people who wait and approve.")
    clusters: tuple[CallerNamespace, ...] = Field(
        min_length=1,
        max_length=MOST_CLUSTERS,
        description="The clusters, each by the name of its namespace on the hub. One that several "
        "waves name belongs to the first of them.",
    )
    max_concurrent: Annotated[int | str, _NumberOrShare()] | None = Field(
        default=None,
        description="How many of its clusters may have a run under way at once: a number, or a "
        "percentage, which is rounded down and is at least 1; all when left out.",
    )
    bake: Annotated[timedelta, Span(timedelta(seconds=1), timedelta(days=14))] | None = Field(
        default=None,
        description="How long this wave waits once the clusters of the waves before have promoted.",
    )
    approval: Flag = Field(
        default=False, description="Whether a person opens this wave, for each release."
    )

    def limit(self, total: int) -> int:
        """Say how many may have a run under way at once of so many clusters that are its own."""
        if self.max_concurrent is None:
            return total
        if isinstance(self.max_concurrent, int):
            return self.max_concurrent
        return max(1, total * int(self.max_concurrent.rstrip("%")) // _WHOLE)


def _named_once(waves: tuple[FleetWave, ...]) -> tuple[FleetWave, ...]:
    """Refuse two waves of one name; the API server does so by the list's key."""
    if len({each.name for each in waves}) < len(waves):
        raise wrong("give each wave a name of its own")
    return waves


class FleetPlanSpec(ApiModel):
    """In which order clusters begin a release."""

    waves: Annotated[tuple[FleetWave, ...], AfterValidator(_named_once)] = Field(
        min_length=1, max_length=MOST_WAVES, description="The waves, in their order."
    )
    max_failures: Annotated[int, Whole(0, MOST_CLUSTERS)] = Field(
        default=0,
        description="How many clusters of a wave may roll a release back before it is halted "
        "everywhere.",
    )
    on_unreachable: OnUnreachable = Field(
        default=OnUnreachable.HOLD,
        description="Hold waits for a cluster that is silent; Skip goes on without it.",
    )
    report_timeout: Annotated[timedelta, Span(timedelta(minutes=1), timedelta(days=1))] = Field(
        default=timedelta(minutes=5),
        description="For how long a cluster shows no sign of life before it counts as silent.",
    )
    way_back: WayBack = Field(
        default=WayBack.IMMEDIATE,
        description="How an earlier release begins that this plan has seen through: Immediate in "
        "all clusters at once, Waves like any other.",
    )
    stop: Flag = Field(default=False, description="While this is true, no run starts by this plan.")


class FleetPlan(ApiModel):
    """In which order clusters begin a release, and what stands between them."""

    model_config = ConfigDict(extra="ignore")

    api_version: Literal["tidegate.dev/v1beta1"] = Field(
        description="API group and version of this object."
    )
    kind: Literal["FleetPlan"] = Field(description="Kind of this object.")
    metadata: ObjectMeta = Field(description="Name, labels and the like.")
    spec: FleetPlanSpec = Field(description="In which order clusters begin a release.")

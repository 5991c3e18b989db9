"""How many replicas the canary has, in a run or in a step of one."""

from typing import Annotated

from pydantic import ConfigDict, Field

from canary.api.fields import Flag, Share, Whole
from canary.api.meta import ApiModel
from canary.api.rules import ONE_SCALE, rules


class CanaryScale(ApiModel):
    """The canary's replicas: as many, a part of the primary's, or what its weight needs."""

    model_config = ConfigDict(json_schema_extra=rules(ONE_SCALE))

    replicas: Annotated[int, Whole(1)] | None = Field(
        default=None, description="This many, whatever the primary has."
    )
    percent: Share | None = Field(
        default=None, description="Percent of the primary's replicas, rounded up."
    )
    match_traffic_weight: Flag = Field(
        default=False,
        description="Whether the canary has the part of the primary's replicas that its weight is "
        "of the traffic.",
    )

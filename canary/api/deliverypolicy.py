"""The DeliveryPolicy: what many Canaries at once may do, and when."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, Strict

from canary.api.fields import Form
from canary.api.labels import LabelSelector
from canary.api.meta import ApiModel, ObjectMeta

NamespacePattern = Annotated[
    str,
    Form(
        r"[a-z0-9*]([-a-z0-9*]*[a-z0-9*])?",
        "write the name of a namespace, with * for any part of it, such as shop-*",
        maximum=63,
    ),
]


class StopMode(StrEnum):
    """What a stop does to runs under way."""

    HOLD = "Hold"
    ROLL_BACK = "RollBack"


class PolicyStop(ApiModel):
    """A stop: no run starts, gets more traffic or is promoted."""

    mode: StopMode = Field(
        default=StopMode.HOLD,
        description="Hold keeps runs at their weights; RollBack rolls back every run that has begun "
        "and is not being promoted.",
    )
    reason: Annotated[str, Strict(), Field(min_length=1, max_length=256)] = Field(
        description="Why, for the people who wait, such as the number of an incident."
    )
    by: Annotated[str, Strict(), Field(max_length=253)] = Field(
        default="", description="Who has asked for it; `tidegate stop` writes this."
    )


class DeliveryPolicySpec(ApiModel):
    """Which Canaries a policy binds, and to what."""

    namespaces: tuple[NamespacePattern, ...] = Field(
        default=(),
        max_length=64,
        description="Namespaces whose Canaries it binds, such as `shop-*`; all when left out. It "
        "counts in the controller's namespace only: elsewhere a policy binds its own namespace.",
    )
    selector: LabelSelector | None = Field(
        default=None, description="Canaries that it binds, by their labels; all when left out."
    )
    stop: PolicyStop | None = Field(
        default=None, description="While this is set, no Canary goes on with a new revision."
    )


class DeliveryPolicy(ApiModel):
    """What many Canaries at once may do, and when."""

    model_config = ConfigDict(extra="ignore")

    api_version: Literal["tidegate.dev/v1beta1"] = Field(
        description="API group and version of this object."
    )
    kind: Literal["DeliveryPolicy"] = Field(description="Kind of this object.")
    metadata: ObjectMeta = Field(description="Name, labels and the like.")
    spec: DeliveryPolicySpec = Field(description="Which Canaries it binds, and to what.")

"""The FleetReport: how far the Canaries of one cluster have come with what a FleetPlan orders.

It is an object of the hub, in the cluster's own namespace there, which is what the cluster is known
by: no field says which cluster it is, so a member can speak for no other.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from canary.api.fields import Form
from canary.api.meta import ApiModel, ObjectMeta
from canary.api.status import Moment, Sentence, StatusModel, Word, read_leniently

MOST_REPORTED = 1000
"""Canaries of one plan in one cluster."""

PlanName = Annotated[
    str,
    Form(
        r"[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-a-z0-9.]*[a-z0-9])?",
        "write the plan as namespace/name, such as releases/shop",
        maximum=253,
    ),
]


class FleetState(StrEnum):
    """How far a Canary has come with a release."""

    IDLE = "Idle"
    """It is not initialised, or is being deleted."""
    WAITING = "Waiting"
    """Its run waits for its wave."""
    HELD = "Held"
    """Its run has not started, and waits for something else."""
    RUNNING = "Running"
    PROMOTED = "Promoted"
    """At rest, with this release on the primary."""
    ROLLED_BACK = "RolledBack"


class ReportedCanary(StatusModel):
    """How far one Canary has come."""

    canary: Sentence = Field(description="The Canary, as namespace/name.")
    uid: Word = Field(description="UID of the Canary.")
    release: Word = Field(description="The release that it speaks of.")
    state: FleetState = Field(
        description="Idle, Waiting (for its wave), Held (by something else), Running, Promoted or "
        "RolledBack."
    )
    run: int = Field(default=0, ge=0, description="The number of its newest run.")
    since: Moment | None = Field(default=None, description="Since when it is in its phase.")
    expedited: Word = Field(
        default="", description="Who has started the run without leave of the plan, and why."
    )
    message: Sentence = Field(default="", description="What it waits for, in a sentence.")


class FleetReference(ApiModel):
    """The plan that a Canary goes by."""

    plan: PlanName = Field(
        description="The FleetPlan on the hub, as namespace/name: a run starts with its grant."
    )


class FleetReportSpec(ApiModel):
    """Which plan is reported to."""

    plan: PlanName = Field(description="The FleetPlan, as namespace/name.")


class FleetReportStatus(StatusModel):
    """What a cluster says."""

    canaries: tuple[ReportedCanary, ...] = Field(
        default=(),
        max_length=MOST_REPORTED,
        description="The Canaries of the cluster that name this plan, by name.",
    )


class FleetReport(ApiModel):
    """How far the Canaries of one cluster have come with what a FleetPlan orders."""

    model_config = ConfigDict(extra="ignore")

    api_version: Literal["tidegate.dev/v1beta1"] = Field(
        description="API group and version of this object."
    )
    kind: Literal["FleetReport"] = Field(description="Kind of this object.")
    metadata: ObjectMeta = Field(description="Name, labels and the like.")
    spec: FleetReportSpec = Field(description="Which plan is reported to.")


def report_name(plan: str) -> str:
    """Give the name of the report to a plan, which is namespace/name."""
    return plan.replace("/", ".")


def read_report_status(raw: object) -> FleetReportStatus:
    """Read what a cluster says, giving every part that does not decode its default."""
    return read_leniently(FleetReportStatus, raw)

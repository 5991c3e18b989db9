"""`spec.analysis.steps` of a Canary: the steps of a run, one by one."""

from datetime import timedelta
from typing import Annotated

from pydantic import ConfigDict, Field

from canary.api.fields import Flag, Form, Percent, Span, Whole
from canary.api.meta import ApiModel
from canary.api.metrics import MetricSpec
from canary.api.people import OF_EVERY_HOOK, Webhook
from canary.api.rules import (
    HOOK_IS_FOR_A_STEP,
    MATCHED_STEP_HAS_WEIGHT,
    NAMES_ARE_UNIQUE,
    rules,
)
from canary.api.scale import CanaryScale
from canary.api.traffic import HttpMatch

StepName = Annotated[
    str,
    Form(
        r"[A-Za-z0-9]([A-Za-z0-9 ._-]*[A-Za-z0-9])?",
        "write letters, digits, blanks, dots, hyphens and underscores, with a letter or digit at "
        "both ends",
        maximum=63,
    ),
]


class StepWebhook(Webhook):
    """A call that is made in one step of a run."""

    model_config = ConfigDict(json_schema_extra=rules(HOOK_IS_FOR_A_STEP, *OF_EVERY_HOOK))


class AnalysisStep(ApiModel):
    """One step of a run: what the canary gets, for how long, and what must hold meanwhile."""

    model_config = ConfigDict(json_schema_extra=rules(MATCHED_STEP_HAS_WEIGHT))

    name: StepName | None = Field(
        default=None, description="Name of the step, shown in events and used in commands."
    )
    weight: Percent = Field(
        default=0,
        description="Percent of the requests that the canary answers: of those that match, if "
        "match is set, or of all.",
    )
    match: tuple[HttpMatch, ...] = Field(
        default=(),
        max_length=4,
        description="Requests that take part in this step, as in analysis.match. The primary "
        "answers all others.",
    )
    mirror: Percent = Field(
        default=0, description="Percent of the requests that the canary gets a copy of."
    )
    scale: CanaryScale | None = Field(
        default=None,
        description="How many replicas the canary has in this step, in place of "
        "analysis.canaryScale; never fewer than its weight needs.",
    )
    passes: Annotated[int, Whole(1, 1000)] = Field(
        default=1, description="How many analyses must pass before the step ends."
    )
    duration: Annotated[timedelta, Span(timedelta(0))] = Field(
        default=timedelta(0),
        description="Shortest time that the step lasts. It ends with the first analysis that "
        "passes after that.",
    )
    approval: Flag = Field(
        default=False,
        description="Whether the step ends only when a person approves. The analysis goes on "
        "meanwhile.",
    )
    metrics: tuple[MetricSpec, ...] = Field(
        default=(),
        max_length=8,
        description="What is judged in this step, beside analysis.metrics.",
        json_schema_extra=rules(NAMES_ARE_UNIQUE),
    )
    webhooks: tuple[StepWebhook, ...] = Field(
        default=(),
        max_length=4,
        description="Calls made in this step, beside analysis.webhooks: a "
        "confirm-traffic-increase before it begins, the others with each of its analyses.",
        json_schema_extra=rules(NAMES_ARE_UNIQUE),
    )

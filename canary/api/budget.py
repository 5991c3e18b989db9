"""The error budget that a DeliveryPolicy asks for: where it is read, and how much must be left."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from canary.api.fields import Namespace, Text
from canary.api.meta import ApiModel, NamespacedReference
from canary.api.metrics import Interval, ThresholdRange
from canary.api.rules import BUDGET_HAS_BOUND, rules


class InDoubt(StrEnum):
    """What a budget that gave no value does to a run."""

    HOLD = "hold"
    PASS = "pass"  # noqa: S105 - a verdict


class TemplateReference(NamespacedReference):
    """A MetricTemplate of tidegate.dev."""

    namespace: Namespace | None = Field(
        default=None,
        description="Namespace of the object; that of the DeliveryPolicy when left out.",
    )


class BudgetMetric(ApiModel):
    """The metric that says what is left of an error budget."""

    model_config = ConfigDict(json_schema_extra=rules(BUDGET_HAS_BOUND))

    name: Annotated[str, Field(strict=True, min_length=1, max_length=253)] = Field(
        description="Name of the metric, for the people who wait."
    )
    interval: Interval = Field(
        default=timedelta(minutes=1),
        description="What `{{ interval }}` stands for in the template's query.",
    )
    threshold_range: ThresholdRange = Field(
        description="Where the value must lie for a run to start, such as `min: 20` for percent."
    )
    template_ref: TemplateReference = Field(
        description="The MetricTemplate of tidegate.dev whose query gives the value."
    )
    template_variables: dict[Text, Text] = Field(
        default_factory=dict, max_length=64, description="Variables of the template, by name."
    )
    on_no_data: InDoubt = Field(
        default=InDoubt.HOLD,
        description="When the query finds nothing: hold the run, or pass and let it start.",
    )
    on_error: InDoubt = Field(
        default=InDoubt.HOLD,
        description="When the metric store cannot be asked: hold the run, or pass and let it start.",
    )


class PolicyBudget(ApiModel):
    """An error budget that must be left when a run starts."""

    metric: BudgetMetric = Field(description="What is asked, and how much must be left.")

"""A label selector, as the Kubernetes API writes it."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from canary.api.fields import Form
from canary.api.meta import ApiModel
from canary.api.rules import EXPRESSION_HAS_VALUES, rules

LabelKey = Annotated[
    str,
    Form(
        r"([a-z0-9.-]+/)?[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?",
        "write the key of a label, such as tier or example.com/tier",
        maximum=317,
    ),
]
LabelValue = Annotated[
    str,
    Form(
        r"([A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?)?",
        "write the value of a label: letters, digits, hyphens, dots and underscores",
        maximum=63,
    ),
]


class LabelOperator(StrEnum):
    """How a label is compared."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class LabelExpression(ApiModel):
    """One condition on a label."""

    model_config = ConfigDict(json_schema_extra=rules(EXPRESSION_HAS_VALUES))

    key: LabelKey = Field(description="Key of the label.")
    operator: LabelOperator = Field(description="In, NotIn, Exists or DoesNotExist.")
    values: tuple[LabelValue, ...] = Field(
        default=(), max_length=32, description="The values that In and NotIn compare with."
    )


class LabelSelector(ApiModel):
    """Which objects are meant, by their labels; all conditions must hold."""

    match_labels: dict[LabelKey, LabelValue] = Field(
        default_factory=dict, max_length=32, description="Labels with exactly these values."
    )
    match_expressions: tuple[LabelExpression, ...] = Field(
        default=(), max_length=16, description="Conditions on labels."
    )

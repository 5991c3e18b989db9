"""One metric of an analysis: what is asked, where the value must lie, and who judges it.

How a metric is judged is the business of package `analysis`.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from analysis.builtin import legacy_range
from analysis.model import Bounds
from canary.api.fields import PLUGIN, Flag, Form, LongText, Number, Span, Text, Whole
from canary.api.meta import ApiModel, NamespacedReference
from canary.api.rules import (
    HOLD_LIMIT_IS_FOR_PROOFS,
    METRIC_HAS_BOUND,
    METRIC_HAS_ONE_SOURCE,
    METRIC_HAS_SOURCE,
    RANGE_IS_ORDERED,
    rules,
)

Interval = Annotated[timedelta, Span(timedelta(seconds=1))]


class MetricPolicy(StrEnum):
    """What an analysis does with a metric that gave no value."""

    FAIL = "fail"
    HOLD = "hold"
    PASS = "pass"  # noqa: S105 - a verdict


class CompareWith(StrEnum):
    """Whom a judge compares the canary with."""

    PRIMARY = "primary"
    PREVIOUS = "previous"
    BASELINE = "baseline"


class HoldOutcome(StrEnum):
    """What ends a hold at its limit."""

    ADVANCE = "advance"
    ROLLBACK = "rollback"


class HoldLimit(ApiModel):
    """How long a metric of which nothing is proven may hold the weight, and what then."""

    after: Annotated[timedelta, Span(timedelta(seconds=1))] = Field(
        description="How long it may hold the weight at one step.",
    )
    then: HoldOutcome = Field(
        default=HoldOutcome.ROLLBACK,
        description="What follows: advance, as if its check had passed, or rollback.",
    )


class ThresholdRange(ApiModel):
    """Where a value must lie; the bounds themselves pass."""

    model_config = ConfigDict(json_schema_extra=rules(RANGE_IS_ORDERED))

    min: Number | None = Field(default=None, description="The lowest value that passes.")
    max: Number | None = Field(default=None, description="The highest value that passes.")


class MetricObjective(ApiModel):
    """A service level objective, of whose error budget a run's part is worked out."""

    target: Number = Field(
        ge=50, le=99.9999, description="The percentage of requests that must be good, such as 99.9."
    )
    period_days: Annotated[int, Whole(1, 366)] = Field(
        default=30, description="The days over which it must hold."
    )
    max_spent: Number | None = Field(
        default=None,
        ge=0.0001,
        le=100,
        description="The percentage of the error budget that a canary may spend beyond the primary; "
        "a run that spends more is rolled back.",
    )


class MetricSpec(ApiModel):
    """One metric of an analysis."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            METRIC_HAS_SOURCE, METRIC_HAS_ONE_SOURCE, METRIC_HAS_BOUND, HOLD_LIMIT_IS_FOR_PROOFS
        )
    )

    name: Annotated[str, Field(strict=True, min_length=1, max_length=253)] = Field(
        description="Name of the metric: request-success-rate, request-duration, or any with a "
        "templateRef or query.",
    )
    interval: Interval = Field(
        default=timedelta(minutes=1), description="How far back one query looks."
    )
    threshold: Number | None = Field(
        default=None,
        description="Deprecated, use thresholdRange, beside which it is ignored. The least success "
        "rate, or the most of any other metric, that passes.",
    )
    threshold_range: ThresholdRange | None = Field(
        default=None, description="Where the value must lie."
    )
    query: LongText | None = Field(
        default=None, description="A PromQL query, in place of a MetricTemplate."
    )
    template_ref: NamespacedReference | None = Field(
        default=None, description="The MetricTemplate that asks for the value."
    )
    template_variables: dict[Text, Text] = Field(
        default_factory=dict, max_length=64, description="Variables of the template, by name."
    )
    judge: Annotated[
        str, Form(PLUGIN, "write the name of a judge, such as threshold", maximum=63)
    ] = Field(
        default="threshold",
        description="The judge that says what the value means; threshold compares it with the "
        "bounds.",
    )
    judge_options: dict[Text, Annotated[str, Field(strict=True, min_length=1, max_length=256)]] = (
        Field(
            default_factory=dict,
            max_length=16,
            description='What else the judge must know, such as `alpha: "0.05"`. Each judge names '
            "the options that it reads, and refuses others.",
        )
    )
    compare_with: CompareWith = Field(
        default=CompareWith.PRIMARY,
        description="Whom a judge that compares compares the canary with: the primary now, the "
        "canary of the previous promoted release after the same time of its analysis, or a "
        "baseline: the primary's revision in pods as many and as old as the canary's, with the same "
        "weight.",
    )
    objective: MetricObjective | None = Field(
        default=None,
        description="The objective of the service. A run's end says how much of its error budget the "
        "canary has spent beyond the primary; for judges that count requests.",
    )
    min_requests: Annotated[int, Whole(0)] = Field(
        default=50,
        description="How many requests the canary must have had in a run before a judge that counts "
        "requests gives a verdict without a proof.",
    )
    on_inconclusive: MetricPolicy = Field(
        default=MetricPolicy.PASS,
        description="When a judge that looks for a proof has enough requests and none: fail the "
        "check, hold the weight until the deadline, or pass.",
    )
    hold_limit: HoldLimit | None = Field(
        default=None,
        description="How long the metric may hold the weight at one step because its judge has no "
        "proof, or too few requests or values for one, and what then. Neither an outage nor missing "
        "data ends so. Without it analysis.holdTimeout rolls the run back.",
    )
    failure_limit: Annotated[int, Whole(0)] | None = Field(
        default=None,
        description="How many failed checks of this metric a run may have; one more rolls it back. "
        "They do not count towards analysis.threshold then.",
    )
    consecutive_failures: Annotated[int, Whole(1)] | None = Field(
        default=None,
        description="How many failed checks of this metric in a row roll the run back. They do not "
        "count towards analysis.threshold then.",
    )
    consecutive_errors: Annotated[int, Whole(1)] | None = Field(
        default=None,
        description="How many times in a row this metric may not be answered until the run is "
        "rolled back; analysis.holdTimeout alone ends it when left out.",
    )
    inconclusive_limit: Annotated[int, Whole(0)] | None = Field(
        default=None,
        description="How many analyses without a verdict on this metric a run may have; one more "
        "rolls it back.",
    )
    warm_up: Annotated[timedelta, Span(timedelta(0), timedelta(hours=1))] = Field(
        default=timedelta(0),
        description="How long the metric is not judged, from the beginning of the step in which it "
        "is judged first. The step does not end before.",
    )
    critical: Flag = Field(
        default=False,
        description="Whether one failed check of this metric rolls the run back, whatever "
        "analysis.threshold and analysis.score are.",
    )
    weight: Annotated[int, Whole(1, 1000)] = Field(
        default=1, description="How much of the analysis's score this metric is."
    )
    shadow: Flag = Field(
        default=False,
        description="Whether the metric is judged and shown, and never acted on.",
    )
    on_no_data: MetricPolicy = Field(
        default=MetricPolicy.FAIL,
        description="When the query finds nothing: fail the check, hold the weight, or pass.",
    )
    on_error: MetricPolicy = Field(
        default=MetricPolicy.HOLD,
        description="When the provider cannot be asked: fail the check, hold the weight until the "
        "deadline, or pass.",
    )

    @property
    def bounds(self) -> Bounds:
        """Where the value must lie, also where the spec says it as Flagger does."""
        if self.threshold_range is not None:
            return Bounds(min=self.threshold_range.min, max=self.threshold_range.max)
        return legacy_range(self.name, self.threshold) if self.threshold is not None else Bounds()

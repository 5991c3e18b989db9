"""`spec.analysis` of a Canary: how far each step goes, and what healthy means.

Hooks and alerts are in `people.py`; how a metric is judged is the business of package `analysis`.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from canary.api.fields import (
    PLUGIN,
    Flag,
    Form,
    LongText,
    Number,
    Percent,
    Share,
    Span,
    Text,
    Whole,
)
from canary.api.meta import ApiModel, NamespacedReference
from canary.api.people import AlertReference, Webhook
from canary.api.rules import (
    COOKIES_DIFFER,
    METRIC_HAS_BOUND,
    METRIC_HAS_ONE_SOURCE,
    METRIC_HAS_SOURCE,
    NAMES_ARE_UNIQUE,
    ONE_STEP_STYLE,
    RANGE_IS_ORDERED,
    STEP_WEIGHTS_ASCEND,
    rules,
)
from canary.api.traffic import HttpMatch

Interval = Annotated[timedelta, Span(timedelta(seconds=1))]
CookieName = Annotated[
    str, Form(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", "write the name of a cookie", maximum=128)
]


class MetricPolicy(StrEnum):
    """What an analysis does with a metric that gave no value."""

    FAIL = "fail"
    HOLD = "hold"
    PASS = "pass"  # noqa: S105 - a verdict


class PodFailurePolicy(StrEnum):
    """When pods that cannot run end a run."""

    FAST = "fast"
    DEADLINE = "deadline"


class SameSite(StrEnum):
    """With which requests of other sites a browser sends a cookie."""

    STRICT = "Strict"
    LAX = "Lax"
    NONE = "None"


class ThresholdRange(ApiModel):
    """Where a value must lie; the bounds themselves pass."""

    model_config = ConfigDict(json_schema_extra=rules(RANGE_IS_ORDERED))

    min: Number | None = Field(default=None, description="The lowest value that passes.")
    max: Number | None = Field(default=None, description="The highest value that passes.")


class MetricSpec(ApiModel):
    """One metric of an analysis."""

    model_config = ConfigDict(
        json_schema_extra=rules(METRIC_HAS_SOURCE, METRIC_HAS_ONE_SOURCE, METRIC_HAS_BOUND)
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
    on_no_data: MetricPolicy = Field(
        default=MetricPolicy.FAIL,
        description="When the query finds nothing: fail the check, hold the weight, or pass.",
    )
    on_error: MetricPolicy = Field(
        default=MetricPolicy.HOLD,
        description="When the provider cannot be asked: fail the check, hold the weight until the "
        "deadline, or pass.",
    )


class SessionAffinity(ApiModel):
    """A cookie that keeps a client on the side it was sent to."""

    model_config = ConfigDict(json_schema_extra=rules(COOKIES_DIFFER))

    cookie_name: CookieName = Field(description="Name of the canary's cookie.")
    primary_cookie_name: CookieName | None = Field(
        default=None, description="Name of the primary's cookie; without it only the canary sticks."
    )
    domain: Text | None = Field(default=None, description="Domain attribute of the cookie.")
    path: Text | None = Field(default=None, description="Path attribute of the cookie.")
    max_age: Annotated[int, Whole(1)] = Field(
        default=86400, description="Lifetime of the cookie, in seconds."
    )
    http_only: Flag = Field(default=False, description="Whether scripts cannot read the cookie.")
    secure: Flag = Field(default=False, description="Whether the cookie is sent over TLS only.")
    partitioned: Flag = Field(
        default=False, description="Whether the cookie is kept apart for each top-level site."
    )
    same_site: SameSite | None = Field(
        default=None, description="With which requests of other sites the cookie is sent."
    )


class Analysis(ApiModel):
    """How traffic moves to a new revision, and what healthy means."""

    model_config = ConfigDict(json_schema_extra=rules(ONE_STEP_STYLE))

    interval: Interval = Field(
        default=timedelta(seconds=60), description="Time between two analyses, at least 1s."
    )
    threshold: Annotated[int, Whole(0)] = Field(
        default=1,
        description="How many failed checks of one run roll it back; 0 counts as 1.",
    )
    iterations: Annotated[int, Whole(1)] | None = Field(
        default=None,
        description="How many analyses must pass before the promotion, with no traffic moved in "
        "steps: A/B (with match) or blue/green.",
    )
    max_weight: Percent = Field(
        default=100,
        description="Percent of traffic at which stepWeight ends and promotion begins; 0 counts as "
        "100.",
    )
    step_weight: Share | None = Field(
        default=None, description="Percent of traffic that each step adds."
    )
    step_weights: Annotated[tuple[Share, ...], Field(min_length=1, max_length=100)] | None = Field(
        default=None,
        description="Percent of traffic at each step, ascending; maxWeight has no part in it.",
        json_schema_extra=rules(STEP_WEIGHTS_ASCEND),
    )
    step_weight_promotion: Percent = Field(
        default=0,
        description="Percent by which traffic returns to the promoted primary; 0 in one step.",
    )
    mirror: Flag = Field(
        default=False, description="Whether the canary first gets copies of requests only."
    )
    mirror_weight: Percent | None = Field(
        default=None, description="Percent of requests that are copied; all when left out."
    )
    primary_ready_threshold: Percent = Field(
        default=100, description="Percent of the primary's pods that must be available."
    )
    canary_ready_threshold: Percent = Field(
        default=100, description="Percent of the canary's pods that must be available."
    )
    on_pod_failure: PodFailurePolicy = Field(
        default=PodFailurePolicy.FAST,
        description="Pods that crash, or whose image cannot be pulled, roll back at once (fast) or "
        "when the progress deadline ends (deadline).",
    )
    match: tuple[HttpMatch, ...] = Field(
        default=(),
        max_length=64,
        description="Requests that go to the canary; one condition is enough (A/B).",
    )
    metrics: tuple[MetricSpec, ...] = Field(
        default=(),
        max_length=50,
        description="What is judged at each analysis; every metric must pass.",
        json_schema_extra=rules(NAMES_ARE_UNIQUE),
    )
    alerts: tuple[AlertReference, ...] = Field(
        default=(),
        max_length=50,
        description="The receivers of alerts; the controller's default receiver when left out.",
        json_schema_extra=rules(NAMES_ARE_UNIQUE),
    )
    webhooks: tuple[Webhook, ...] = Field(
        default=(),
        max_length=50,
        description="Calls made at certain points of a run, in this order.",
        json_schema_extra=rules(NAMES_ARE_UNIQUE),
    )
    session_affinity: SessionAffinity | None = Field(
        default=None, description="A cookie that keeps a client on the side it was sent to."
    )

    @property
    def failures_to_roll_back(self) -> int:
        """How many failed checks roll a run back."""
        return max(1, self.threshold)

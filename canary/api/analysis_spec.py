"""`spec.analysis` of a Canary: how far each step goes, and what healthy means.

Metrics are in `metrics.py`, steps one by one in `steps.py`, hooks and alerts in `people.py`.
Long because it is one schema, which people read from top to bottom.
"""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, Field

from canary.api.fields import Flag, Form, Percent, Share, Span, Whole
from canary.api.meta import ApiModel
from canary.api.metrics import CompareWith, Interval, MetricSpec
from canary.api.people import AlertReference, Webhook
from canary.api.rules import (
    COOKIES_DIFFER,
    NAMES_ARE_UNIQUE,
    NAMES_DIFFER_FROM_STEPS,
    ONE_STEP_STYLE,
    STEP_NAMES_ARE_UNIQUE,
    STEP_WEIGHTS_ASCEND,
    STEPS_STAND_ALONE,
    WINDOW_HAS_BOUND,
    rules,
)
from canary.api.scale import CanaryScale
from canary.api.score import Score
from canary.api.steps import AnalysisStep
from canary.api.traffic import HttpMatch

CookieName = Annotated[
    str,
    # Without `%`, by which proxies know a variable.
    Form(r"[!#$&'*+.^_`|~0-9A-Za-z-]+", "write the name of a cookie, without %", maximum=128),
]
CookieDomain = Annotated[
    str,
    Form(
        r"(\.?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)?",
        "write a domain such as example.com, or leave it out for the host that is asked",
    ),
]
CookiePath = Annotated[
    str,
    Form(
        r"(/[!#$&-:<-~]*)?",
        'write a path that begins with /, without blanks, semicolons, " and %',
        maximum=255,
    ),
]


class PodFailurePolicy(StrEnum):
    """When pods that cannot run end a run."""

    FAST = "fast"
    DEADLINE = "deadline"


class SameSite(StrEnum):
    """With which requests of other sites a browser sends a cookie."""

    STRICT = "Strict"
    LAX = "Lax"
    NONE = "None"


class SessionAffinity(ApiModel):
    """A cookie that keeps a client on the side it was sent to."""

    model_config = ConfigDict(json_schema_extra=rules(COOKIES_DIFFER))

    cookie_name: CookieName = Field(description="Name of the canary's cookie.")
    primary_cookie_name: CookieName | None = Field(
        default=None, description="Name of the primary's cookie; without it only the canary sticks."
    )
    domain: CookieDomain | None = Field(
        default=None, description="Domain attribute of the cookies."
    )
    path: CookiePath | None = Field(default=None, description="Path attribute of the cookies.")
    max_age: Annotated[int, Whole(1)] = Field(
        default=86400,
        description="Lifetime of the canary's cookie, in seconds. The primary's lasts for one "
        "interval of the analysis, so that its clients may meet the canary after that.",
    )
    http_only: Flag = Field(default=False, description="Whether scripts cannot read the cookie.")
    secure: Flag = Field(default=False, description="Whether the cookie is sent over TLS only.")
    partitioned: Flag = Field(
        default=False, description="Whether the cookie is kept apart for each top-level site."
    )
    same_site: SameSite | None = Field(
        default=None, description="With which requests of other sites the cookie is sent."
    )

    @property
    def attributes(self) -> str:
        """The attributes of a cookie but its lifetime, as in `Domain=example.com; Secure`."""
        valued = (("Domain", self.domain), ("Path", self.path), ("SameSite", self.same_site))
        flags = (
            ("HttpOnly", self.http_only),
            ("Secure", self.secure),
            ("Partitioned", self.partitioned),
        )
        return "; ".join(
            [
                *(f"{name}={value}" for name, value in valued if value),
                *(name for name, asked in flags if asked),
            ]
        )


class VerifyTraffic(ApiModel):
    """When a share of the requests counts as the one that was asked."""

    tolerance: Annotated[int, Whole(1, 50)] = Field(
        default=10,
        description="How many percentage points the canary's share may be off. Each side needs at "
        "least half of what it is meant to get, however small that is.",
    )
    min_requests: Annotated[int, Whole(1)] = Field(
        default=100,
        description="How many requests to both sides tell the share; with fewer the step waits.",
    )
    interval: Interval = Field(
        default=timedelta(seconds=60),
        description="Time over which requests are counted; it does not reach back before the step.",
    )


class RollbackWindow(ApiModel):
    """How long a revision that was promoted is known to be good."""

    model_config = ConfigDict(json_schema_extra=rules(WINDOW_HAS_BOUND))

    duration: Annotated[timedelta, Span(timedelta(seconds=1))] | None = Field(
        default=None, description="The longest time since its promotion."
    )
    revisions: Annotated[int, Whole(1, 100)] | None = Field(
        default=None,
        description="How many promotions it may lie back; 1 is the one before the present.",
    )


class Analysis(ApiModel):
    """How traffic moves to a new revision, and what healthy means."""

    model_config = ConfigDict(
        json_schema_extra=rules(ONE_STEP_STYLE, STEPS_STAND_ALONE, NAMES_DIFFER_FROM_STEPS)
    )

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
    steps: (
        Annotated[
            tuple[AnalysisStep, ...],
            Field(min_length=1, max_length=20, json_schema_extra=rules(STEP_NAMES_ARE_UNIQUE)),
        ]
        | None
    ) = Field(
        default=None,
        description="The steps of a run, one by one, for what the shorter forms cannot say.",
    )
    canary_scale: CanaryScale | None = Field(
        default=None,
        description="How many replicas the canary has in a run; never fewer than its weight needs. "
        "As many as the primary when left out.",
    )
    bake_time: Annotated[timedelta, Span(timedelta(0))] = Field(
        default=timedelta(0),
        description="How long the canary stays at the traffic of its last step, and is judged, "
        "before the promotion. Until then the primary has the old version, ready to take over.",
    )
    advance_on_proof: Flag = Field(
        default=False,
        description="Whether a step ends before its passes and its duration, as soon as every "
        "metric that counts is proven harmless. bakeTime is kept.",
    )
    rollback_window: RollbackWindow | None = Field(
        default=None,
        description="Which revisions are returned to without steps: those that were promoted not "
        "long ago.",
    )
    step_weight_promotion: Percent = Field(
        default=0,
        description="Percent by which traffic returns to the promoted primary; 0 in one step.",
    )
    step_weight_rollback: Percent = Field(
        default=0,
        description="Percent by which traffic returns to the primary at each interval after a run "
        "is rolled back on a verdict; 0 at once. An abort and pods that fail return it at once.",
    )
    step_weight_restart: Percent | None = Field(
        default=None,
        description="Percent by which traffic returns to the primary at each interval when a newer "
        "revision takes the place of one that has traffic; 0 at once. With keepTarget only: the pods "
        "of any other target are replaced by the newer revision meanwhile.",
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
    scale_down_delay: Annotated[timedelta, Span(timedelta(0))] = Field(
        default=timedelta(0),
        description="How long the canary keeps its pods after a run, whatever its end.",
    )
    hold_timeout: Annotated[timedelta, Span(timedelta(seconds=1))] | None = Field(
        default=None,
        description="How long anything but a gate or a person may hold a run before it is rolled "
        "back: a missing verdict, a route that is late or rejected, pods that are lost; "
        "progressDeadlineSeconds when left out.",
    )
    match: tuple[HttpMatch, ...] = Field(
        default=(),
        max_length=64,
        description="Requests that go to the canary; one condition is enough (A/B).",
    )
    metrics: tuple[MetricSpec, ...] = Field(
        default=(),
        max_length=50,
        description="What is judged at each analysis; every metric must pass, unless there is a "
        "score.",
        json_schema_extra=rules(NAMES_ARE_UNIQUE),
    )
    score: Score | None = Field(
        default=None,
        description="Judge an analysis by the weights of the metrics that pass, rather than let "
        "each metric fail it; a critical one still does.",
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
    verify_traffic: VerifyTraffic | None = Field(
        default=None,
        description="Whether a pass counts only if the canary's share of the requests is as asked, "
        "by the router's own metrics; {} asks for it with the defaults.",
    )
    session_affinity: SessionAffinity | None = Field(
        default=None, description="A cookie that keeps a client on the side it was sent to."
    )

    def placed_metrics(self) -> Iterator[tuple[str, MetricSpec]]:
        """Go through the metrics that a run may be judged by, in whichever step, with their paths."""
        for place, listed in self._lists("metrics"):
            yield from ((f"{place}[{index}]", each) for index, each in enumerate(listed.metrics))

    @property
    def has_baseline(self) -> bool:
        """Whether a metric compares the canary with a baseline, in whichever step."""
        listed = self.metrics
        for step in self.steps or ():
            listed += step.metrics
        # Asked wherever a route's objects are named: a generator would cost a call a metric.
        return CompareWith.BASELINE in [each.compare_with for each in listed]

    def placed_webhooks(self) -> Iterator[tuple[str, Webhook]]:
        """Go through the hooks that a run may call, in whichever step, with their paths."""
        for place, listed in self._lists("webhooks"):
            yield from ((f"{place}[{index}]", each) for index, each in enumerate(listed.webhooks))

    def placed_matches(self) -> Iterator[tuple[str, tuple[HttpMatch, ...]]]:
        """Go through the conditions of the requests that take part, in whichever step."""
        return ((place, listed.match) for place, listed in self._lists("match"))

    def _lists(self, name: str) -> Iterator[tuple[str, Self | AnalysisStep]]:
        yield f"spec.analysis.{name}", self
        for index, step in enumerate(self.steps or ()):
            yield f"spec.analysis.steps[{index}].{name}", step

    @property
    def failures_to_roll_back(self) -> int:
        """How many failed checks roll a run back."""
        return max(1, self.threshold)

"""The status of a Canary: what tidegate records, and all that it remembers.

A status is read leniently (`read_status`): a field that was edited by hand into something
impossible falls back to its default, so that no object can stop the controller.
Long because it is one schema, which people read from top to bottom.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from analysis.model import MEMORY_BYTES, memory_bytes
from analysis.resuming import HANDLE_BYTES


class Phase(StrEnum):
    """Where a Canary is in its life; `core/phases.py` says which changes are legal."""

    NEW = ""
    INITIALIZING = "Initializing"
    INITIALIZED = "Initialized"
    WAITING = "Waiting"
    PROGRESSING = "Progressing"
    WAITING_PROMOTION = "WaitingPromotion"
    PROMOTING = "Promoting"
    FINALISING = "Finalising"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    TERMINATING = "Terminating"


INVALID_STATE = "Invalid"
"""What stands in `state` instead of the phase where the spec cannot be acted on."""


class Stage(StrEnum):
    """How far a phase has come; `core/phases.py` says which stages a phase has."""

    HELD = "Held"
    BLOCKED = "Blocked"
    RESOLVING = "Resolving"
    CREATING = "Creating"
    FILLING = "Filling"
    PROPAGATING = "Propagating"
    ROUTING = "Routing"
    DRAINING = "Draining"
    UPDATING = "Updating"
    RETURNING = "Returning"
    ANALYSING = "Analysing"
    GATED = "Gated"
    REFUSED = "Refused"
    UNGUIDED = "Unguided"
    OBSTRUCTED = "Obstructed"
    UNSCALED = "Unscaled"
    RESTORING = "Restoring"
    RELEASING = "Releasing"
    PAUSED = "Paused"
    SUSPENDED = "Suspended"
    WITHHELD = "Withheld"
    UNROUTABLE = "Unroutable"


class Outcome(StrEnum):
    """How a run ended."""

    PROMOTED = "Promoted"
    ROLLED_BACK = "RolledBack"
    PROMOTION_FAILED = "PromotionFailed"
    CANCELLED = "Cancelled"
    SUPERSEDED = "Superseded"


class Severity(StrEnum):
    """How loud a notice is."""

    INFO = "info"
    WARN = "warn"
    ERROR = "error"


def _timestamp(moment: datetime) -> str:
    """Write a moment in UTC with microseconds, so that a status reads back to the same value."""
    naive = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{naive.isoformat(timespec='microseconds')}Z"


def _plausible(moment: datetime) -> datetime:
    """Refuse a moment that no clock has shown and that can't be reckoned with."""
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"write a moment between {_FIRST_YEAR} and {_LAST_YEAR}")
    return moment.astimezone(UTC)


MESSAGE_BYTES = 1024
ANSWER_BYTES = 512
WORD_BYTES = 256
IMAGES_BYTES = 192
COMMIT = "[0-9a-f]{7,64}"
"""The form of a commit's hash."""
TRACEPARENT = "00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"
"""The form of a traceparent, by W3C's Trace Context."""
REFERENCE = r"^[A-Za-z0-9_.:/@=+-]{1,512}$"
"""The form of a reference to a message of a chat."""
_CUT, _ESCAPED = "…", 4
"""The longest texts that a status holds. What it can come to in all is in docs/operations.md."""

_FIRST_YEAR, _LAST_YEAR = 1970, 9000
Moment = Annotated[
    AwareDatetime, AfterValidator(_plausible), PlainSerializer(_timestamp, when_used="json")
]


def read_moment(written: str) -> datetime | None:
    """Read a moment with its zone, as RFC 3339 has it; None where it is none."""
    try:
        moment = datetime.fromisoformat(written)
        return _plausible(moment) if moment.tzinfo else None
    except ValueError:
        return None


def clip(text: str, limit: int = MESSAGE_BYTES) -> str:
    """Bring a text onto one line of at most so many bytes, so that no status outgrows its object.

    A quote and a backslash count for what they come to in JSON that is written into JSON.
    """
    if len(text) <= limit // _ESCAPED and text.isprintable():
        return text
    line = [each if each >= " " and each != "\x7f" else " " for each in text[: limit + 1]]
    left = limit - len(_CUT.encode())
    kept = "".join(line)
    for place, each in enumerate(line):
        left -= _ESCAPED if each in '"\\' else len(each.encode(errors="replace"))
        if left < 0:
            kept = f"{kept[:place]}{_CUT}"
            break
    return kept.encode(errors="replace").decode()


def _word(text: str) -> str:
    return clip(text, WORD_BYTES)


def _answer(text: str) -> str:
    return clip(text, ANSWER_BYTES)


def _images(text: str) -> str:
    return clip(text, IMAGES_BYTES)


Sentence = Annotated[str, AfterValidator(clip)]
"""Text for people, of whatever length it was made with."""
Answer = Annotated[str, AfterValidator(_answer)]
"""What is said to one person, of whose like many are kept."""
Word = Annotated[str, AfterValidator(_word)]
"""A name, a reason, a bound."""
ImagesText = Annotated[str, AfterValidator(_images)]
"""Images for people, such as `podinfo:6.1 → podinfo:6.2`."""


def _remembered(memory: dict[str, str]) -> dict[str, str]:
    """Drop a memory that has outgrown its bound: its judge starts from nothing."""
    return memory if memory_bytes(memory) <= MEMORY_BYTES else {}


JudgeMemory = Annotated[dict[str, str], AfterValidator(_remembered)]


class StatusModel(BaseModel):
    """A frozen part of the status, written in camel case."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True
    )

    def but(self, **changes: object) -> Self:
        """Copy with changes; give itself where they change nothing."""
        kept = self.__dict__
        for name, value in changes.items():
            if kept[name] is not value and kept[name] != value:
                return self.model_copy(update=changes)
        return self


_Status = TypeVar("_Status", bound=StatusModel)


class Condition(StatusModel):
    """A condition in the shape of the Kubernetes API conventions (metav1.Condition)."""

    type: Word = Field(description="What the condition speaks of.")
    status: str = Field(description="Whether it holds.", pattern="^(True|False|Unknown)$")
    reason: Word = Field(description="Why, in one CamelCase word for machines.")
    message: Sentence = Field(default="", description="Why, in a sentence for people.")
    observed_generation: int = Field(
        default=0, description="The generation of the spec that the condition was decided on."
    )
    last_transition_time: Moment | None = Field(
        default=None, description="When the condition's status last changed."
    )
    last_update_time: Moment | None = Field(
        default=None, description="When the condition's status, reason or message last changed."
    )


OF_CLUSTER = "cluster"
"""The scope of weights that are a share of what begins in one cluster of several."""


class Weights(StatusModel):
    """The intended split of traffic, in percent; primary and canary add up to 100."""

    primary: int = Field(default=100, ge=0, le=100, description="Percent sent to the primary.")
    canary: int = Field(default=0, ge=0, le=100, description="Percent sent to the canary.")
    mirror: int = Field(
        default=0,
        ge=0,
        le=100,
        description="Percent of the primary's requests that the canary gets a copy of.",
    )
    matched: bool = Field(
        default=False,
        description="Whether only the requests that spec.analysis.match describes are split; the "
        "primary answers all others.",
    )
    scope: Word | None = Field(
        default=None,
        description="cluster where the split is of the requests that begin in this cluster, and the "
        "controller tells its series from those of others (--metrics-matchers).",
    )
    baseline: int = Field(
        default=0,
        ge=0,
        le=100,
        description="Percent of the primary's that the baseline answers in its place.",
    )


class StageRecord(StatusModel):
    """The stage of the phase, and its clock."""

    name: Stage = Field(description="How far the phase has come.")
    since: Moment = Field(description="When the stage began; its time is counted from here.")
    until: Moment | None = Field(
        default=None, description="When time alone ends the stage: a deadline, or time to drain."
    )
    help_at: Moment | None = Field(
        default=None,
        description="When it had taken too long, and someone was asked to look; it goes on.",
    )


class Shares(StatusModel):
    """What the canary's weight comes to where a share is that of its ready pods, in percent."""

    asked: int = Field(default=0, ge=0, le=100, description="The weight that is asked for.")
    possible: int = Field(
        default=0,
        ge=0,
        le=100,
        description="What comes nearest to it with whole pods, beside the primary as it is.",
    )
    seen: int = Field(
        default=0,
        ge=0,
        le=100,
        description="What the canary's ready pods are of all that the apex Service selects.",
    )


class Wait(StatusModel):
    """What a Canary is waiting for, in words for people."""

    reason: Word = Field(description="What is missing, in one CamelCase word.")
    message: Sentence = Field(default="", description="What is missing, for people.")
    since: Moment = Field(description="When the wait began.")
    deadline: Moment | None = Field(
        default=None, description="When the wait ends by itself, with the run's failure."
    )
    until: Moment | None = Field(
        default=None, description="When time alone may end the wait well; absent where none does."
    )
    told: bool = Field(default=False, description="Whether an event was recorded for it.")


class ContainerImage(StatusModel):
    """The image of one container of a pod template."""

    container: Word = Field(description="The container's name.")
    image: Word = Field(description="Its image, as the pod template names it.")
    init: bool = Field(default=False, description="Whether it is an init container.")


class Hold(StatusModel):
    """Something that holds a run and outlasts other waits: a shut gate, a missing verdict."""

    reason: Word = Field(description="What holds the run, in one CamelCase word.")
    since: Moment = Field(description="When it began; what it may take is counted from here.")
    alerted: bool | None = Field(
        default=None, description="True once people were alerted to it because it lasts."
    )


class CheckCounts(StatusModel):
    """What came of the checks of one metric in a run, where it has limits of its own."""

    failed: int = Field(default=0, ge=0, description="Failed checks.")
    failed_in_row: int = Field(default=0, ge=0, description="Failed checks since the last pass.")
    errors_in_row: int = Field(
        default=0, ge=0, description="How often it was not answered since the last answer."
    )
    inconclusive: int = Field(default=0, ge=0, description="Analyses without a verdict.")


class MetricStatus(StatusModel):
    """The last judgement of one metric."""

    name: Word = Field(description="The metric's name.")
    verdict: Word = Field(description="pass, fail or inconclusive.")
    value: float | None = Field(default=None, description="The value that was measured.")
    bound: Word = Field(default="", description="Where the value must lie.")
    message: Sentence = Field(default="", description="The judgement in a sentence.")
    at: Moment | None = Field(default=None, description="When it was judged.")
    shadow: bool | None = Field(
        default=None,
        description="True where the judgement is only shown, and never acted on.",
    )
    counts: CheckCounts | None = Field(
        default=None, description="What came of its checks; absent where it has no limits."
    )
    undecided_since: Moment | None = Field(
        default=None,
        description="Since when nothing has been proven of it at this step; its holdLimit counts "
        "from here. Absent where it has none.",
    )
    judge: str | None = Field(
        default=None,
        pattern="^[a-z0-9.-]{1,63}$",
        description="The judge that keeps the memory; absent if none does.",
    )
    memory: JudgeMemory | None = Field(
        default=None,
        description="What the judge keeps of this metric until the next analysis of the run.",
    )


class StoreCheck(StatusModel):
    """A check that a metric's store works on for minutes: it is polled until there is an answer."""

    metric: Word = Field(description="The metric's name.")
    key: str = Field(
        pattern="^[0-9a-f]{32}$", description="By which it is started, the same after a crash."
    )
    since: Moment = Field(description="When it was first asked for.")
    handle: str = Field(
        default="",
        max_length=HANDLE_BYTES,
        pattern="^[ -~]*$",
        description="By which the store finds it; empty until it has said that it was started.",
    )
    template: Sentence = Field(
        description="The MetricTemplate whose store works on it, as namespace/name; without a "
        "namespace it is the Canary's."
    )
    run: Word = Field(description="The run that it is for.")
    step: int = Field(default=0, ge=0, description="The step of that run.")
    over: bool = Field(
        default=False,
        description="Whether it is not waited for any longer: it is cancelled, and then forgotten.",
    )


class Approval(StatusModel):
    """That a person has approved a gate which asks for several."""

    gate: Word = Field(description="The gate, as type/run/step.")
    user: Word = Field(description="Who signed for it.")
    at: Moment = Field(description="When it was counted.")
    reason: Word = Field(default="", description="Why, in the words of who approved.")


def run_id(number: int, revision: str) -> str:
    """Name a run; its number and its revision tell it from all others of its Canary."""
    return f"{number}-{revision}"


class BudgetRecord(StatusModel):
    """What was left of an error budget when a DeliveryPolicy asked for it last."""

    policy: Sentence = Field(description="The DeliveryPolicy, as namespace/name.")
    metric: Word = Field(description="The metric's name.")
    verdict: Word = Field(description="pass, fail or inconclusive; only a pass lets the run start.")
    value: float | None = Field(default=None, description="The value that was measured.")
    bound: Word = Field(default="", description="Where the value must lie.")
    message: Sentence = Field(default="", description="The judgement in a sentence.")
    at: Moment = Field(description="When it was asked.")


class Run(StatusModel):
    """The run under way: from a new revision to its end."""

    id: Word = Field(description="The run's own name, unique for this Canary.")
    revision: Word = Field(description="The revision under test.")
    images: ImagesText = Field(
        default="", description="What the revision changes in the promoted images, for people."
    )
    started_at: Moment = Field(description="When the run began.")
    trace_link: str = Field(
        default="",
        pattern=f"^({TRACEPARENT})?$",
        description="The span of its pipeline that the run's trace links to: the target's "
        "annotation tidegate.dev/traceparent when the run began.",
    )
    trace_parent: str = Field(
        default="",
        pattern=f"^({TRACEPARENT})?$",
        description="That span where the run is part of the pipeline's trace (--trace-parent "
        "child).",
    )
    record: Sentence = Field(
        default="", description="Where the full record of the run is written (--records)."
    )
    pre_rollout_passed: bool = Field(
        default=False, description="Whether the pre-rollout hooks have passed."
    )
    looks: int = Field(
        default=0, ge=0, description="Number of analyses and other checks of the run."
    )
    next_analysis_at: Moment | None = Field(
        default=None, description="When the next analysis is due."
    )
    analysis_passed: bool = Field(
        default=False, description="Whether the last analysis of the current step has passed."
    )
    approvals: tuple[str, ...] = Field(
        default=(), description="The gates that were opened by hand, by hook type."
    )
    approved_by: tuple[Approval, ...] = Field(
        default=(),
        description="Who has approved a gate that asks for several people, which is shut or was "
        "the last.",
    )
    holds: tuple[Hold, ...] = Field(
        default=(), description="What holds the run, whatever else it waits for meanwhile."
    )
    commands: tuple[str, ...] = Field(
        default=(), description="The last few commands that were obeyed in it, and who gave them."
    )
    known_good: bool = Field(
        default=False,
        description="Whether the revision was promoted within the rollback window, so that the "
        "steps are skipped.",
    )
    expedited: Word = Field(
        default="",
        description="Who has expedited the run, and why; it waits for no window, in no line and for "
        "no wave.",
    )
    awaits_wave: bool = Field(
        default=False,
        description="Whether it waits for its FleetPlan, where it has not started yet.",
    )
    wave: Word = Field(
        default="",
        description="The wave of its FleetPlan by which it was granted to this cluster.",
    )
    queue: Sentence = Field(
        default="",
        description="The DeliveryPolicy, as namespace/name, of which it waits for a place.",
    )
    budgets: tuple[BudgetRecord, ...] = Field(
        default=(),
        description="The error budgets that DeliveryPolicies asked for before it started.",
    )
    full_promotion: bool = Field(
        default=False, description="Whether the rest of the steps and gates is skipped by command."
    )
    plan: Word = Field(
        default="", description="Digest of the plan, so that an edit during the run is noticed."
    )
    plan_so_far: Word = Field(
        default="", description="Digest of the steps up to this one, which an edit may leave alone."
    )
    step: int = Field(
        default=0, ge=0, description="The step of the plan that the run is at; 0 before the first."
    )
    step_since: Moment | None = Field(
        default=None, description="When this step was taken; what it lasts counts from here."
    )
    lasts_since: Moment | None = Field(
        default=None,
        description="From when on this step lasts, where the run has stood still in it, paused or "
        "suspended: later than stepSince by as much.",
    )
    analysed_since: Moment | None = Field(
        default=None, description="When its first step was taken."
    )
    matched: bool = Field(
        default=False, description="Whether this step is for the requests that match only."
    )
    requests: Word = Field(
        default="", description="Digest of the requests that match; empty where all take part."
    )
    passes: int = Field(default=0, ge=0, description="Analyses that have passed in this step.")
    next_step: int | None = Field(
        default=None,
        ge=1,
        description="The step that the run goes on with, without further analysis, as soon as it "
        "may; one more than there are steps is the promotion.",
    )
    passed_step: int | None = Field(
        default=None,
        ge=0,
        description="The step after which the run waits for its group, 0 for a canary that is "
        "ready; absent while it has not waited for one.",
    )
    step_weight: int | None = Field(
        default=None,
        ge=0,
        le=100,
        description="The canary's weight at this step, to come back to, while traffic is kept off "
        "a side that cannot serve; absent while traffic is split as the step says.",
    )

    @property
    def lasting_since(self) -> datetime | None:
        """From when on the time of the step counts."""
        return self.lasts_since or self.step_since


class Cookie(StatusModel):
    """A cookie that keeps clients on a side."""

    name: str = Field(
        pattern=r"^[!#$&'*+.^_`|~0-9A-Za-z-]+$", max_length=128, description="Its name."
    )
    value: str = Field(
        pattern="^[0-9]+-[0-9a-f]{16}$", max_length=64, description="Its value, of one run only."
    )
    max_age: int = Field(ge=0, description="Its lifetime in the browser, in seconds.")
    attributes: str = Field(
        default="",
        # Printable, and without the sign by which proxies know a variable.
        pattern="^[ -$&-~]*$",
        max_length=640,
        description="Its other attributes, as in `Domain=example.com; Secure`.",
    )

    @property
    def identity(self) -> tuple[str, str, str]:
        """What tells it from others; its lifetime may change."""
        return self.name, self.value, self.attributes

    @property
    def set_text(self) -> str:
        """The Set-Cookie header that gives it to a client."""
        return self._text(self.value, self.max_age)

    @property
    def expire_text(self) -> str:
        """The Set-Cookie header that takes it from a client."""
        return self._text("", 0)

    def _text(self, value: str, max_age: int) -> str:
        rest = f"; {self.attributes}" if self.attributes else ""
        return f"{self.name}={value}; Max-Age={max_age}{rest}"


class ExpiredCookie(Cookie):
    """A cookie of an ended run, which is taken from clients that still send it."""

    until: Moment = Field(description="Until when it is taken from them.")


class Cookies(StatusModel):
    """The cookies of session affinity."""

    run: Word = Field(default="", description="The run that has had cookies last.")
    canary: Cookie | None = Field(
        default=None,
        description="Keeps clients on the canary; absent once both sides are the same.",
    )
    primary: Cookie | None = Field(
        default=None, description="Keeps clients on the primary for an interval."
    )
    expired: tuple[ExpiredCookie, ...] = Field(
        default=(), description="Those of ended runs, the newest first, at most 4."
    )


class Pause(StatusModel):
    """A pause by command."""

    by: Sentence = Field(default="", description="Who asked, and why.")
    since: Moment = Field(description="When it began.")


class CommandRecord(StatusModel):
    """A command that was given by annotation, and is done."""

    verb: Word = Field(description="What was asked.")
    value: str = Field(default="", max_length=1024, description="Who asked, and why.")
    user: Word = Field(default="", description="Who signed for it; empty where it is not signed.")
    tool: Word = Field(default="", description="By which tool, as the signature says.")
    reason: Word = Field(default="", description="Why, in the words of who asked.")
    verified: bool = Field(
        default=False,
        description="Whether the API server has checked that the user signed it: true only with "
        "--verified-commands.",
    )
    at: Moment = Field(description="When it was carried out.")
    accepted: bool = Field(default=True, description="Whether it applied at that moment.")
    message: Answer = Field(default="", description="Why it was refused, in a sentence.")
    cleared: bool = Field(default=False, description="Whether its annotation is gone again.")


class RiskStatus(StatusModel):
    """An object that stops to do its work when a primary serves."""

    object: str = Field(description="Its kind and name, as kind/name.")
    reason: Word = Field(description="What is at risk, in one CamelCase word.")
    message: Sentence = Field(
        default="", description="What is at risk and what to do, in a sentence."
    )
    holds: bool = Field(
        default=False, description="Whether a new Canary is not initialised before it is settled."
    )


class Preflight(StatusModel):
    """What was found around the target."""

    generation: int = Field(ge=0, description="The generation of the spec that was checked.")
    at: Moment = Field(description="When it was checked.")
    risks: tuple[RiskStatus, ...] = Field(default=(), description="What was found, at most 10.")
    traffic_policy: str = Field(
        default="",
        description="The trafficPolicy of a DestinationRule for the apex, which both sides take "
        "over, as JSON.",
    )


class BudgetSpent(StatusModel):
    """What a run has spent of an error budget."""

    metric: Word = Field(description="The metric's name.")
    percent: float = Field(
        ge=0, description="Percent of the budget that the canary has spent beyond the primary."
    )


class RunRecord(StatusModel):
    """A run that has ended."""

    revision: Word = Field(description="The revision that was tested.")
    images: ImagesText = Field(
        default="", description="What it changed in the promoted images, for people."
    )
    outcome: Word = Field(description="How it ended.")
    reason: Word = Field(default="", description="Why, in one CamelCase word.")
    message: Sentence = Field(default="", description="Why, in a sentence.")
    started_at: Moment | None = Field(default=None, description="When it began.")
    duration_seconds: int = Field(default=0, ge=0, description="How long it took, in seconds.")
    commands: tuple[str, ...] = Field(
        default=(), description="The last few commands that were obeyed in it, and who gave them."
    )
    trace_parent: str = Field(
        default="",
        pattern=f"^({TRACEPARENT})?$",
        description="The span of its pipeline, where it was part of the pipeline's trace.",
    )
    record: Sentence = Field(default="", description="Where its full record was written.")
    budgets_spent: tuple[BudgetSpent, ...] = Field(
        default=(), description="What it has spent of the error budgets of its metrics' objectives."
    )
    analysed_since: Moment | None = Field(
        default=None, description="When its first step was taken."
    )


class Notice(StatusModel):
    """A notice, kept until it is delivered."""

    id: Word = Field(description="Unique for this Canary; the key by which receivers drop repeats.")
    reason: Word = Field(description="What happened, in one CamelCase word.")
    message: Sentence = Field(description="What happened, in a sentence.")
    severity: Severity = Field(default=Severity.INFO, description="How loud it is.")
    alert: bool = Field(default=False, description="Whether it goes to chat as well as to events.")
    at: Moment = Field(description="When it happened.")
    phase: Phase = Field(default=Phase.NEW, description="The phase it happened in.")
    weight: int = Field(default=0, description="The canary's weight at that moment.")
    step: int = Field(default=0, description="The step at that moment.")
    revision: Word = Field(default="", description="The revision it speaks of.")
    images: ImagesText = Field(
        default="", description="The images of that revision, or what it changes, for people."
    )
    hook: Word = Field(
        default="", description="The hook type to be called with it (post-rollout), if any."
    )
    event: bool = Field(
        default=True,
        description="Whether it has a Kubernetes event of its own; where not, the event of another "
        "notice says it too.",
    )
    run: int = Field(
        default=0, description="The number of the run that it tells of; 0 outside of a run."
    )


class Thread(StatusModel):
    """A run's thread in a chat: where the replies to its first message belong."""

    receiver: Word = Field(description="The alert, as its place in spec.analysis.alerts and name.")
    run: int = Field(description="The number of the run.")
    ref: str = Field(pattern=REFERENCE, description="The first message, as the receiver names it.")


class PrimaryRecord(StatusModel):
    """What the primary was given last, to tell whether it was changed since."""

    uid: str = Field(default="", description="The primary's uid.")
    revision: Word = Field(default="", description="The revision that it was given.")
    template: str = Field(
        default="", description="Digest of its pod template, as the API server has taken it."
    )
    generation: int = Field(default=0, description="Its generation with that template.")
    undone_at: Moment | None = Field(
        default=None, description="When a change of its template was last undone."
    )
    undoing: int = Field(default=0, description="The generation whose change is being undone.")
    contested: bool = Field(
        default=False, description="Whether another tool keeps changing its template."
    )


class Names(StatusModel):
    """The names under which everything is made."""

    kind: Word = Field(default="", description="The kind of the target and the primary.")
    target: Word = Field(default="", description="The target.")
    primary: Word = Field(
        default="", description="The primary, which keeps the name it began with."
    )
    service: Word = Field(default="", description="The apex service.")
    provider: Word = Field(default="", description="The router.")
    references: tuple[Word, ...] = Field(
        default=(),
        description="The user's objects that it routes by, at most 17, each as field/name, such as "
        "ingressRef/web.",
    )


class FormerNames(StatusModel):
    """Names that were left, as long as anything of them is not given back."""

    service: Word = Field(default="", description="The apex service.")
    provider: Word = Field(default="", description="The router.")
    references: tuple[Word, ...] = Field(
        default=(),
        description="The user's objects that it routed by, at most 17, each as field/name.",
    )
    since: Moment = Field(description="When they were left.")
    restored_at: Moment | None = Field(
        default=None, description="When the routes were seen as they were before tidegate, or gone."
    )


class Repair(StatusModel):
    """A route or a Service that another tool or a person changed, and that was put back."""

    object: Word = Field(description="Its kind and name, as kind/name.")
    undone_at: Moment = Field(description="When it was last put back.")
    undoing: Word = Field(default="", description="The version whose change is being undone.")
    contested: bool = Field(default=False, description="Whether another tool keeps changing it.")


class CanaryStatus(StatusModel):
    """Everything that is remembered of a Canary between two decisions."""

    observed_generation: int = Field(
        default=0, ge=0, description="The generation of the spec that was last decided on."
    )
    phase: Phase = Field(default=Phase.NEW, description="Where the Canary is in its life.")
    stage: StageRecord | None = Field(
        default=None,
        description="How far the phase has come; absent where a phase has no more to say.",
    )
    state: Word = Field(
        default="",
        description="What people read first: the phase, or Invalid where the spec cannot be acted "
        "on.",
    )
    canary_weight: int = Field(
        default=0, ge=0, le=100, description="Percent of traffic intended for the canary."
    )
    weights: Weights = Field(default=Weights(), description="The intended split of traffic.")
    baseline_since: Moment | None = Field(
        default=None,
        description="Since when the baseline has its weight; left out while nothing of one is there.",
    )
    cookies: Cookies | None = Field(
        default=None, description="The cookies of spec.analysis.sessionAffinity."
    )
    shares: Shares | None = Field(
        default=None,
        description="What the canary's weight comes to; only where a share is that of the pods.",
    )
    failed_checks: int = Field(
        default=0, ge=0, description="How many analyses of this run have failed so far."
    )
    iterations: int = Field(default=0, ge=0, description="How many iterations have passed.")
    step: int = Field(
        default=0, ge=0, description="The step the run is at; 0 before the first one."
    )
    steps: int = Field(default=0, ge=0, description="How many steps a run has.")
    step_started_at: Moment | None = Field(default=None, description="When the current step began.")
    waiting_for: Wait | None = Field(default=None, description="What is being waited for.")
    last_applied_spec: str = Field(
        default="", description="The revision that is being, or was last, analysed."
    )
    last_promoted_spec: str = Field(default="", description="The revision that was last promoted.")
    release: Word = Field(
        default="",
        description="The target's annotation tidegate.dev/release, as it was on the revision in "
        "lastAppliedSpec.",
    )
    commit: str = Field(
        default="",
        pattern=f"^({COMMIT})?$",
        description="The target's annotation tidegate.dev/commit, or else "
        "org.opencontainers.image.revision, as it was on the revision in lastAppliedSpec.",
    )
    committed_at: Moment | None = Field(
        default=None,
        description="When that commit was made, as the target's annotation tidegate.dev/committed-at "
        "says.",
    )
    images: ImagesText = Field(
        default="",
        description="What people read: the promoted images, and those of a revision that is, or "
        "was last, analysed and not promoted.",
    )
    applied_images: tuple[ContainerImage, ...] = Field(
        default=(), description="The images of the revision in lastAppliedSpec, at most 8."
    )
    promoted_images: tuple[ContainerImage, ...] = Field(
        default=(), description="The images of the revision in lastPromotedSpec, at most 8."
    )
    target_version: str = Field(
        default="",
        description="The target's uid and generation that the revision was read at.",
    )
    names: Names | None = Field(
        default=None, description="The names under which everything is made."
    )
    former_names: tuple[FormerNames, ...] = Field(
        default=(),
        description="The names of an earlier spec, at most 5, until nothing is left of them.",
    )
    primary: PrimaryRecord | None = Field(
        default=None, description="What the primary was given last."
    )
    repairs: tuple[Repair, ...] = Field(
        default=(),
        description="Routes and Services that others changed lately, at most 8.",
    )
    autoscaler: str = Field(
        default="",
        description="The autoscaler of which the primary was given a copy, as kind/name; a name "
        "alone is that of a HorizontalPodAutoscaler.",
    )
    target_parked: bool = Field(
        default=False,
        description="Whether the target was seen without replicas since the last run.",
    )
    primary_replicas: int = Field(
        default=0,
        ge=0,
        description="How many replicas carry all traffic on the primary: it is made again with as "
        "many, and has no fewer during a run; 0 while unknown.",
    )
    runs: int = Field(default=0, ge=0, description="How many runs have begun.")
    tracked_configs: dict[str, str] = Field(
        default_factory=dict,
        description="Checksums of the tracked ConfigMaps and Secrets, by kind/name.",
    )
    last_transition_time: Moment | None = Field(
        default=None, description="When the phase last changed."
    )
    outages_until: Moment | None = Field(
        default=None,
        description="The end of the last outage whose time was taken out of deadlines.",
    )
    metrics: tuple[MetricStatus, ...] = Field(
        default=(), description="The last judgement of every metric."
    )
    store_checks: tuple[StoreCheck, ...] = Field(
        default=(),
        description="What metric stores work on for the run, and what of it must still be cancelled.",
    )
    run: Run | None = Field(default=None, description="The run under way.")
    paused: Pause | None = Field(default=None, description="The pause that holds the run.")
    preflight: Preflight | None = Field(
        default=None, description="What was found around the target when the spec last changed."
    )
    history: tuple[RunRecord, ...] = Field(
        default=(), description="The last few runs, the newest first."
    )
    commands: tuple[CommandRecord, ...] = Field(
        default=(), description="The last few commands, the newest first."
    )
    notices: tuple[Notice, ...] = Field(
        default=(), description="What is still to be delivered, the oldest first."
    )
    threads: tuple[Thread, ...] = Field(
        default=(),
        description="The threads of this run and the last, at most 16, of AlertProviders with "
        "spec.threads.",
    )
    conditions: tuple[Condition, ...] = Field(
        default=(),
        description="Ready, Progressing, Stalled, Promoted, AtRisk, SpecWarnings, "
        "ReferencesResolved and Invalid.",
    )

    def condition(self, type_: str) -> Condition | None:
        """Find a condition by its type."""
        return next((each for each in self.conditions if each.type == type_), None)


def read_status(raw: object) -> CanaryStatus:
    """Read a status, giving every part that does not decode its default."""
    return read_leniently(CanaryStatus, raw)


def read_leniently(model: type[_Status], raw: object) -> _Status:
    """Read a status, giving every top-level field that does not decode its default."""
    document = dict(raw) if isinstance(raw, Mapping) else {}
    # Each round drops at least one top-level field, so the loop ends.
    while True:
        try:
            return model.model_validate(document)
        except ValidationError as error:
            for problem in error.errors(include_url=False, include_context=False):
                document.pop(str(problem["loc"][0]), None)
                document.pop(to_camel(str(problem["loc"][0])), None)


def write_status(status: CanaryStatus, *, before: CanaryStatus | None = None) -> dict[str, Any]:
    """Write a status as a merge patch of `before`, or of nothing.

    A merge patch keeps the keys of a map that it does not name, so those that are gone are named.
    """
    document = _without_nulls_in_lists(status.model_dump(mode="json", by_alias=True))
    return document | {"trackedConfigs": _patched_configs(status, before)}


def _patched_configs(status: CanaryStatus, before: CanaryStatus | None) -> dict[str, str | None]:
    known = before.tracked_configs if before else {}
    return {**dict.fromkeys(known), **status.tracked_configs}


def _without_nulls_in_lists(node: dict[str, Any], *, listed: bool = False) -> dict[str, Any]:
    """Leave out what an item of a list does not say: the API server refuses a null there."""
    written: dict[str, Any] = {}
    for key, each in node.items():
        if isinstance(each, dict):
            written[key] = _without_nulls_in_lists(each, listed=listed)
        elif isinstance(each, list):
            written[key] = [
                _without_nulls_in_lists(item, listed=True) if isinstance(item, dict) else item
                for item in each
            ]
        elif each is not None or not listed:
            written[key] = each
    return written

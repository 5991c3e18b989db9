"""A Canary as everything that shows one sees it: a manifest in, one value out, with a schema.

In `view.tidegate.dev/v1` fields are only ever added.
Long because it is one schema: each field is a line.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from analysis.model import Verdict
from canary.api.kinds import Manifest
from canary.api.meta import PEER_GROUP
from canary.api.peer import read_peer_status
from canary.api.status import CanaryStatus, Moment, Phase, Wait, read_status
from canary.core.conditions import INVALID, SPEC_WARNINGS, STALLED
from canary.core.gates import held_gates
from canary.core.images import images_told
from canary.core.references import REFERENCES_RESOLVED
from canary.views.ahead import Ahead, ahead
from canary.views.remaining import UNKNOWN, foreseen
from canary.views.units import units

API_VERSION: Literal["view.tidegate.dev/v1"] = "view.tidegate.dev/v1"
_NEW = "New"


class Attention(StrEnum):
    """What a Canary needs from a person, the most urgent first."""

    GATE = "gate"
    FAILED = "failed"
    STUCK = "stuck"
    INCONCLUSIVE = "inconclusive"
    PAUSED = "paused"
    NONE = "none"


class ViewModel(BaseModel):
    """A frozen part of a view, written in camel case."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class TargetView(ViewModel):
    """The workload that is released."""

    kind: str = Field(description="Its kind, such as Deployment.")
    name: str = Field(description="Its name.")

    def __str__(self) -> str:
        """Write it as kubectl takes it."""
        return f"{self.kind.lower()}/{self.name}" if self.name else ""


class RevisionView(ViewModel):
    """The revisions that a Canary knows."""

    testing: str = Field(description="The one that is, or was last, analysed.")
    promoted: str = Field(description="The one that was promoted last.")
    images: str = Field(description="The images that tell them apart, for people.")


class WeightsView(ViewModel):
    """The intended split of traffic, in percent."""

    asked: int = Field(description="Percent of the requests that the canary gets.")
    seen: int | None = Field(
        description="Percent that it gets now, as far as the status tells; only where a share is "
        "that of the pods."
    )
    mirror: int = Field(description="Percent of the primary's requests that are mirrored to it.")
    matched: bool = Field(description="Whether only requests that match are split.")
    baseline: int = Field(
        description="Percent that a baseline answers, with which the canary is compared."
    )


class StepView(ViewModel):
    """Where in its plan a run is."""

    at: int = Field(description="The step that the run is at; 0 before the first.")
    of: int = Field(description="How many steps the plan has.")
    since: Moment | None = Field(description="When the step began.")
    iterations: int = Field(description="How many iterations have passed.")
    ends_at: Moment | None = Field(
        default=None,
        description="When it ends if every check passes; only where that is known, and one Canary "
        "is asked for.",
    )


class WaitingView(ViewModel):
    """What a Canary waits for."""

    reason: str = Field(alias="for", description="What is missing, in one CamelCase word.")
    message: str = Field(description="What is missing, in a sentence.")
    since: Moment = Field(description="When the wait began.")
    deadline: Moment | None = Field(description="When the wait ends by itself.")
    until: Moment | None = Field(description="When time alone may let the run go on.")


class PausedView(ViewModel):
    """A pause by command."""

    by: str = Field(description="Who paused the run, and why.")
    since: Moment = Field(description="When.")


class CheckView(ViewModel):
    """The last judgement of a metric."""

    metric: str = Field(description="The metric's name.")
    value: float | None = Field(description="The value that was measured.")
    unit: str = Field(default="", description="The unit of the value; empty where none is known.")
    bound: str = Field(description="Where the value must lie.")
    verdict: str = Field(description="pass, fail or inconclusive.")
    message: str = Field(description="The judgement in a sentence.")
    at: Moment | None = Field(description="When it was judged.")
    shadow: bool = Field(description="Whether it is only shown, and never acted on.")
    judge: str | None = Field(
        description="The judge, if it goes on from what it has seen before in the run."
    )


class StepSightView(ViewModel):
    """What a metric can see by the end of a step."""

    name: str = Field(description="The step's name, or its number.")
    after_seconds: float = Field(
        description="When that is at the earliest, from countedTo on, or in a run to come from the "
        "moment at which its pods are ready."
    )
    times: float | None = Field(
        description="From how many times the primary's share of bad requests on a canary is proven "
        "worse; null where no regression is."
    )


class SightView(ViewModel):
    """The smallest regression that a metric can see, at the traffic that its judge has counted."""

    metric: str = Field(description="The metric's name.")
    running: bool = Field(
        description="Whether that is in the run under way; else it is in the next one, at the "
        "traffic of the last."
    )
    counted_to: Moment = Field(description="The moment up to which was counted.")
    requests_per_minute: float = Field(description="Requests a minute of both sides.")
    bad_percent: float = Field(
        description="Percent of the primary's that were bad; where none was, as if one had been."
    )
    steps: tuple[StepSightView, ...] = Field(description="The steps from this one on.")


class ReadyView(ViewModel):
    """The pods of a side."""

    side: Literal["canary", "primary"] = Field(description="Which side it is.")
    ready: int = Field(description="How many are ready.")
    wanted: int = Field(description="How many there should be.")


class FailedChecksView(ViewModel):
    """How many analyses of the run have failed."""

    count: int = Field(description="So far.")
    limit: int | None = Field(description="At how many the run is rolled back.")


class RunView(ViewModel):
    """The run under way."""

    id: str = Field(description="Its name, unique for this Canary.")
    number: int = Field(description="How many runs of this Canary have begun.")
    started_at: Moment = Field(description="When it began.")
    record: str = Field(description="Where its full record is written; empty for nowhere.")
    promotes_at: Moment | None = Field(
        default=None,
        description="When its promotion begins if every check passes; only where that is known, and "
        "one Canary is asked for.",
    )


class BudgetSpentView(ViewModel):
    """What a run has spent of an error budget."""

    metric: str = Field(description="The metric's name.")
    percent: float = Field(
        description="Percent of the budget that the canary has spent beyond the primary."
    )


class PastRunView(ViewModel):
    """A run that has ended."""

    revision: str = Field(description="The revision that was tested.")
    images: str = Field(description="What it changed in the images, for people.")
    outcome: str = Field(description="How it ended.")
    reason: str = Field(description="Why, in one CamelCase word.")
    message: str = Field(description="Why, in a sentence.")
    started_at: Moment | None = Field(description="When it began.")
    duration_seconds: int = Field(description="How long it took, in seconds.")
    commands: tuple[str, ...] = Field(description="The commands that it obeyed, and whose.")
    budgets_spent: tuple[BudgetSpentView, ...] = Field(
        default=(), description="What it has spent of error budgets."
    )
    record: str = Field(
        default="", description="Where its full record was written; empty for nowhere."
    )


class CommandView(ViewModel):
    """A command that was given lately."""

    verb: str = Field(description="What was asked.")
    value: str = Field(description="Who asked, and why.")
    user: str = Field(description="Who signed for it; empty where it is not signed.")
    tool: str = Field(description="By which tool, as the signature says.")
    reason: str = Field(description="Why, in the words of who asked.")
    verified: bool = Field(description="Whether the API server has checked who signed it.")
    at: Moment = Field(description="When it was carried out or refused.")
    accepted: bool = Field(description="Whether the controller obeyed.")
    message: str = Field(description="Why it was refused.")


class CanaryView(ViewModel):
    """A Canary, for programs: what `tidegate get -o json` prints."""

    api_version: Literal["view.tidegate.dev/v1"] = Field(
        default=API_VERSION, description="The version of this view."
    )
    kind: Literal["CanaryView"] = Field(default="CanaryView", description="The kind of this view.")
    group: str = Field(description="The API group of the Canary.")
    namespace: str = Field(description="The Canary's namespace.")
    name: str = Field(description="The Canary's name.")
    phase: str = Field(description="Where the Canary is in its life; New before it is anywhere.")
    state: str = Field(description="The phase, or Invalid where the spec cannot be acted on.")
    attention: Attention = Field(description="What it needs from a person.")
    since: Moment | None = Field(description="When the wait began, or else the phase.")
    deleting: bool = Field(description="Whether the Canary is being deleted.")
    target: TargetView = Field(description="The workload that is released.")
    router: str = Field(description="spec.provider; empty for the controller's default.")
    revision: RevisionView = Field(description="The revisions that it knows.")
    weights: WeightsView = Field(description="The intended split of traffic.")
    step: StepView = Field(description="Where in its plan the run is.")
    waiting: WaitingView | None = Field(description="What it waits for.")
    gates: tuple[str, ...] = Field(description="The types of the gates that hold the run.")
    paused: PausedView | None = Field(description="The pause that holds the run.")
    problems: tuple[str, ...] = Field(description="What is wrong with the spec, or around it.")
    warnings: tuple[str, ...] = Field(description="What the spec says without effect.")
    checks: tuple[CheckView, ...] = Field(description="The last judgement of every metric.")
    ready: tuple[ReadyView, ...] = Field(
        default=(),
        description="How many pods of each side are ready; only where one Canary is asked for, and "
        "its workloads may be read.",
    )
    sights: tuple[SightView, ...] = Field(
        default=(),
        description="What metrics of judges that count can see; only where one Canary is asked for.",
    )
    failed_checks: FailedChecksView = Field(description="How many analyses have failed.")
    run: RunView | None = Field(description="The run under way.")
    history: tuple[PastRunView, ...] = Field(description="Runs that have ended, the newest first.")
    commands: tuple[CommandView, ...] = Field(description="The last commands, the newest first.")
    may: tuple[str, ...] = Field(
        default=(),
        description="The commands that the controller would obey now, given by someone who has the "
        "right to; only where one Canary is asked for.",
    )

    def document(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return self.model_dump(mode="json", by_alias=True)


def canary_view(manifest: Manifest, *, foresees: bool = False) -> CanaryView:
    """See a Canary of either API group; a field that cannot be read is as if it were absent.

    What its metrics can see, and when its run ends, takes longer to work out than all else, and is
    where `foresees` says so.
    """
    read = read_peer_status if _group(manifest) == PEER_GROUP else read_status
    return view_with(manifest, read(manifest.get("status")), foresees=foresees)


def view_with(manifest: Manifest, status: CanaryStatus, *, foresees: bool = False) -> CanaryView:
    """See a Canary with a status, whatever its own is."""
    metadata, group = _mapping(manifest, "metadata"), _group(manifest)
    spec = _mapping(manifest, "spec")
    target, measured_in = _mapping(spec, "targetRef"), units(manifest)
    left = foreseen(manifest, status) if foresees else UNKNOWN
    limit = _mapping(spec, "analysis").get("threshold")
    return CanaryView(
        group=group,
        namespace=str(metadata.get("namespace", "")),
        name=str(metadata.get("name", "")),
        phase=status.phase or _NEW,
        state=status.state or status.phase or _NEW,
        attention=_attention(status),
        since=status.waiting_for.since if status.waiting_for else status.last_transition_time,
        deleting="deletionTimestamp" in metadata,
        target=TargetView(kind=str(target.get("kind", "")), name=str(target.get("name", ""))),
        router=str(spec.get("provider") or ""),
        revision=RevisionView(
            testing=status.last_applied_spec,
            promoted=status.last_promoted_spec,
            images=images_told(status),
        ),
        weights=WeightsView(
            asked=status.weights.canary,
            seen=status.shares.seen if status.shares else None,
            mirror=status.weights.mirror,
            matched=status.weights.matched,
            baseline=status.weights.baseline,
        ),
        step=StepView(
            at=status.step,
            of=status.steps,
            since=status.step_started_at,
            iterations=status.iterations,
            ends_at=left.step,
        ),
        waiting=_waiting(status.waiting_for),
        gates=tuple(sorted(held_gates(status).values())),
        paused=PausedView(by=status.paused.by, since=status.paused.since)
        if status.paused
        else None,
        problems=(
            *_messages(status, INVALID, "True"),
            *_messages(status, REFERENCES_RESOLVED, "False"),
        ),
        warnings=_messages(status, SPEC_WARNINGS, "True"),
        checks=tuple(
            CheckView(
                metric=each.name,
                value=each.value,
                unit=measured_in.get(each.name, ""),
                bound=each.bound,
                verdict=each.verdict,
                message=each.message,
                at=each.at,
                shadow=bool(each.shadow),
                judge=each.judge,
            )
            for each in status.metrics
        ),
        sights=tuple(map(_sight, ahead(manifest, status))) if foresees else (),
        failed_checks=FailedChecksView(
            count=status.failed_checks, limit=limit if isinstance(limit, int) else None
        ),
        run=RunView(
            id=status.run.id,
            number=status.runs,
            started_at=status.run.started_at,
            record=status.run.record,
            promotes_at=left.run,
        )
        if status.run
        else None,
        history=tuple(
            PastRunView.model_validate(each.model_dump(mode="python")) for each in status.history
        ),
        commands=tuple(
            CommandView.model_validate(each.model_dump(mode="python")) for each in status.commands
        ),
    )


def _sight(seen: Ahead) -> SightView:
    return SightView(
        metric=seen.sight.metric,
        running=seen.running,
        counted_to=seen.counted_to,
        requests_per_minute=seen.sight.requests,
        bad_percent=100 * seen.sight.rate,
        steps=tuple(
            StepSightView(name=each.name, after_seconds=each.end.total_seconds(), times=each.times)
            for each in seen.sight.steps
        ),
    )


def view_schema() -> dict[str, Any]:
    """Give the JSON schema of a view."""
    return CanaryView.model_json_schema(by_alias=True, mode="serialization")


def _attention(status: CanaryStatus) -> Attention:
    """Say what a person must see to, the most urgent need only."""
    stuck = _messages(status, INVALID, "True") or _messages(status, STALLED, "True")
    if held_gates(status):
        return Attention.GATE
    if status.phase is Phase.FAILED:
        return Attention.FAILED
    if stuck:
        return Attention.STUCK
    if status.run and any(
        each.verdict == Verdict.INCONCLUSIVE and not each.shadow for each in status.metrics
    ):
        return Attention.INCONCLUSIVE
    return Attention.PAUSED if status.paused else Attention.NONE


def _waiting(wait: Wait | None) -> WaitingView | None:
    if wait is None:
        return None
    return WaitingView.model_validate(
        {
            "for": wait.reason,
            "message": wait.message,
            "since": wait.since,
            "deadline": wait.deadline,
            "until": wait.until,
        }
    )


def _messages(status: CanaryStatus, type_: str, holds: str) -> tuple[str, ...]:
    """Give the message of a condition that holds; an empty one stands for its reason."""
    condition = status.condition(type_)
    if condition is None or condition.status != holds:
        return ()
    return (condition.message or condition.reason,)


def _group(manifest: Manifest) -> str:
    return str(manifest.get("apiVersion", "")).partition("/")[0]


def _mapping(node: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = node.get(key)
    return found if isinstance(found, Mapping) else {}

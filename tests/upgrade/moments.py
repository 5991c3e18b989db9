"""Moments of a Canary's life in which another release of the controller may take it over.

Each is brought about in a namespace of its own and lasts until somebody does something about it, so
that it can be recorded as it stands. What is done then is the same whichever release sees it.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from canary.api.annotations import PREFIX
from canary.api.kinds import DEPLOYMENT, Kind, Manifest
from canary.api.meta import API_VERSION, GROUP
from canary.controller.policies import DELIVERY_POLICY
from canary.controller.templates import alert_provider_kind, metric_template_kind
from canary.core.signature import Signature
from canary.demo.manifests import APP, pod_template
from tests.builders import T0
from tests.controller.running import CANARY, AnyWorld, World, until
from tests.receiver import Answer, Receiver

Status = Mapping[str, Any]
OTHER = "cart"
"""The second app, where a moment has two."""


class Place(AnyWorld):
    """The namespace of a moment, in a world that others share, and whom its Canary calls."""

    def __init__(self, world: World, receiver: Receiver, namespace: str) -> None:
        super().__init__(world.directory, namespace=namespace)
        self.api = world.api
        self.receiver = receiver

    def url(self, what: str) -> str:
        return f"{self.receiver.url}/{self.namespace}/{what}"

    def answer(self, what: str, answer: Answer) -> None:
        """Have something answered so from now on."""
        self.receiver.answers_by_path[f"/{self.namespace}/{what}"] = answer

    async def until_said(self, says: Callable[[Status], object], name: str = APP) -> None:
        """Wait until the status of a Canary says something."""

        status: Status = {}

        async def said() -> bool:
            nonlocal status
            status = await self.status(name)
            return bool(says(status))

        try:
            await until(said, f"{self.namespace}/{name} is where it should be")
        except AssertionError as error:
            raise AssertionError(f"{error}; its status is {dict(status)}") from error


Step = Callable[[Place], Awaitable[None]]
"""Something that is done in a namespace."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A moment: how it is brought about, how it is known, and what is done about it."""

    name: str
    """Its namespace."""
    says: str
    analysis: Mapping[str, Any] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)
    other: Mapping[str, Any] | None = None
    """The spec of a second app's Canary, where there is one."""
    first: tuple[Step, ...] = ()
    """What is done once it is initialised."""
    at: Callable[[Status], object]
    """Whether a status is that of the moment."""
    answers: Mapping[str, Answer] = field(default_factory=dict)
    """What is answered at that moment, by what is asked; everything else is answered well."""
    then: tuple[Step, ...] = ()
    """What is done about it."""
    end: str = "Succeeded"
    """The phase in which it ends; empty where the Canary is gone."""
    stays: bool = True
    """Whether it stays as it is until something is done, whatever happens to its pods."""

    @property
    def apps(self) -> tuple[str, ...]:
        return (APP,) if self.other is None else (APP, OTHER)


# ------------------------------------------------------------------------------ what is done


def released(tag: str = "2", name: str = APP, **annotations: str) -> Step:
    async def step(place: Place) -> None:
        metadata = {"annotations": {f"{PREFIX}{key}": each for key, each in annotations.items()}}
        spec = {"template": pod_template(tag, name=name)}
        await place.patch(DEPLOYMENT, name, {"metadata": metadata, "spec": spec})

    return step


def commanded(verb: str, user: str = "alice", name: str = APP) -> Step:
    async def step(place: Place) -> None:
        annotations = {f"{PREFIX}{verb}": str(Signature.of(user, "cli", T0))}
        await place.patch(CANARY, name, {"metadata": {"annotations": annotations}})

    return step


def changed(**spec: Any) -> Step:
    async def step(place: Place) -> None:
        await place.patch(CANARY, APP, {"spec": spec})

    return step


def answering(what: str, answer: Answer) -> Step:
    async def step(place: Place) -> None:
        place.answer(what, answer)

    return step


def waited(says: Callable[[Status], object], name: str = APP) -> Step:
    async def step(place: Place) -> None:
        await place.until_said(says, name)

    return step


def with_policy(**spec: Any) -> Step:
    async def step(place: Place) -> None:
        metadata = {"namespace": place.namespace, "name": "rules"}
        document = {"kind": "DeliveryPolicy", "metadata": metadata, "spec": spec}
        await place.api.create({"apiVersion": API_VERSION, **document}, DELIVERY_POLICY)

    return step


async def without_policy(place: Place) -> None:
    await place.api.delete(DELIVERY_POLICY, place.namespace, "rules")


async def deleted(place: Place) -> None:
    await place.api.delete(CANARY, place.namespace, APP)


# ------------------------------------------------------------------------- what a status says


def phase(*phases: str) -> Callable[[Status], bool]:
    return lambda status: status.get("phase") in phases and not status.get("notices")


def waits(reason: str) -> Callable[[Status], bool]:
    def says(status: Status) -> bool:
        wait = status.get("waitingFor") or {}
        return wait.get("reason") == reason

    return says


def ran(status: Status) -> Mapping[str, Any]:
    """Give the run under way."""
    run: Mapping[str, Any] = status.get("run") or {}
    return run


def approved_once(status: Status) -> bool:
    return len(ran(status).get("approvedBy") or ()) == 1 and obeyed(status)


def first_step(status: Status) -> bool:
    return status.get("canaryWeight") == 50 and waits("AnalysisDue")(status)


def paused(status: Status) -> bool:
    return bool(status.get("paused")) and waits("Paused")(status) and obeyed(status)


def failed_once(status: Status) -> bool:
    return status.get("failedChecks", 0) >= 1


def failed_and_shut(status: Status) -> bool:
    return failed_once(status) and waits("PromotionGate")(status)


def untold(status: Status) -> bool:
    kept = {each["reason"] for each in status.get("notices") or ()}
    return first_step(status) and "RunStarted" in kept


def further(status: Status) -> bool:
    return status.get("canaryWeight") == 50 and waits("TrafficGate")(status) and obeyed(status)


def stopped(status: Status) -> bool:
    return waits("Stopped")(status) and obeyed(status)


def obeyed(status: Status) -> bool:
    """Tell whether all that was asked is done."""
    return all(each.get("cleared") for each in status.get("commands") or ())


# --------------------------------------------------------------------------------- the moments


def measured(value: float) -> Answer:
    """Answer as Prometheus does."""
    vector = [{"metric": {}, "value": [0, str(value)]}]
    data = {"resultType": "vector", "result": vector}
    return Answer(body=json.dumps({"status": "success", "data": data}).encode())


BAD, GOOD, REFUSED = measured(0), measured(1), Answer(status=500)
METRIC = {
    "name": "score",
    "interval": "1m",
    "templateRef": {"name": "scores"},
    "thresholdRange": {"min": 1},
}
HOUR = {"interval": "1h"}
RELEASED = {"release": "r2"}


def gated(type_: str, **options: Any) -> dict[str, Any]:
    """Give an analysis with a gate that people open."""
    gate = {"type": type_, "name": "by-hand", **options}
    return {"stepWeights": [50], "webhooks": [gate]}


PROMOTION_GATE = gated("confirm-promotion")

MOMENTS: tuple[Moment, ...] = (
    Moment(
        name="at-rest",
        says="at rest after its initialisation; then a release",
        at=phase("Initialized"),
        then=(released(),),
    ),
    Moment(
        name="rollout-gate",
        says="before a gate, without traffic; then approved",
        analysis=gated("confirm-rollout"),
        first=(released(),),
        at=waits("RolloutGate"),
        then=(commanded("approve"),),
    ),
    Moment(
        name="traffic-gate",
        says="before a gate to its first traffic; then approved, and again before the promotion",
        analysis=gated("confirm-traffic-increase"),
        first=(released(),),
        at=waits("TrafficGate"),
        then=(commanded("approve"), waited(further), commanded("approve")),
    ),
    Moment(
        name="first-step",
        says="at its first step, with clients kept by cookies; then promoted by command",
        analysis={**HOUR, "sessionAffinity": {"cookieName": "stays"}},
        first=(released(),),
        at=first_step,
        then=(commanded("promote"),),
    ),
    Moment(
        name="paused",
        says="paused at its first step; then resumed and promoted",
        analysis=HOUR,
        first=(released(), waited(first_step), commanded("pause")),
        at=paused,
        then=(commanded("resume"), waited(first_step), commanded("promote")),
    ),
    Moment(
        name="suspended",
        says="suspended in its spec at its first step; then resumed and aborted",
        analysis=HOUR,
        first=(released(), waited(first_step), changed(suspend=True)),
        at=waits("Suspended"),
        then=(changed(suspend=False), waited(first_step), commanded("abort")),
        end="Failed",
    ),
    Moment(
        name="one-approval",
        says="one of two people has approved; then the other does",
        analysis=gated("confirm-promotion", approvals=2),
        first=(released(), waited(waits("PromotionGate")), commanded("approve")),
        at=approved_once,
        then=(commanded("approve", "bob"),),
    ),
    Moment(
        name="failed-check",
        says="some checks have failed, fewer than are allowed; then more fail",
        analysis={**PROMOTION_GATE, "metrics": [METRIC], "threshold": 3},
        first=(
            answering("scores", BAD),
            released(),
            waited(failed_once),
            answering("scores", GOOD),
        ),
        at=failed_and_shut,
        answers={"scores": GOOD},
        then=(answering("scores", BAD),),
        end="Failed",
    ),
    Moment(
        name="no-verdict",
        says="held, as its metric's store does not answer; then it does",
        analysis={"stepWeights": [50], "metrics": [METRIC]},
        first=(answering("scores", REFUSED), released()),
        at=waits("AnalysisInconclusive"),
        answers={"scores": REFUSED},
        then=(answering("scores", GOOD),),
    ),
    Moment(
        name="not-ready",
        says="the canary's pods do not become ready; then the run is aborted",
        first=(released("never-ready"),),
        at=waits("CanaryNotReady"),
        then=(commanded("abort"),),
        end="Failed",
    ),
    Moment(
        name="in-line",
        says="two apps and one place: one is at its gate, one in line; then the first is approved",
        analysis=PROMOTION_GATE,
        other={},
        first=(
            with_policy(maxConcurrent=1),
            released(),
            waited(waits("PromotionGate")),
            released(name=OTHER),
            waited(waits("Queued"), OTHER),
        ),
        at=waits("PromotionGate"),
        then=(commanded("approve"),),
    ),
    Moment(
        name="depends",
        says="an app waits for another, which is at its gate; then that one is approved",
        analysis=PROMOTION_GATE,
        other={"dependsOn": [{"name": APP}]},
        first=(
            released(**RELEASED),
            waited(waits("PromotionGate")),
            released(name=OTHER, **RELEASED),
            waited(waits("Dependency"), OTHER),
        ),
        at=waits("PromotionGate"),
        then=(commanded("approve"),),
    ),
    Moment(
        name="stopped",
        says="a person has stopped all deliveries after an approval; then they go on",
        analysis=PROMOTION_GATE,
        first=(
            released(),
            waited(waits("PromotionGate")),
            with_policy(stop={"reason": "INC-4711", "by": "alice"}),
            commanded("approve"),
        ),
        at=stopped,
        then=(without_policy,),
    ),
    Moment(
        name="promoting",
        says="the primary is updated, and its pods are not ready yet; then they are",
        first=(released(),),
        at=waits("PrimaryUpdating"),
        stays=False,
    ),
    Moment(
        name="untold",
        says="a receiver of alerts has been down; then it is up, and the run is promoted",
        analysis=HOUR,
        first=(answering("alerts", REFUSED), released()),
        at=untold,
        then=(commanded("promote"),),
        stays=False,
    ),
    Moment(
        name="promoted",
        says="at rest after a promotion; then the next release",
        first=(released(),),
        at=phase("Succeeded"),
        then=(released("3"), waited(lambda status: status.get("runs") == 2)),
    ),
    Moment(
        name="rolled-back",
        says="at rest after a rollback; then a release that is sound",
        first=(released("crash-loop"),),
        at=phase("Failed"),
        then=(released("3"),),
    ),
    Moment(
        name="leaving",
        says="deleted, and the target's pods are not ready yet; then they are",
        first=(deleted,),
        at=waits("TargetNotReady"),
        end="",
        stays=False,
    ),
)

UNREADY = {"promoting": (f"{APP}-primary-", ":2"), "leaving": (f"{APP}-", ":1")}
"""Which pods do not become ready while a moment is recorded: by namespace, name and image."""


# ----------------------------------------------------------------------------- bringing it about


async def arrange(place: Place, moment: Moment) -> None:
    """Create what a moment is of: apps, Canaries, whom they tell and ask."""
    await create(place, "AlertProvider", "all", alert_provider_kind(GROUP), {
        "type": "webhook", "address": place.url("alerts"),
    })  # fmt: skip
    await create(place, "MetricTemplate", "scores", metric_template_kind(GROUP), {
        "provider": {"type": "prometheus", "address": place.url("scores")}, "query": "score",
    })  # fmt: skip
    hooks = [
        {"name": type_, "type": type_, "url": place.url(type_)}
        for type_ in ("pre-rollout", "post-rollout")
    ]
    for name in moment.apps:
        given = moment.analysis if name == APP else {"stepWeights": [50]}
        alerts = [{"name": "all", "severity": "info", "providerRef": {"name": "all"}}]
        analysis = {**given, "alerts": alerts, "webhooks": [*given.get("webhooks", ()), *hooks]}
        spec = moment.spec if name == APP else moment.other or {}
        await place.create_app(name, replicas=1)
        await place.create_canary(name, analysis=analysis, **spec)


async def create(place: Place, kind: str, name: str, of: Kind, spec: Manifest) -> None:
    metadata = {"namespace": place.namespace, "name": name}
    await place.api.create(
        {"apiVersion": f"{GROUP}/v1beta1", "kind": kind, "metadata": metadata, "spec": spec}, of
    )


async def bring_about(place: Place, moment: Moment) -> None:
    """Bring a Canary into its moment, and wait until it is there."""
    for name in moment.apps:
        await place.until_said(phase("Initialized"), name)
    for step in moment.first:
        await step(place)
    await place.until_said(moment.at)

"""StatefulSets: primary and canary are pods of one, divided by the partition of its rolling update.

The ordinals from the partition on run the newest pod template, and the others the one before. While
nothing is released the partition lies beyond every ordinal, so that a new template starts no pod.
https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#partitions
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from canary.api.analysis_spec import Analysis
from canary.api.canary import Canary
from canary.api.kinds import CONTROLLER_REVISION, STATEFUL_SET, Kind, Manifest
from canary.api.shown import shown
from canary.core.facts import UpdateStrategy
from canary.core.ordinals import Divided
from canary.core.plan import plan
from canary.core.weights import FULL
from canary.errors import Problem
from canary.objects.render import Render
from canary.targets import Counts, Member, Promotion
from canary.targets.defaults import TargetDefaults
from canary.targets.owners import controller_of, label_of

REVISION_HASH = "controller-revision-hash"
"""The label of a pod that names the ControllerRevision from which it was made."""

#: It is never scaled or parked: what becomes of its pods is the partition's to say.
_ALWAYS_THERE = Counts(replicas=1, total=1, updated=1, available=1)


class StatefulSetTarget(TargetDefaults):
    """Read and render StatefulSets."""

    kind: ClassVar[Kind] = STATEFUL_SET
    scales: ClassVar[bool] = False
    divides: ClassVar[bool] = True
    history: ClassVar[Kind | None] = CONTROLLER_REVISION
    beside: ClassVar[tuple[Kind, ...]] = ()

    @property
    def reads(self) -> tuple[Kind, ...]:
        """None: its status names its revisions."""
        return ()

    def counts(self, manifest: Manifest) -> Counts:  # noqa: ARG002 - of the protocol
        """Count it as one that is ready: `divided` says whether its pods are."""
        return _ALWAYS_THERE

    def divided(self, manifest: Manifest) -> Divided:
        """Tell how its pods are divided.

        The status counts the ready pods of both revisions together. Those that are missing count
        as the canary's, which is judged the sooner.
        """
        spec, status = manifest["spec"], manifest.get("status") or {}
        pods, partition = spec.get("replicas", 1), _partition(spec)
        there, of_serving = status.get("updatedReplicas", 0), status.get("currentReplicas", 0)
        serving, newest = status.get("currentRevision", ""), status.get("updateRevision", "")
        beyond, total = max(pods - partition, 0), status.get("replicas", 0)
        seen = status.get("observedGeneration", 0) >= manifest["metadata"].get("generation", 0)
        if serving == newest:
            strays = partition > 0 and total > there
            return Divided(pods, beyond, 0, 0, serving, newest if seen else "", strays)
        missing = max(pods - status.get("availableReplicas", 0), 0)
        blocked = there < beyond and missing > 0
        strays = there > beyond or total > there + of_serving or blocked
        ready = max(there - missing, 0)
        return Divided(pods, beyond, ready, there, serving, newest if seen else "", strays)

    def strays(self, manifest: Manifest, pods: Iterable[Manifest]) -> tuple[str, ...]:
        """Name the pods to delete so that each runs the revision of its ordinal.

        Its controller replaces no pod below the partition, and waits for a broken one for ever
        before it replaces any. Broken ones go at once. Of the others one goes at a time, the highest
        first, while all are ready: what keeps a quorum keeps it.
        """
        spec, status = manifest["spec"], manifest.get("status") or {}
        own = manifest["metadata"].get("uid")
        revisions = status.get("currentRevision", ""), status.get("updateRevision", "")
        live = sorted(
            (pod for pod in pods if controller_of(pod).get("uid") == own and not _ending(pod)),
            key=_ordinal,
        )
        first = (spec.get("ordinals") or {}).get("start", 0) + _partition(spec)
        wrong = [
            pod for pod in live if label_of(pod, REVISION_HASH) != revisions[_ordinal(pod) >= first]
        ]
        broken = [pod["metadata"]["name"] for pod in wrong if not _is_ready(pod)]
        if broken:
            return tuple(broken)
        whole = len(live) == spec.get("replicas", 1) and all(map(_is_ready, live))
        held = [pod["metadata"]["name"] for pod in wrong if _ordinal(pod) < first]
        return tuple(held[-1:]) if whole else ()

    def strategy(self, manifest: Manifest) -> UpdateStrategy:  # noqa: ARG002 - of the protocol
        """Say that the primary is updated as the canary takes its pods over."""
        return UpdateStrategy(in_place=True)

    def rollout(self, manifest: Manifest) -> str:
        """Name its newest revision."""
        return str((manifest.get("status") or {}).get("updateRevision", ""))

    def written(self, manifest: Manifest) -> Manifest:
        """Give its pod template: only its user writes into it."""
        template: Manifest = manifest["spec"]["template"]
        return template

    def remembered(self, item: Manifest) -> Manifest:
        """Give the template of a ControllerRevision, which holds it as a patch."""
        template = item["data"]["spec"]["template"]
        return {key: value for key, value in template.items() if key != "$patch"}

    def member(self, item: Manifest) -> Member | None:
        """Tell which StatefulSet a pod belongs to."""
        version, owner = label_of(item, REVISION_HASH), controller_of(item)
        return Member(owner["name"], version) if owner.get("kind") == self.kind.kind else None

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Name what would need pods beside those that serve, or another way back."""
        return tuple(_problems(canary))

    def promoted(self, canary: Canary, source: Manifest, promotion: Promotion) -> Render:
        """Refuse: its primary is the StatefulSet itself.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(canary, source, promotion)

    def scaled(self, now: int, replicas: int) -> Manifest | None:  # noqa: ARG002 - of the protocol
        """Give nothing: how many pods there are is its user's to say."""
        return None


def _problems(canary: Canary) -> Iterator[Problem]:
    analysis, reference = canary.spec.analysis, canary.spec.autoscaler_ref
    if reference is not None:
        remedy = (
            f"remove it: the {reference.kind} scales the StatefulSet by itself, and there is no "
            "second workload that it would have to know"
        )
        yield Problem("spec.autoscalerRef", shown(reference.name), remedy)
    if analysis.iterations:
        remedy = (
            "write stepWeights or steps instead: a StatefulSet has no pods beside those that serve"
        )
        yield Problem("spec.analysis.iterations", analysis.iterations, remedy)
    elif not canary.spec.skip_analysis:
        yield from _whole_steps(analysis)
    if analysis.verify_traffic is not None:
        remedy = "remove it: no router counts the requests of the pods of each revision"
        yield Problem("spec.analysis.verifyTraffic", shown(analysis.verify_traffic), remedy)
    for path, metric in analysis.placed_metrics():
        if not metric.query and metric.template_ref is None:
            remedy = (
                "give it a query or a templateRef that picks the pods by {{ revision }}, as their label "
                "controller-revision-hash has it: the built-in one counts both revisions together"
            )
            yield Problem(f"{path}.name", shown(metric.name), remedy)
    if analysis.step_weight_promotion:
        remedy = (
            "remove it: every pod of the StatefulSet runs the new revision before it is promoted, "
            "so that no traffic is left to return"
        )
        yield Problem("spec.analysis.stepWeightPromotion", analysis.step_weight_promotion, remedy)


def _whole_steps(analysis: Analysis) -> Iterator[Problem]:
    """Name the steps that leave no pod of the former revision: nothing could be rolled back."""
    why = (
        "a StatefulSet whose pods all run the new revision forgets the one before, so that only the "
        "promotion takes the last pod"
    )
    remedy = f"write at most 99: {why}"
    if analysis.steps:
        for index, step in enumerate(analysis.steps):
            if step.weight == FULL:
                yield Problem(f"spec.analysis.steps[{index}].weight", step.weight, remedy)
    elif analysis.step_weights:
        if FULL in analysis.step_weights:
            yield Problem("spec.analysis.stepWeights", shown(analysis.step_weights), remedy)
    elif analysis.step_weight and FULL in plan(analysis).weights:
        remedy = f"lower it until no step of {analysis.step_weight} reaches 100: {why}"
        yield Problem("spec.analysis.maxWeight", shown(analysis.max_weight), remedy)


def _partition(spec: Mapping[str, Any]) -> int:
    """Count the pods that stay behind: a partition is counted from the first ordinal."""
    rolling = (spec.get("updateStrategy") or {}).get("rollingUpdate") or {}
    return int(rolling.get("partition") or 0)


def _ordinal(pod: Manifest) -> int:
    return int(pod["metadata"]["name"].rpartition("-")[2])


def _ending(pod: Manifest) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _is_ready(pod: Manifest) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)

"""Deployments: scaled by their replicas, parked at none, rolled through ReplicaSets.

One that is kept has the primary's pods itself: it is paused while nothing is promoted, so that a new
template starts none of them.
https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#pausing-and-resuming-a-deployment
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from canary.api.canary import Canary
from canary.api.kinds import DEPLOYMENT, REPLICA_SET, Kind, Manifest
from canary.api.shown import shown
from canary.core.facts import Amount, UpdateStrategy
from canary.errors import Problem
from canary.objects.render import Render
from canary.resources.baseline import baseline
from canary.resources.primary import primary, twin
from canary.targets import Counts, Member, Promotion
from canary.targets.amounts import amount
from canary.targets.defaults import TargetDefaults
from canary.targets.owners import controller_of, label_of

ROLLOUT_REVISION = "deployment.kubernetes.io/revision"
TEMPLATE_HASH = "pod-template-hash"

#: What the primary has from the target beside its template.
_ROLLOUT = ("strategy", "minReadySeconds", "progressDeadlineSeconds", "revisionHistoryLimit")
#: Kubernetes' default of both amounts.
_QUARTER = Amount(25, percent=True)


class DeploymentTarget(TargetDefaults):
    """Read and render Deployments."""

    kind: ClassVar[Kind] = DEPLOYMENT
    scales: ClassVar[bool] = True
    baselines: ClassVar[bool] = True
    history: ClassVar[Kind | None] = REPLICA_SET
    beside: ClassVar[tuple[Kind, ...]] = (REPLICA_SET,)

    def counts(self, manifest: Manifest) -> Counts:
        """Count the pods of a Deployment."""
        status = manifest.get("status") or {}
        progressing: Mapping[str, Any] = next(
            (each for each in status.get("conditions") or () if each.get("type") == "Progressing"),
            {},
        )
        return Counts(
            replicas=manifest["spec"].get("replicas", 1),
            total=status.get("replicas", 0),
            updated=status.get("updatedReplicas", 0),
            available=status.get("availableReplicas", 0),
            deadline_exceeded=progressing.get("reason") == "ProgressDeadlineExceeded",
            paused=bool(manifest["spec"].get("paused")),
        )

    def strategy(self, manifest: Manifest) -> UpdateStrategy:
        """Read how its pods are replaced; a quarter of them at a time where nothing is set."""
        strategy = manifest["spec"].get("strategy") or {}
        rolling = strategy.get("rollingUpdate") or {}
        return UpdateStrategy(
            recreate=strategy.get("type") == "Recreate",
            max_unavailable=amount(rolling.get("maxUnavailable"), _QUARTER),
            max_surge=amount(rolling.get("maxSurge"), _QUARTER),
        )

    def rollout(self, manifest: Manifest) -> str:
        """Give the number of its newest ReplicaSet."""
        annotations = manifest["metadata"].get("annotations") or {}
        return str(annotations.get(ROLLOUT_REVISION, ""))

    def written(self, manifest: Manifest) -> Manifest:
        """Give its pod template: only its user writes into it."""
        template: Manifest = manifest["spec"]["template"]
        return template

    def remembered(self, item: Manifest) -> Manifest:
        """Give the template of a ReplicaSet, without what this adds to it."""
        template: Manifest = item["spec"]["template"]
        metadata = template["metadata"]
        labels = {key: text for key, text in metadata["labels"].items() if key != TEMPLATE_HASH}
        return template | {"metadata": metadata | {"labels": labels}}

    def member(self, item: Manifest) -> Member | None:
        """Tell which Deployment a ReplicaSet, or a pod of one, belongs to."""
        version, owner = label_of(item, TEMPLATE_HASH), controller_of(item)
        if owner.get("kind") == self.kind.kind:
            return Member(owner["name"], version, self.rollout(item))
        if owner.get("kind") == "ReplicaSet" and version:
            return Member(owner["name"].removesuffix(f"-{version}"), version)
        return None

    def keeping(self) -> "DeploymentTarget":
        """Give what reads and renders Deployments that are kept."""
        return KeptDeployment()

    def promoted(self, canary: Canary, source: Manifest, promotion: Promotion) -> Render:
        """Give the primary Deployment."""
        return primary(
            canary,
            source,
            kind=self.kind,
            spec=_beside(source, promotion),
            revision=promotion.revision,
            selector_label=promotion.selector_label,
            configs=promotion.configs,
            existing=promotion.existing,
            include_label_prefixes=promotion.include_label_prefixes,
        )

    def baseline(
        self, canary: Canary, primary: Manifest, promotion: Promotion, service: Manifest
    ) -> Render | None:
        """Give a Deployment with the primary's template, which goes with its service."""
        return baseline(
            canary,
            primary,
            kind=self.kind,
            spec=_beside(primary, promotion),
            revision=promotion.revision,
            selector_label=promotion.selector_label,
            existing=promotion.existing,
            service=service,
        )

    def scaled(self, now: int, replicas: int) -> Manifest | None:
        """Give it so many replicas."""
        return None if now == replicas else {"spec": {"replicas": replicas}}


class KeptDeployment(DeploymentTarget):
    """Read Deployments that are kept, and render the canaries beside them."""

    keeps: ClassVar[bool] = True
    baselines: ClassVar[bool] = False

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Name what would need a primary of its own."""
        return tuple(_problems(canary))

    def promoted(self, canary: Canary, source: Manifest, promotion: Promotion) -> Render:
        """Refuse: its primary is the Deployment itself.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(canary, source, promotion)

    def canary(self, canary: Canary, source: Manifest, promotion: Promotion) -> Render:
        """Give the canary: its pods have a label by which nothing that selects the target's finds them."""
        label = promotion.selector_label
        return twin(
            canary,
            source,
            kind=self.kind,
            name=canary.spec.canary_name,
            value=label.canary,
            spec=_beside(source, promotion),
            revision=promotion.revision,
            selector_label=label,
            configs=promotion.configs,
            existing=promotion.existing,
            include_label_prefixes=promotion.include_label_prefixes,
        )

    def held(self, *, now: bool, wanted: bool) -> Manifest | None:
        """Pause it, or leave out that it is paused, as its user's manifest does."""
        return None if now is wanted else {"spec": {"paused": True if wanted else None}}


def _beside(source: Manifest, promotion: Promotion) -> Manifest:
    """Give what a Deployment beside the target has of it, with its own number of replicas."""
    replicas, existing = promotion.replicas, promotion.existing
    if replicas is None and existing:
        replicas = existing["spec"].get("replicas")
    spec = {field: source["spec"][field] for field in _ROLLOUT if field in source["spec"]}
    return spec if replicas is None else {**spec, "replicas": replicas}


def _problems(canary: Canary) -> Iterator[Problem]:
    reference, spec = canary.spec.autoscaler_ref, canary.spec
    if reference is not None:
        remedy = (
            f"remove it: the {reference.kind} goes on scaling the Deployment itself, whose pods are "
            "the primary, and canaryScale says how many pods the canary has"
        )
        yield Problem("spec.autoscalerRef", shown(reference.name), remedy)
    if not spec.reverts_on_deletion:
        field, value = "spec.revertOnDeletion", shown(spec.revert_on_deletion)
        if spec.deletion_policy is not None:
            field, value = "spec.deletionPolicy", shown(spec.deletion_policy)
        remedy = (
            "remove it: the primary is the Deployment itself, which stays in any case, and a canary "
            "that was left behind would have no owner"
        )
        yield Problem(field, value, remedy)

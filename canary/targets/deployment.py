"""Deployments: scaled by their replicas, parked at none, rolled through ReplicaSets."""

from collections.abc import Mapping
from typing import Any, ClassVar

from canary.api.canary import Canary
from canary.api.kinds import DEPLOYMENT, REPLICA_SET, Kind, Manifest
from canary.core.facts import Amount, UpdateStrategy
from canary.objects.render import Render
from canary.resources.primary import primary
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

    def promoted(self, canary: Canary, source: Manifest, promotion: Promotion) -> Render:
        """Give the primary Deployment."""
        replicas, existing = promotion.replicas, promotion.existing
        if replicas is None and existing:
            replicas = existing["spec"].get("replicas")
        spec = {field: source["spec"][field] for field in _ROLLOUT if field in source["spec"]}
        if replicas is not None:
            spec["replicas"] = replicas
        return primary(
            canary,
            source,
            kind=self.kind,
            spec=spec,
            revision=promotion.revision,
            selector_label=promotion.selector_label,
            configs=promotion.configs,
            existing=existing,
            include_label_prefixes=promotion.include_label_prefixes,
        )

    def scaled(self, now: int, replicas: int) -> Manifest | None:
        """Give it so many replicas."""
        return None if now == replicas else {"spec": {"replicas": replicas}}

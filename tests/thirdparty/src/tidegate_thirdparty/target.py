"""Target `CloneSet`, of OpenKruise: pods of its own, no ReplicaSets, and templates in revisions."""

from dataclasses import replace

from canary.api.canary import Canary
from canary.api.kinds import CONTROLLER_REVISION, Kind, Manifest
from canary.core.facts import UpdateStrategy
from canary.objects.render import Render
from canary.targets import Counts, Member, Promotion, target_for

CLONE_SET = Kind(
    group="apps.kruise.io", versions=("v1alpha1",), kind="CloneSet", plural="clonesets"
)


class CloneSetTarget:
    """Does what the target of Deployments does, but for the pods and the history."""

    kind = CLONE_SET
    scales = True
    history = CONTROLLER_REVISION
    beside = ()

    def __init__(self) -> None:
        self._deployment = target_for("Deployment")

    def counts(self, manifest: Manifest) -> Counts:
        """Count its pods."""
        return self._deployment.counts(manifest)

    def strategy(self, manifest: Manifest) -> UpdateStrategy:
        """Read how its pods are replaced."""
        return self._deployment.strategy(manifest)

    def rollout(self, manifest: Manifest) -> str:
        """Name its newest revision."""
        return str((manifest.get("status") or {}).get("updateRevision", ""))

    def written(self, manifest: Manifest) -> Manifest:
        """Give its pod template."""
        return self._deployment.written(manifest)

    def remembered(self, item: Manifest) -> Manifest:
        """Give the template of a revision, which is a patch."""
        template = item["data"]["spec"]["template"]
        return {key: value for key, value in template.items() if key != "$patch"}

    def member(self, item: Manifest) -> Member | None:
        """Tell which CloneSet a pod belongs to."""
        metadata = item["metadata"]
        for owner in metadata.get("ownerReferences") or ():
            if owner["kind"] == self.kind.kind and owner.get("controller"):
                return Member(owner["name"], metadata["labels"]["controller-revision-hash"])
        return None

    def promoted(self, canary: Canary, source: Manifest, promotion: Promotion) -> Render:
        """Give the primary CloneSet."""
        primary = self._deployment.promoted(canary, source, promotion)
        identity = {
            "apiVersion": self.kind.api_version(self.kind.versions[0]),
            "kind": self.kind.kind,
        }
        return replace(
            primary, key=replace(primary.key, kind=self.kind), manifest=primary.manifest | identity
        )

    def scaled(self, now: int, replicas: int) -> Manifest | None:
        """Give it so many replicas."""
        return self._deployment.scaled(now, replicas)

"""Knative Services as targets: each change of the template makes a Revision, and one is promoted.

Target and primary are one object. The canary is its newest Revision that is ready, the primary the
Revision that an annotation names; the router sends each its share. Knative scales both by itself,
so nothing is parked, copied or scaled.
https://knative.dev/docs/serving/
"""

from collections.abc import Iterator
from typing import ClassVar

from canary.api.annotations import PRIMARY_REVISION, PROMOTED, REVISION
from canary.api.canary import Canary
from canary.api.kinds import KNATIVE_SERVICE, Kind, Manifest, ObjectKey
from canary.api.raw import part, text
from canary.api.shown import shown
from canary.core.facts import Amount, UpdateStrategy
from canary.errors import Problem
from canary.objects.ownership import owner_reference
from canary.objects.render import Render, annotations
from canary.resources.knative import CONFIGURED, configured, is_observed, ready_revision
from canary.targets import Counts, Member, Promotion
from canary.targets.defaults import TargetDefaults

ROUTER = "knative"
"""The only router that moves traffic between Revisions."""

_AT_ONCE = UpdateStrategy(at_once=True, max_unavailable=Amount(0), max_surge=Amount(1))


class KnativeTarget(TargetDefaults):
    """Read and render Knative Services."""

    kind: ClassVar[Kind] = KNATIVE_SERVICE
    scales: ClassVar[bool] = False
    serves: ClassVar[bool] = True
    holds_primary: ClassVar[bool] = True
    history: ClassVar[Kind | None] = None
    beside: ClassVar[tuple[Kind, ...]] = ()

    @property
    def writes(self) -> tuple[Kind, ...]:
        """Nothing beside its router, which has the rights to the same object."""
        return ()

    def counts(self, manifest: Manifest) -> Counts:
        """Count it as one pod, which is ready when the newest Revision is.

        A Revision that Knative has given up on will not come up by waiting.
        """
        ready = int(bool(ready_revision(manifest)))
        return Counts(
            replicas=1,
            total=1,
            updated=ready,
            available=ready,
            deadline_exceeded=is_observed(manifest) and configured(manifest) == "False",
        )

    def strategy(self, manifest: Manifest) -> UpdateStrategy:  # noqa: ARG002 - of the protocol
        """Say that it changes at once: the Revision that serves stays until another one does."""
        return _AT_ONCE

    def rollout(self, manifest: Manifest) -> str:
        """Name its newest Revision."""
        return text(part(manifest, "status"), "latestCreatedRevisionName")

    def written(self, manifest: Manifest) -> Manifest:
        """Give the template of its Revisions."""
        template: Manifest = manifest["spec"]["template"]
        return template

    def remembered(self, item: Manifest) -> Manifest:
        """Give what an object says: a Revision that is gone is not made again."""
        return self.written(item)

    def member(self, item: Manifest) -> Member | None:  # noqa: ARG002 - of the protocol
        """Give nothing: its pods are Knative's to look after."""
        return None

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Name another router, and an apex service that is not the target."""
        return tuple(_problems(canary))

    def promoted(self, canary: Canary, source: Manifest, promotion: Promotion) -> Render | None:
        """Give the target with its newest Revision as the primary; None until that is ready."""
        newest = ready_revision(source)
        if not newest:
            return None
        namespace, name = canary.metadata.namespace, source["metadata"]["name"]
        named = {PRIMARY_REVISION: newest, PROMOTED: promotion.revision}
        return Render(
            key=ObjectKey(kind=self.kind, namespace=namespace, name=name),
            manifest={
                "apiVersion": source["apiVersion"],
                "kind": self.kind.kind,
                "metadata": {"name": name, "namespace": namespace, "annotations": named},
            },
            owns=annotations(*named),
        )

    def primary(self, canary: Canary, target: Manifest) -> Manifest | None:
        """Read which Revision is promoted: it never changes, and was ready when it was promoted."""
        given = part(target["metadata"], "annotations")
        name, revision = text(given, PRIMARY_REVISION), text(given, PROMOTED)
        if not name or not revision:
            return None
        return {
            "apiVersion": target["apiVersion"],
            "kind": self.kind.kind,
            "metadata": {
                "name": target["metadata"]["name"],
                "namespace": canary.metadata.namespace,
                "uid": f"{target['metadata'].get('uid', '')}/{name}",
                "annotations": {REVISION: revision},
                "ownerReferences": [owner_reference(canary)],
            },
            "spec": {"template": {"metadata": {"name": name}}},
            "status": {
                "latestCreatedRevisionName": name,
                "latestReadyRevisionName": name,
                "conditions": [{"type": CONFIGURED, "status": "True"}],
            },
        }

    def scaled(self, now: int, replicas: int) -> Manifest | None:  # noqa: ARG002 - of the protocol
        """Give nothing: Knative scales each Revision by its requests."""
        return None


def _problems(canary: Canary) -> Iterator[Problem]:
    target, service, provider = canary.spec.target_ref, canary.spec.service, canary.spec.provider
    if provider != ROUTER:
        remedy = f"set it to {ROUTER}: no other router moves traffic between Knative's Revisions"
        yield Problem("spec.provider", shown(provider), remedy)
    if service.name not in {None, target.name}:
        remedy = f"remove it, or set it to {target.name}: clients call the Knative Service itself"
        yield Problem("spec.service.name", shown(service.name), remedy)

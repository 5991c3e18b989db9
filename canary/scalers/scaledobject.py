"""ScaledObjects of KEDA: paused while the target is parked, since KEDA scales from zero."""

import re
from typing import ClassVar

from canary.api.canary import AutoscalerReference, Canary
from canary.api.kinds import SCALED_OBJECT, Kind, Manifest, copy_of
from canary.objects.render import Render
from canary.resources.names import primary_name
from canary.scalers.copies import primary_copy, primary_reference, set_bounds
from canary.scalers.defaults import ScalerDefaults

PAUSED_REPLICAS = "autoscaling.keda.sh/paused-replicas"
"""KEDA keeps the workload at this number, and scales nothing, while the annotation is there."""
PAUSED = "autoscaling.keda.sh/paused"
"""The same, at the number that the workload has."""
HELD = "tidegate.dev/held-replicas"
"""Marks the number of a pause as tidegate's: while another one is there, a person has paused it."""

_MINIMUM, _MAXIMUM = 0, 100
"""KEDA's defaults."""


class ScaledObjectScaler(ScalerDefaults):
    """Read and render ScaledObjects."""

    kind: ClassVar[Kind] = SCALED_OBJECT
    pauses: ClassVar[bool] = True

    def primary(
        self,
        canary: Canary,
        source: Manifest,
        *,
        minimum: int = 0,
        existing: Manifest | None = None,
    ) -> Render:
        """Give the primary's ScaledObject.

        A query that names the target or its canary asks about the primary, unless the Canary gives
        the queries. No annotation is copied: one that pauses the target's must not pause this one.
        """
        spec: Manifest = copy_of(source["spec"])
        reference = canary.spec.autoscaler_ref
        spec["scaleTargetRef"] = {
            **(spec.get("scaleTargetRef") or {}),
            **primary_reference(canary),
        }
        for trigger in spec.get("triggers") or ():
            _ask_about_primary(canary, reference, trigger)
        config = (spec.get("advanced") or {}).get("horizontalPodAutoscalerConfig") or {}
        if config.get("name"):
            config["name"] = primary_name(config["name"])
        set_bounds(canary, spec, fewest="minReplicaCount", most="maxReplicaCount")
        if spec.get("idleReplicaCount", 0) >= spec.get("minReplicaCount", _MINIMUM):
            # KEDA refuses it: the bounds of the primary leave no room for it.
            spec.pop("idleReplicaCount", None)
        if minimum > spec.get("minReplicaCount", _MINIMUM):
            spec["minReplicaCount"] = min(minimum, spec.get("maxReplicaCount", _MAXIMUM))
            # An idle primary would be smaller than its minimum.
            spec.pop("idleReplicaCount", None)
        return primary_copy(canary, self.kind, source, spec, existing)

    def minimum(self, manifest: Manifest) -> int:
        """Give the fewest replicas; none where none are set."""
        return int(manifest["spec"].get("minReplicaCount", _MINIMUM))

    def maximum(self, manifest: Manifest) -> int | None:
        """Give the most replicas."""
        return int(manifest["spec"].get("maxReplicaCount", _MAXIMUM))

    def rests(self, manifest: Manifest) -> bool:
        """Say so where its fewest replicas, or those of an idle workload, are none."""
        return self.minimum(manifest) == 0 or manifest["spec"].get("idleReplicaCount") == 0

    def paused(self, manifest: Manifest, *, replicas: int | None) -> Manifest | None:
        """Set or remove the annotation that keeps the target at a number of replicas.

        Another value than tidegate's own is a person's, and stays.
        """
        annotations = manifest["metadata"].get("annotations") or {}
        found, held = annotations.get(PAUSED_REPLICAS), annotations.get(HELD)
        if found is None and replicas is not None and PAUSED in annotations:
            return None
        if found not in {None, "0", held}:
            return None
        # None at all needs no mark: no person pauses a workload that is parked.
        mark = str(replicas) if replicas else None
        wanted = {PAUSED_REPLICAS: None if replicas is None else str(replicas), HELD: mark}
        changed = {key: value for key, value in wanted.items() if annotations.get(key) != value}
        return {"metadata": {"annotations": changed}} if changed else None


def _ask_about_primary(
    canary: Canary, reference: AutoscalerReference | None, trigger: Manifest
) -> None:
    """Give a trigger the primary's query, in place."""
    metadata = trigger.get("metadata") or {}
    given = reference.primary_scaler_queries if reference else {}
    if given:
        name = trigger.get("name", "")
        if name in given:
            metadata["query"] = given[name]
    elif isinstance(metadata.get("query"), str):
        metadata["query"] = _renamed(canary, metadata["query"])


def _renamed(canary: Canary, query: str) -> str:
    """Put the primary in place of the target, where its name is a whole word.

    `podinfo` and `podinfo-canary` become `podinfo-primary`, and so does the beginning of a pattern
    such as `podinfo-.*`. Other names stay: `podinfo-api`, `podinfo_requests_total`.
    """
    target = re.escape(canary.spec.target_ref.name)
    word = rf"(?<![\w:.-]){target}(?:-canary)?(?![\w:]|-\w)"
    return re.sub(word, lambda _: canary.spec.primary_name, query)

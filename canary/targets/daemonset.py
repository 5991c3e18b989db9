"""DaemonSets: a pod on every node that fits, and parked by a node selector that no node has.

The number of pods is the cluster's: there is nothing to scale.
"""

from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import CONTROLLER_REVISION, DAEMON_SET, Kind, Manifest
from canary.core.facts import Amount, UpdateStrategy
from canary.objects.render import Render
from canary.resources.primary import primary
from canary.targets import Counts, Member, Promotion
from canary.targets.amounts import amount
from canary.targets.defaults import TargetDefaults
from canary.targets.owners import controller_of, label_of

PARKED = "tidegate.dev/parked"
"""The node selector that parks a DaemonSet: its value is "true", and no node has such a label."""
PARKED_BY_PEER = "flagger.app/scale-to-zero"
"""The same of Flagger, which a DaemonSet may still have when it is taken over."""
_PARKING = (PARKED, PARKED_BY_PEER)

TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
"""The annotation that counts the templates of a DaemonSet; deprecated, and written to this day."""
POD_GENERATION = "pod-template-generation"
"""The label of a pod that tells from which of them it was made."""

#: What the primary has from the target beside its template.
_ROLLOUT = ("minReadySeconds", "revisionHistoryLimit")
_ONE = Amount(1)
_NONE = Amount(0)


class DaemonSetTarget(TargetDefaults):
    """Read and render DaemonSets."""

    kind: ClassVar[Kind] = DAEMON_SET
    scales: ClassVar[bool] = False
    history: ClassVar[Kind | None] = CONTROLLER_REVISION
    beside: ClassVar[tuple[Kind, ...]] = ()

    def counts(self, manifest: Manifest) -> Counts:
        """Count the pods of a DaemonSet; one that is not parked wants at least one."""
        status, selector = (
            manifest.get("status") or {},
            _node_selector(manifest["spec"]["template"]),
        )
        parked = any(key in selector for key in _PARKING)
        return Counts(
            # A status from before it was unparked still counts no node.
            replicas=0 if parked else max(1, status.get("desiredNumberScheduled", 0)),
            total=status.get("currentNumberScheduled", 0),
            updated=status.get("updatedNumberScheduled", 0),
            available=status.get("numberAvailable", 0),
        )

    def strategy(self, manifest: Manifest) -> UpdateStrategy:
        """Read how its pods are replaced; one at a time where nothing is set."""
        rolling = (manifest["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
        return UpdateStrategy(
            max_unavailable=amount(rolling.get("maxUnavailable"), _ONE),
            max_surge=amount(rolling.get("maxSurge"), _NONE),
            rounds_up=True,
        )

    def rollout(self, manifest: Manifest) -> str:
        """Give the number of its newest template."""
        annotations = manifest["metadata"].get("annotations") or {}
        return str(annotations.get(TEMPLATE_GENERATION, ""))

    def written(self, manifest: Manifest) -> Manifest:
        """Give its pod template without what parks it: that is no new revision."""
        return _unparked(manifest["spec"]["template"])

    def remembered(self, item: Manifest) -> Manifest:
        """Give the template of a ControllerRevision, which holds it as a patch."""
        template = item["data"]["spec"]["template"]
        return _unparked({key: value for key, value in template.items() if key != "$patch"})

    def member(self, item: Manifest) -> Member | None:
        """Tell which DaemonSet a pod belongs to."""
        version, owner = label_of(item, POD_GENERATION), controller_of(item)
        return Member(owner["name"], version) if owner.get("kind") == self.kind.kind else None

    def promoted(self, canary: Canary, source: Manifest, promotion: Promotion) -> Render:
        """Give the primary DaemonSet, whose pods are always replaced by its controller.

        With OnDelete a promotion would wait for a person to delete the pods.
        """
        spec = {field: source["spec"][field] for field in _ROLLOUT if field in source["spec"]}
        strategy = source["spec"].get("updateStrategy") or {}
        spec["updateStrategy"] = strategy if strategy.get("rollingUpdate") else _REPLACED
        return primary(
            canary,
            source,
            kind=self.kind,
            spec=spec,
            revision=promotion.revision,
            selector_label=promotion.selector_label,
            configs=promotion.configs,
            existing=promotion.existing,
            include_label_prefixes=promotion.include_label_prefixes,
        )

    def scaled(self, now: int, replicas: int) -> Manifest | None:
        """Park it, or run it on every node that fits."""
        if bool(now) == bool(replicas):
            return None
        selector = {PARKED: "true"} if not replicas else dict.fromkeys(_PARKING)
        return {"spec": {"template": {"spec": {"nodeSelector": selector}}}}


_REPLACED: Manifest = {
    "type": "RollingUpdate",
    "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
}


def _node_selector(template: Manifest) -> dict[str, str]:
    selector: dict[str, str] = template["spec"].get("nodeSelector") or {}
    return selector


def _unparked(template: Manifest) -> Manifest:
    """Copy a pod template without what parks it, and without a node selector that says nothing."""
    selector = _node_selector(template)
    left = {key: value for key, value in selector.items() if key not in _PARKING}
    if "nodeSelector" not in template["spec"] or (left and left == selector):
        return template
    spec = {key: value for key, value in template["spec"].items() if key != "nodeSelector"}
    return template | {"spec": spec | ({"nodeSelector": left} if left else {})}

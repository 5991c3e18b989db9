"""HorizontalPodAutoscalers: replicas within their bounds, as a source of metrics or a person asks.

How many replicas there should be comes from the annotation `tidegate.dev/simulate-replicas` or
from a callable; without either, only the bounds are enforced.
"""

from collections.abc import Callable

from tidegate_embedded.apiserver import subresources
from tidegate_embedded.apiserver.resources import Resource, StorageKey
from tidegate_embedded.apiserver.reviewing import settled
from tidegate_embedded.apiserver.storage import Event, Name
from tidegate_embedded.apiserver.values import Object, at_path, timestamp
from tidegate_embedded.controllers.work import MANAGER, Cluster, is_dying, name_of

AUTOSCALERS: StorageKey = ("autoscaling", "horizontalpodautoscalers")
SIMULATE_REPLICAS = "tidegate.dev/simulate-replicas"
RESYNC_SECONDS = 15.0

#: From an autoscaler and its target's replicas to the replicas that its metrics ask for.
MetricSource = Callable[[Object, int], int]


class AutoscalerController:
    """Scales the targets of autoscalers."""

    def __init__(self, cluster: Cluster, metric_source: MetricSource | None) -> None:
        self._cluster = cluster
        self._metric_source = metric_source
        self._resource = cluster.resource("autoscaling", "v2", "horizontalpodautoscalers")
        self._names: set[Name] = set()

    def observe(self, key: StorageKey, event: Event) -> None:
        """Wake the autoscalers that a change is about."""
        item = event.stored.object
        if key == AUTOSCALERS:
            if event.change == "DELETED":
                self._names.discard(name_of(item))
            else:
                self._names.add(name_of(item))
                self._cluster.queue.add(self.sync, name_of(item))
            return
        if not self._names or event.change == "DELETED" or not item.get("kind"):
            return
        for name in self._names:
            autoscaler = self._cluster.find(AUTOSCALERS, name)
            target = at_path(autoscaler, "spec", "scaleTargetRef") or {}
            if name[0] == name_of(item)[0] and (target.get("kind"), target.get("name")) == (
                item["kind"], item["metadata"]["name"],
            ):  # fmt: skip
                self._cluster.queue.add(self.sync, name)

    def sync(self, name: Name) -> None:
        """Scale the target of an autoscaler and write its status."""
        autoscaler = self._cluster.find(AUTOSCALERS, name)
        if autoscaler is None or is_dying(autoscaler):
            return
        spec, reference = autoscaler["spec"], autoscaler["spec"]["scaleTargetRef"]
        resource = self._cluster.objects.registry.of_kind(
            reference.get("apiVersion", "apps/v1"), reference["kind"]
        )
        target = None
        if resource is not None and resource.scale is not None:
            target = self._cluster.objects.find(resource, name[0], reference["name"])
        if resource is None or target is None:
            self._write(autoscaler, 0, 0, [
                _condition("AbleToScale", "False", "FailedGetScale",
                           f'the target {reference["kind"]} "{reference["name"]}" was not found'),
            ])  # fmt: skip
            return
        scale = subresources.scale_of(target.object, resource)
        current = scale["spec"].get("replicas", 0)
        if current == 0:
            self._write(autoscaler, scale["status"]["replicas"], 0, [
                _condition("AbleToScale", "True", "SucceededGetScale",
                           "the HPA controller was able to get the target's current scale"),
                _condition("ScalingActive", "False", "ScalingDisabled",
                           "scaling is disabled since the replica count of the target is zero"),
            ])  # fmt: skip
            return
        asked = self._asked(autoscaler, current)
        desired = min(max(asked, spec.get("minReplicas", 1)), spec["maxReplicas"])
        limited = desired != asked
        self._scale(resource, name[0], reference["name"], scale, desired)
        self._write(autoscaler, current, desired, [
            _condition("AbleToScale", "True", "ReadyForNewScale",
                       "recommended size matches current size"),
            _condition("ScalingActive", "True", "ValidMetricFound",
                       "the HPA was able to compute the replica count"),
            _condition("ScalingLimited", "True" if limited else "False",
                       "TooFewReplicas" if desired > asked else
                       "TooManyReplicas" if limited else "DesiredWithinRange",
                       "the desired count is within the acceptable range" if not limited else
                       "the desired replica count is outside the range of the autoscaler"),
        ], scaled=desired != current)  # fmt: skip
        if self._metric_source is not None:
            self._cluster.queue.add_later(self.sync, name, RESYNC_SECONDS)

    def _asked(self, autoscaler: Object, current: int) -> int:
        simulated = at_path(autoscaler, "metadata", "annotations", SIMULATE_REPLICAS)
        if isinstance(simulated, str) and simulated.isdecimal():
            return int(simulated)
        return self._metric_source(autoscaler, current) if self._metric_source else current

    def _scale(
        self, resource: Resource, namespace: str, name: str, scale: Object, desired: int
    ) -> None:
        if scale["spec"].get("replicas", 0) != desired:
            wanted = {**scale, "spec": {"replicas": desired}}
            steps = subresources.put_scale(
                self._cluster.objects, resource, namespace, name, wanted, MANAGER
            )
            settled(steps)

    def _write(
        self,
        autoscaler: Object,
        current: int,
        desired: int,
        conditions: list[Object],
        *,
        scaled: bool = False,
    ) -> None:
        moment = timestamp(self._cluster.objects.clock())
        before = autoscaler.get("status") or {}
        known = {condition["type"]: condition for condition in before.get("conditions") or ()}
        for condition in conditions:
            old = known.get(condition["type"], {})
            same = old.get("status") == condition["status"]
            condition["lastTransitionTime"] = old["lastTransitionTime"] if same else moment
        status: Object = {
            "currentReplicas": current,
            "desiredReplicas": desired,
            "conditions": conditions,
            "currentMetrics": before.get("currentMetrics") or [],
        }
        if scaled or "lastScaleTime" in before:
            status["lastScaleTime"] = moment if scaled else before["lastScaleTime"]
        self._cluster.write_status(self._resource, autoscaler, status)


def _condition(kind: str, status: str, reason: str, message: str) -> Object:
    return {"type": kind, "status": status, "reason": reason, "message": message}

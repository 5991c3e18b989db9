"""Services as targets: what one leads to is the revision, and its primary and canary are Services.

Such a target is the service that clients call. It stays as its user writes it: `<name>-canary` always
leads where it leads, and `<name>-primary` where the promoted revision led. It has no pods of its own
to count, to park or to scale, so it is always ready.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from canary.api.annotations import REVISION
from canary.api.canary import Canary
from canary.api.kinds import SERVICE, Kind, Manifest, ObjectKey, copy_of
from canary.api.service import ServiceMetadata
from canary.api.shown import shown
from canary.core.facts import Amount, UpdateStrategy
from canary.errors import Problem
from canary.objects.ownership import GITOPS_ANNOTATIONS
from canary.objects.render import Render, fields
from canary.objects.taking import made
from canary.resources.metadata import included
from canary.targets import Counts, Member, Promotion
from canary.targets.defaults import TargetDefaults

EXTERNAL_NAME = "ExternalName"
HEADLESS = "None"

#: What says where a Service leads. Addresses, node ports and load balancers are the target's alone.
_COPIED = (
    "externalName",
    "internalTrafficPolicy",
    "ports",
    "publishNotReadyAddresses",
    "selector",
    "sessionAffinity",
    "sessionAffinityConfig",
    "trafficDistribution",
)
_ALWAYS_READY = Counts(replicas=1, total=1, updated=1, available=1)
_AT_ONCE = UpdateStrategy(at_once=True, max_unavailable=Amount(0), max_surge=Amount(1))


class ServiceTarget(TargetDefaults):
    """Read and render Services."""

    kind: ClassVar[Kind] = SERVICE
    scales: ClassVar[bool] = False
    serves: ClassVar[bool] = True
    history: ClassVar[Kind | None] = None
    beside: ClassVar[tuple[Kind, ...]] = ()

    def counts(self, manifest: Manifest) -> Counts:  # noqa: ARG002 - of the protocol
        """Count it as one that is ready."""
        return _ALWAYS_READY

    def strategy(self, manifest: Manifest) -> UpdateStrategy:  # noqa: ARG002 - of the protocol
        """Say that it changes at once, and leads somewhere at any moment."""
        return _AT_ONCE

    def rollout(self, manifest: Manifest) -> str:  # noqa: ARG002 - of the protocol
        """Give nothing: a Service has no rollouts."""
        return ""

    def written(self, manifest: Manifest) -> Manifest:
        """Give what says where it leads, without what the cluster assigns."""
        return {"spec": _leading(manifest["spec"])}

    def remembered(self, item: Manifest) -> Manifest:
        """Give what an object says: a Service has no history."""
        return self.written(item)

    def member(self, item: Manifest) -> Member | None:  # noqa: ARG002 - of the protocol
        """Give nothing: pods that it leads to belong to other workloads."""
        return None

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Name another group's Service, and an apex service that is not the target."""
        return tuple(_problems(canary))

    def services(self, canary: Canary, existing: Mapping[str, Manifest]) -> tuple[Render, ...]:
        """Give the canary's service, which leads where the target leads; none without the target."""
        target = existing.get(canary.spec.target_ref.name)
        if target is None:
            return ()
        name, metadata = canary.spec.canary_service_name, canary.spec.service.canary
        return (_copy(canary, name, target, metadata, existing.get(name)),)

    def promoted(self, canary: Canary, source: Manifest, promotion: Promotion) -> Render:
        """Give the primary's service."""
        labels = included(source["metadata"].get("labels"), promotion.include_label_prefixes)
        return _copy(
            canary,
            canary.spec.primary_name,
            source,
            canary.spec.service.primary,
            promotion.existing,
            labels=labels,
            annotations={REVISION: promotion.revision},
        )

    def scaled(self, now: int, replicas: int) -> Manifest | None:  # noqa: ARG002 - of the protocol
        """Give nothing: there is nothing to scale, and nothing to park."""
        return None


def _problems(canary: Canary) -> Iterator[Problem]:
    target, service = canary.spec.target_ref, canary.spec.service
    if target.api_version != "v1":
        remedy = "write v1, or serving.knative.dev/v1 for a Knative Service"
        yield Problem("spec.targetRef.apiVersion", shown(target.api_version), remedy)
    if service.name not in {None, target.name}:
        remedy = (
            f"remove it, or set it to {target.name}: a target of kind Service is the service that "
            "clients call"
        )
        yield Problem("spec.service.name", shown(service.name), remedy)


def _leading(spec: Mapping[str, Any]) -> Manifest:
    """Copy what says where a Service leads."""
    leading = {key: copy_of(spec[key]) for key in _COPIED if spec.get(key) is not None}
    if ports := leading.get("ports"):
        leading["ports"] = [
            {key: value for key, value in port.items() if key != "nodePort"} for port in ports
        ]
    if spec.get("type") == EXTERNAL_NAME:
        return leading | {"type": EXTERNAL_NAME}
    headless = {"clusterIP": HEADLESS} if spec.get("clusterIP") == HEADLESS else {}
    return leading | {"type": "ClusterIP"} | headless


def _copy(
    canary: Canary,
    name: str,
    source: Manifest,
    metadata: ServiceMetadata | None,
    existing: Manifest | None,
    *,
    labels: Mapping[str, str] = MappingProxyType({}),
    annotations: Mapping[str, str] = MappingProxyType({}),
) -> Render:
    """Give a Service of our own that leads where another one leads."""
    wanted = metadata or ServiceMetadata()
    return made(
        canary,
        ObjectKey(kind=SERVICE, namespace=canary.metadata.namespace, name=name),
        {"spec": _leading(source["spec"])},
        # An address is given once: it can neither be taken away nor added later.
        owns=fields(*_COPIED, "type"),
        found=existing,
        labels={**labels, **wanted.labels},
        annotations={**wanted.annotations, **annotations, **GITOPS_ANNOTATIONS},
    )

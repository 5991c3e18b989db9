"""Router `ingress`: an Ingress of our own beside the user's, as ingress-nginx splits traffic.

The user's Ingress is read and never written; the one beside it is rendered from it.
"""

from typing import Any

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.core.traffic import Seen, Traffic
from canary.objects.places import Prefix
from canary.objects.render import Lacking, Render, Restoration, annotations, fields
from canary.routers import ClusterState, Objects
from canary.routers.objects import render_object, restore_objects

INGRESS = Kind(group="networking.k8s.io", versions=("v1",), kind="Ingress", plural="ingresses")
PREFIX = "nginx.ingress.kubernetes.io/"

_OWNS = (
    *fields("rules", "tls", "ingressClassName", "defaultBackend"),
    *annotations(Prefix(PREFIX)),
)


class IngressRouter:
    """Splits traffic by the annotations of a second Ingress."""

    name = "ingress"
    kinds = (INGRESS,)

    def __init__(self, variant: str = "") -> None:
        assert not variant

    def objects(self, canary: Canary) -> Objects:
        """Name the Ingress beside the user's, and the user's."""
        namespace, service = canary.metadata.namespace, canary.spec.service_name
        users, ours = (
            ObjectKey(kind=INGRESS, namespace=namespace, name=name)
            for name in (service, f"{service}-canary")
        )
        return Objects(own=(ours,), read=(users,))

    def render(
        self, canary: Canary, cluster: ClusterState, traffic: Traffic
    ) -> tuple[Render, ...] | Lacking:
        """Give the Ingress beside the user's, with the weight in its annotations."""
        objects = self.objects(canary)
        (ours,), (users,) = objects.own, objects.read
        found = cluster.existing.get(users)
        if found is None:
            return Lacking(
                kind=INGRESS,
                namespace=users.namespace,
                name=users.name,
                remedy=f"create it, with the service {canary.spec.service_name} behind it",
            )
        rendered = render_object(
            canary,
            cluster,
            (ours, _OWNS),
            _led_to_canary(canary, found["spec"]),
            metadata=canary.spec.service.apex,
            annotations={
                f"{PREFIX}canary": "true",
                f"{PREFIX}canary-weight": str(traffic.weight),
            },
            ours=lambda spec: _leads_to_canary(canary, spec),
        )
        return (rendered,)

    def read(self, canary: Canary, cluster: ClusterState) -> Seen | None:
        """Read the weight."""
        (ours,) = self.objects(canary).own
        found: Manifest = cluster.existing.get(ours) or {"metadata": {}}
        weight = (found["metadata"].get("annotations") or {}).get(f"{PREFIX}canary-weight", "")
        return Seen(weight=int(weight)) if weight.isdecimal() else None

    def restore(self, canary: Canary, cluster: ClusterState) -> Restoration:
        """Remove the Ingress, or give it back where it was there before."""
        owned = ((key, _OWNS) for key in self.objects(canary).own)
        return restore_objects(
            canary, cluster, owned, ours=lambda spec: _leads_to_canary(canary, spec)
        )


def _led_to_canary(canary: Canary, value: Any) -> Any:
    """Copy a spec with the canary's service in place of the apex service."""
    if isinstance(value, list):
        return [_led_to_canary(canary, each) for each in value]
    if not isinstance(value, dict):
        return value
    copy = {name: _led_to_canary(canary, each) for name, each in value.items()}
    if isinstance(value.get("service"), dict):
        service = copy["service"]
        if service.get("name") == canary.spec.service_name:
            copy["service"] = service | {"name": canary.spec.canary_service_name}
    return copy


def _leads_to_canary(canary: Canary, spec: Manifest) -> bool:
    return f"'{canary.spec.canary_service_name}'" in repr(spec)

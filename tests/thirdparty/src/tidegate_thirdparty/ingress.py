"""Router `ingress`: an Ingress of our own beside the user's, as ingress-nginx splits traffic.

The user's Ingress is read and never written; the one beside it is rendered from it.
"""

from collections.abc import Iterable
from typing import Any

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.core.traffic import Seen, Traffic
from canary.objects.places import Path, Prefix
from canary.objects.render import Lacking, annotations, fields
from canary.routers import ClusterState
from canary.routers.beside import Beside, BesideRouter

PREFIX = "nginx.ingress.kubernetes.io/"


class IngressRouter(BesideRouter):
    """Splits traffic by the annotations of a second Ingress."""

    name = "ingress"
    kind = Kind(group="networking.k8s.io", versions=("v1",), kind="Ingress", plural="ingresses")

    def pairs(self, canary: Canary) -> Iterable[tuple[str, str]]:
        """Name the user's Ingress, and the one beside it."""
        return ((canary.spec.service_name, canary.spec.canary_service_name),)

    def owns(self, _cluster: ClusterState) -> tuple[Path, ...]:
        """The spec, and the annotations of ingress-nginx."""
        spec = fields("rules", "tls", "ingressClassName", "defaultBackend")
        return (*spec, *annotations(Prefix(PREFIX)))

    def beside(
        self, canary: Canary, cluster: ClusterState, users: ObjectKey, traffic: Traffic
    ) -> Beside | Lacking:
        """Lead where the user's Ingress leads, to the canary, with the weight in annotations."""
        found = cluster.existing.get(users)
        if found is None:
            return Lacking(
                kind=self.kind,
                namespace=users.namespace,
                name=users.name,
                remedy=f"create it, with the service {canary.spec.service_name} behind it",
            )
        return Beside(
            spec=_led_to_canary(canary, found["spec"]),
            annotations={
                f"{PREFIX}canary": "true",
                f"{PREFIX}canary-weight": str(traffic.weight),
            },
        )

    def seen(self, _canary: Canary, _cluster: ClusterState, found: Manifest) -> Seen | None:
        """Read the weight."""
        weight = (found["metadata"].get("annotations") or {}).get(f"{PREFIX}canary-weight", "")
        return Seen(weight=int(weight)) if weight.isdecimal() else None

    def is_ours(self, canary: Canary, spec: Manifest) -> bool:
        """Tell whether a spec names the canary's service."""
        return f"'{canary.spec.canary_service_name}'" in repr(spec)


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

"""AWS Load Balancer Controller: an action of the user's Ingress, in one of its annotations.

https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/#actions
"""

import json
from datetime import timedelta
from typing import Any, ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.core.traffic import Seen, Traffic, together
from canary.objects.adoption import metadata_before
from canary.objects.ownership import adopted, decoded
from canary.objects.render import Lacking, Render, Restoration, annotations
from canary.objects.taking import adopted_as, released
from canary.routers import ClusterState, Objects
from canary.routers.abilities import Abilities
from canary.routers.defaults import RouterDefaults
from canary.routers.ingresses import INGRESS, users_ingress
from canary.routers.shares import entries, part, side_services, sides, weight_of

#: The port of a backend whose action stands in an annotation.
_BY_ACTION = "use-annotation"
_STICKINESS = "targetGroupStickinessConfig"
_ABILITIES = Abilities(
    service=frozenset(),
    references=("ingress_ref", "ingress_refs"),
    reasons={
        "session_affinity": "target group stickiness holds clients on both sides, whatever the "
        "weights"
    },
    entrance="the Ingress",
    # The load balancer follows a change some time after its API has taken it.
    settles=timedelta(seconds=15),
)


class AlbRouter(RouterDefaults):
    """Split traffic by the weights of target groups in an annotation of the user's Ingress."""

    name: ClassVar[str] = "alb"
    kinds: ClassVar[tuple[Kind, ...]] = (INGRESS,)

    def __init__(self, _variant: str = "") -> None:
        """Make the router."""

    def abilities(self, _canary: Canary) -> Abilities:
        """Weights alone."""
        return _ABILITIES

    def objects(self, canary: Canary) -> Objects:
        """Name the user's Ingresses."""
        namespace, names = canary.metadata.namespace, canary.spec.ingress_names
        keys = (ObjectKey(kind=INGRESS, namespace=namespace, name=name) for name in names)
        return Objects(edited=tuple(keys))

    def render(
        self, canary: Canary, cluster: ClusterState, traffic: Traffic
    ) -> tuple[Render, ...] | Lacking:
        """Give the Ingresses with the action; both target groups stay in it, to be health-checked."""
        action, renders = _action(canary), []
        for key in self.objects(canary).edited:
            found = users_ingress(canary, cluster, key)
            if isinstance(found, Lacking):
                return found
            if fault := _fault(canary, found):
                remedy = f"change it, or name another Ingress than {key.name}"
                return Lacking(
                    kind=key.kind,
                    namespace=key.namespace,
                    name=key.name,
                    fault=fault,
                    remedy=remedy,
                )
            value = _forward(canary, traffic, _before(canary, found))
            text = json.dumps(value, separators=(",", ":"))
            renders.append(
                adopted_as(
                    canary,
                    key,
                    {},
                    owns=annotations(action),
                    found=found,
                    annotations={action: text},
                    version=cluster.version(key.kind),
                )
            )
        return tuple(renders)

    def read(self, canary: Canary, cluster: ClusterState) -> Seen | None:
        """Read what the actions of all Ingresses do together."""
        found = map(cluster.existing.get, self.objects(canary).edited)
        weights = (_weight(canary, each) for each in found)
        return together(None if each is None else Seen(weight=each) for each in weights)

    def restore(self, canary: Canary, cluster: ClusterState) -> Restoration:
        """Give the Ingresses their own action back."""
        found = ((key, cluster.existing.get(key)) for key in self.objects(canary).edited)
        owns = annotations(_action(canary))
        return Restoration(
            write=tuple(
                released(key, None, owns=owns, found=each, version=cluster.version(key.kind))
                for key, each in found
                if each is not None and adopted(each)
            )
        )


def _action(canary: Canary) -> str:
    return f"alb.ingress.kubernetes.io/actions.{canary.spec.service_name}"


def _forward(canary: Canary, traffic: Traffic, before: object) -> Manifest:
    """Write the action that shares requests among both sides.

    Stickiness ends at weight 0: the load balancer would keep sending sticky clients to the canary.
    """
    config: Manifest = {
        "targetGroups": [
            {"serviceName": service, "servicePort": canary.spec.service.port, "weight": weight}
            for service, weight in sides(canary, traffic.weight)
        ]
    }
    sticky = part(before, "forwardConfig", _STICKINESS)
    if traffic.weight and isinstance(sticky, dict):
        config[_STICKINESS] = sticky
    return {"type": "forward", "forwardConfig": config}


def _before(canary: Canary, found: Manifest) -> Any:
    """Read the action that the user has written."""
    action = _action(canary)
    written = metadata_before(found, annotations(action)).get("annotations", {})
    return _read(written.get(action))


def _fault(canary: Canary, found: Manifest) -> str:
    """Say why an Ingress can't be used; empty where it can."""
    service, before = canary.spec.service_name, _before(canary, found)
    backends = (
        part(path, "backend", "service")
        for rule in entries(found.get("spec"), "rules")
        for path in entries(rule, "http", "paths")
    )
    by_action = {part(each, "name") for each in backends if _is_by_action(each)}
    if service not in by_action:
        return f"has no backend of Service {service} with the port name {_BY_ACTION}"
    known = {service, *side_services(canary)}
    groups = entries(before, "forwardConfig", "targetGroups")
    others = any(each.get("serviceName") not in known for each in groups)
    if others or part(before, "type") not in {None, "forward"}:
        return f"does more in {_action(canary)} than forward to Service {service}"
    return ""


def _is_by_action(backend: object) -> bool:
    return bool(part(backend, "port", "name") == _BY_ACTION)


def _weight(canary: Canary, found: Manifest | None) -> int | None:
    """Read the canary's weight in the action of an Ingress."""
    action = _read((part(found, "metadata", "annotations") or {}).get(_action(canary)))
    groups = entries(action, "forwardConfig", "targetGroups")
    # A target group alone needs no weight.
    return weight_of(
        canary, ((str(each.get("serviceName")), each.get("weight", 1)) for each in groups)
    )


def _read(text: str | None) -> Any:
    """Read an action; older releases of the controller wrote its names with a capital letter."""
    return _lower(decoded(text))


def _lower(value: Any) -> Any:
    if isinstance(value, list):
        return [_lower(each) for each in value]
    if isinstance(value, dict):
        return {name[:1].lower() + name[1:]: _lower(each) for name, each in value.items()}
    return value

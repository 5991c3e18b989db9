"""AWS Load Balancer Controller: an action of the user's Ingress, in one of its annotations.

Where only some requests take part, a rule before that of the app has them: the user's Ingress names
it by a backend, and two more annotations hold its action and its conditions.
https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/#actions
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.core.traffic import Seen, Traffic, together
from canary.errors import SpecWarning
from canary.objects.adoption import metadata_before
from canary.objects.ownership import adopted, decoded
from canary.objects.places import Path
from canary.objects.render import Lacking, Render, Restoration, annotations
from canary.objects.taking import adopted_as, released
from canary.routers import ClusterState, Objects
from canary.routers.abilities import Abilities, ignored
from canary.routers.alb_conditions import caseless, parts, unsaid
from canary.routers.defaults import RouterDefaults
from canary.routers.ingresses import INGRESS, users_ingress
from canary.routers.shares import entries, part, side_services, sides, weight_of

#: The port of a backend whose action stands in an annotation.
_BY_ACTION = "use-annotation"
_STICKINESS = "targetGroupStickinessConfig"
_PREFIX = "alb.ingress.kubernetes.io"
#: The one type of path whose order in an Ingress is that of the rules.
_IN_ORDER = "ImplementationSpecific"


class AlbRouter(RouterDefaults):
    """Split traffic by the weights of target groups in an annotation of the user's Ingress."""

    name: ClassVar[str] = "alb"
    kinds: ClassVar[tuple[Kind, ...]] = (INGRESS,)

    def __init__(self, _variant: str = "") -> None:
        """Make the router."""

    def abilities(self, _canary: Canary) -> Abilities:
        """Weights, among all requests or those that satisfy one condition."""
        return _ABILITIES

    def ignored(self, canary: Canary) -> tuple[SpecWarning, ...]:
        """Name what has no effect, and the texts whose letters the load balancer takes for alike."""
        return (*ignored(canary, self.name, _ABILITIES), *caseless(canary))

    def objects(self, canary: Canary) -> Objects:
        """Name the user's Ingresses."""
        namespace, names = canary.metadata.namespace, canary.spec.ingress_names
        keys = (ObjectKey(kind=INGRESS, namespace=namespace, name=name) for name in names)
        return Objects(edited=tuple(keys))

    def render(
        self, canary: Canary, cluster: ClusterState, traffic: Traffic
    ) -> tuple[Render, ...] | Lacking:
        """Give the Ingresses with the action; both target groups stay in it, to be health-checked."""
        renders = []
        for key in self.objects(canary).edited:
            found = users_ingress(canary, cluster, key)
            if isinstance(found, Lacking):
                return found
            if fault := _fault(canary, found, matching_rule=_needs_rule(canary, found, traffic)):
                remedy = f"change it, or name another Ingress than {key.name}"
                return Lacking(
                    kind=key.kind,
                    namespace=key.namespace,
                    name=key.name,
                    fault=fault,
                    remedy=remedy,
                )
            renders.append(
                adopted_as(
                    canary,
                    key,
                    {},
                    owns=_owns(canary),
                    found=found,
                    annotations=_written(canary, found, traffic),
                    version=cluster.version(key.kind),
                )
            )
        return tuple(renders)

    def read(self, canary: Canary, cluster: ClusterState) -> Seen | None:
        """Read what the actions of all Ingresses do together."""
        found = map(cluster.existing.get, self.objects(canary).edited)
        return together(_seen(canary, each) for each in found)

    def restore(self, canary: Canary, cluster: ClusterState) -> Restoration:
        """Give the Ingresses their own annotations back."""
        found = ((key, cluster.existing.get(key)) for key in self.objects(canary).edited)
        owns = _owns(canary)
        return Restoration(
            write=tuple(
                released(key, None, owns=owns, found=each, version=cluster.version(key.kind))
                for key, each in found
                if each is not None and adopted(each)
            )
        )


def _needs_rule(canary: Canary, found: Manifest, traffic: Traffic) -> bool:
    """Tell whether there must be a rule for requests that match.

    Clients must be able to leave the canary, whatever has become of the user's rules.
    """
    asked = any(matches for _, matches in canary.spec.analysis.placed_matches())
    return asked and (bool(traffic.weight) or not adopted(found))


def _matching(canary: Canary) -> str:
    """Name the backend of the rule for the requests that match."""
    return f"{canary.spec.service_name}-matching"


def _action(name: str) -> str:
    return f"{_PREFIX}/actions.{name}"


def _conditions(canary: Canary) -> str:
    return f"{_PREFIX}/conditions.{_matching(canary)}"


def _owns(canary: Canary) -> tuple[Path, ...]:
    actions = map(_action, (canary.spec.service_name, _matching(canary)))
    return annotations(*actions, _conditions(canary))


def _written(canary: Canary, found: Manifest, traffic: Traffic) -> dict[str, str]:
    """Write the annotations; a rule for requests that match does what the other one does while none do."""
    service, matching = canary.spec.service_name, _matching(canary)
    rest = traffic.without_canary() if traffic.match else traffic
    values: dict[str, object] = {
        _action(service): _forward(canary, rest, _before(canary, found, service))
    }
    if matching in _by_action(found):
        before = _before(canary, found, matching)
        values[_action(matching)] = _forward(canary, traffic, before)
        values[_conditions(canary)] = [each for one in traffic.match[:1] for each in parts(one)]
    return {name: json.dumps(each, separators=(",", ":")) for name, each in values.items()}


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


def _before(canary: Canary, found: Manifest, name: str) -> Any:
    """Read an action as the user has written it."""
    return _read(_theirs(canary, found).get(_action(name)))


def _theirs(canary: Canary, found: Manifest) -> Manifest:
    """Give the annotations in our places as the user has written them."""
    given: Manifest = metadata_before(found, _owns(canary)).get("annotations", {})
    return given


def _narrows(canary: Canary, given: Manifest) -> bool:
    """Tell whether the rule for requests that match has conditions."""
    return str(given.get(_conditions(canary), "[]")).strip() != "[]"


def _fault(canary: Canary, found: Manifest, *, matching_rule: bool) -> str:
    """Say why an Ingress can't be used, empty where it can.

    With `matching_rule`, it needs a rule for requests that match.
    """
    service, matching, named = canary.spec.service_name, _matching(canary), _by_action(found)
    for needed in (service, *((matching,) if matching_rule else ())):
        if needed not in named:
            return f"has no backend of Service {needed} with the port name {_BY_ACTION}"
    if matching_rule and not _stands_first(found, matching, service):
        return (
            f"does not ask the backend {matching} before {service}: write both with pathType "
            f"{_IN_ORDER}, in this order"
        )
    known = {service, *side_services(canary)}
    for name in sorted(named & {service, matching}):
        before = _before(canary, found, name)
        groups = entries(before, "forwardConfig", "targetGroups")
        others = any(each.get("serviceName") not in known for each in groups)
        if others or part(before, "type") not in {None, "forward"}:
            return f"does more in {_action(name)} than forward to Service {service}"
    if matching in named and _narrows(canary, _theirs(canary, found)):
        return f"has conditions of its own in {_conditions(canary)}"
    return ""


def _backends(found: Manifest) -> Iterator[tuple[Manifest, Manifest, str]]:
    """Go through the rules and paths that lead to an action, with its name."""
    for rule in entries(found.get("spec"), "rules"):
        for path in entries(rule, "http", "paths"):
            service = part(path, "backend", "service")
            if part(service, "port", "name") == _BY_ACTION:
                yield rule, path, str(part(service, "name"))


def _by_action(found: Manifest) -> set[str]:
    return {name for _, _, name in _backends(found)}


def _stands_first(found: Manifest, matching: str, service: str) -> bool:
    """Tell whether the rule for requests that match is asked before that for all, on each path."""
    listed = [*_backends(found)]
    for index, (rule, path, name) in enumerate(listed):
        same = [
            (other, each)
            for each, (its, other, its_name) in enumerate(listed)
            if its is rule and its_name == service and other.get("path") == path.get("path")
        ]
        if name == matching and any(
            each < index or {path.get("pathType"), other.get("pathType")} != {_IN_ORDER}
            for other, each in same
        ):
            return False
    return True


def _seen(canary: Canary, found: Manifest | None) -> Seen | None:
    """Read what the actions of an Ingress do: that of the app, and that for requests that match."""
    given = part(found, "metadata", "annotations") or {}
    of_all, of_some = (
        _weight(canary, _read(given.get(_action(name))))
        for name in (canary.spec.service_name, _matching(canary))
    )
    if of_all is None or of_some is None:
        return None if of_all is None else Seen(weight=of_all)
    matched = _narrows(canary, given)
    some = Seen(weight=of_some, matched=matched)
    return some if matched and not of_all else together((Seen(weight=of_all), some))


def _weight(canary: Canary, action: object) -> int | None:
    """Read the canary's weight in an action."""
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


_ABILITIES = Abilities(
    service=frozenset(),
    conditions={
        "name": frozenset({"exact"}),
        "method": frozenset({"exact"}),
        **dict.fromkeys(("headers", "query_params"), frozenset({"exact", "prefix", "suffix"})),
    },
    others="a rule of the load balancer compares headers, query parameters and the method, without "
    "regular expressions; your Ingress says by which hosts and paths requests come in",
    unsaid=unsaid,
    matches=True,
    references=("ingress_ref", "ingress_refs"),
    reasons={
        "session_affinity": "target group stickiness holds clients on both sides, whatever the "
        "weights"
    },
    entrance="the Ingress",
    # The load balancer follows a change some time after its API has taken it.
    settles=timedelta(seconds=15),
)

"""The rules of a route of the Gateway API that its user keeps."""

from collections.abc import Callable, Iterable
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.api.traffic import HttpMatch
from canary.core.traffic import Seen, Traffic
from canary.routers import ClusterState
from canary.routers.gatewayroutes import MIRROR_PERCENT, copied, expressible, rule_seen
from canary.routers.httproute import MIRROR, mirror_filter
from canary.routers.managed_rules import Fault, RuleCopies
from canary.routers.shares import entries

#: The conditions of a match that are lists by name.
_BY_NAME = frozenset({"headers", "queryParams"})


class GatewayRules:
    """Rules by name, each with backends."""

    places: ClassVar[tuple[str, ...]] = ("rules",)
    backends: ClassVar[str] = "backendRefs"
    matches: ClassVar[str] = "matches"
    most_rules: ClassVar[int] = 16
    most_matches: ClassVar[int] = 128
    required: ClassVar[frozenset[tuple[str, ...]]] = frozenset({MIRROR_PERCENT})

    def __init__(self, condition: Callable[[HttpMatch], Manifest]) -> None:
        """Make them for a kind of route; `condition` writes one on requests."""
        self._condition = condition

    def possible(self, traffic: Traffic, cluster: ClusterState) -> Traffic:
        """Leave out a share of copies that the installed CRD would make all."""
        return expressible(traffic, cluster)

    def names(self, _place: str, rule: Manifest) -> Iterable[str]:
        """Give its name."""
        return (str(rule["name"]),) if rule.get("name") else ()

    def service(self, namespace: str, backend: Manifest) -> str:
        """Name the Service that a backend refers to."""
        here = backend.get("namespace") in (None, namespace)
        service = backend.get("kind", "Service") == "Service" and not backend.get("group")
        return str(backend.get("name", "")) if here and service else ""

    def leading(self, backend: Manifest, service: str) -> Manifest:
        """Refer to the Service."""
        return {**backend, "name": service}

    def condition(self, match: HttpMatch) -> Manifest:
        """Write a condition on requests; one on no path holds for all of them."""
        written = self._condition(match)
        if match.uri is None:
            written.pop("path", None)
        return written

    def both(self, one: Manifest, other: Manifest) -> Manifest | None:
        """Join two conditions on different fields."""
        joined = {**one}
        for name, value in other.items():
            theirs = joined.get(name)
            if name in _BY_NAME and theirs:
                known = {str(each.get("name")).lower(): each for each in theirs}
                if any(known.get(str(each["name"]).lower(), each) != each for each in value):
                    return None
                more = [each for each in value if str(each["name"]).lower() not in known]
                joined[name] = [*theirs, *more]
            elif theirs not in (None, value) and theirs != _ANY_PATH:
                return None
            else:
                joined[name] = value
        return joined

    def copies(self, canary: Canary, rule: Manifest, percent: int) -> RuleCopies | Fault:
        """Add a filter that copies requests, with the port of the backends."""
        ports = (each.get("port") for each in entries(rule, self.backends))
        backend = {
            "group": "",
            "kind": "Service",
            "name": canary.spec.canary_service_name,
            "port": next(ports, canary.spec.service.port),
        }
        filters = [*self._others(canary, rule), mirror_filter(backend, percent)]
        return RuleCopies(fields=("filters",), values={"filters": filters})

    def uncopied(self, canary: Canary, rule: Manifest) -> RuleCopies:
        """Take that filter away."""
        others = self._others(canary, rule)
        if len(others) == len(entries(rule, "filters")):
            return RuleCopies()
        return RuleCopies(fields=("filters",), values={"filters": others} if others else {})

    def seen(self, canary: Canary, rule: Manifest) -> Seen | None:
        """Read the weights and the copies."""
        return rule_seen(canary, rule)

    @staticmethod
    def _others(canary: Canary, rule: Manifest) -> list[Manifest]:
        return [
            each
            for each in entries(rule, "filters")
            if each.get("type") != MIRROR or not copied(canary, each.get("requestMirror"))
        ]


_ANY_PATH = {"type": "PathPrefix", "value": "/"}

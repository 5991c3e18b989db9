"""The rules of a VirtualService that its user keeps."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.api.traffic import HttpMatch
from canary.core.traffic import Seen, Traffic
from canary.routers import ClusterState
from canary.routers.managed_rules import Fault, RuleCopies
from canary.routers.shares import entries, part
from canary.routers.virtualservice import http_match, rule_seen, service_of_host

#: The conditions of a match that are maps, each of whose entries must hold.
_MAPS = frozenset({"headers", "withoutHeaders", "queryParams", "sourceLabels"})
_MIRROR = ("mirror", "mirrorPercentage")


class VirtualServiceRules:
    """Rules for requests by name; rules for connections, which have none, by port or SNI host."""

    places: ClassVar[tuple[str, ...]] = ("http", "tls", "tcp")
    backends: ClassVar[str] = "route"
    matches: ClassVar[str] = "match"
    most_rules: ClassVar[int] = 0
    most_matches: ClassVar[int] = 0
    required: ClassVar[frozenset[tuple[str, ...]]] = frozenset()

    def possible(self, traffic: Traffic, _cluster: ClusterState) -> Traffic:
        """Leave nothing out."""
        return traffic

    def names(self, place: str, rule: Manifest) -> Iterable[str]:
        """Give its name, or the ports and hosts by which it matches."""
        if place == self.places[0]:
            return (str(rule["name"]),) if rule.get("name") else ()
        return dict.fromkeys(_by_match(rule))

    def service(self, namespace: str, backend: Manifest) -> str:
        """Take the service's name from the host, which may be fully qualified."""
        host = part(backend, "destination", "host")
        if not isinstance(host, str) or part(backend, "destination", "subset"):
            return ""
        here = host.split(".")[1:2] in ([], [namespace])
        return service_of_host(host) if here else ""

    def leading(self, backend: Manifest, service: str) -> Manifest:
        """Put the service in place of the first part of the host."""
        destination = backend["destination"]
        _, dot, rest = destination["host"].partition(".")
        return {**backend, "destination": {**destination, "host": f"{service}{dot}{rest}"}}

    def condition(self, match: HttpMatch) -> Manifest:
        """Write a condition on requests."""
        return http_match(match)

    def both(self, one: Manifest, other: Manifest) -> Manifest | None:
        """Join two conditions on different fields."""
        joined = {**one}
        for name, value in other.items():
            theirs = joined.get(name)
            if name in _MAPS and isinstance(theirs, dict):
                if any(theirs.get(key, each) != each for key, each in value.items()):
                    return None
                joined[name] = {**theirs, **value}
            elif name == "name" and theirs:
                joined[name] = f"{theirs}-{value}"
            elif theirs not in (None, value):
                return None
            else:
                joined[name] = value
        return joined

    def copies(self, canary: Canary, rule: Manifest, percent: int) -> RuleCopies | Fault:
        """Have requests copied, unless the user has them copied elsewhere."""
        if entries(rule, "mirrors") or (rule.get("mirror") and not self._copied(canary, rule)):
            remedy = "remove mirror from the Canary, or from the rule"
            return Fault(fault="copies its requests already", remedy=remedy)
        host = {"host": canary.spec.canary_service_name}
        share = {"mirrorPercentage": {"value": percent}}
        return RuleCopies(fields=_MIRROR, values={"mirror": host, **share})

    def uncopied(self, canary: Canary, rule: Manifest) -> RuleCopies:
        """Take away what copies requests to the canary."""
        return RuleCopies(fields=_MIRROR if self._copied(canary, rule) else ())

    def seen(self, canary: Canary, rule: Manifest) -> Seen | None:
        """Read the weights and the copies."""
        return rule_seen(canary, rule)

    def _copied(self, canary: Canary, rule: Manifest) -> bool:
        service = self.service(canary.metadata.namespace, {"destination": rule.get("mirror")})
        return service == canary.spec.canary_service_name


def _by_match(rule: Manifest) -> Iterator[str]:
    for match in entries(rule, "match"):
        if isinstance(port := match.get("port"), int):
            yield f"port {port}"
        hosts = match.get("sniHosts")
        yield from (f"host {host}" for host in (hosts if isinstance(hosts, list) else ()))

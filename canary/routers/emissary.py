"""Emissary (Ambassador): a Mapping beside the user's, with a weight.

The user's Mapping is named like the apex service, leads to it, and has no weight of its own: it
keeps the share that the one beside it leaves.
https://emissary-ingress.dev/docs/3.10/topics/using/canary/
"""

import re
from collections.abc import Iterable
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.core.traffic import Seen, Traffic
from canary.core.weights import FULL
from canary.objects.places import Path
from canary.objects.render import Lacking, fields
from canary.routers import ClusterState
from canary.routers.abilities import Abilities
from canary.routers.beside import Beside, BesideRouter
from canary.routers.shares import part, quantity

MAPPING = Kind(group="getambassador.io", versions=("v3alpha1",), kind="Mapping", plural="mappings")
#: What one Mapping says for itself.
_ALONE = ("service", "weight", "stats_name", "shadow")
#: What a Mapping says of requests, and of how they are passed on: the one beside it says the same.
_SHARED = (
    *("add_linkerd_headers", "add_request_headers", "add_response_headers", "allow_upgrade"),
    *("ambassador_id", "auth_context_extensions", "auto_host_rewrite", "bypass_auth"),
    *("bypass_error_response_overrides", "case_sensitive", "circuit_breakers"),
    *("cluster_idle_timeout_ms", "cluster_max_connection_lifetime_ms", "connect_timeout_ms"),
    *("cors", "dns_type", "docs", "enable_ipv4", "enable_ipv6", "envoy_override"),
    *("error_response_overrides", "grpc", "headers", "health_checks", "host", "host_regex"),
    *("host_rewrite", "hostname", "idle_timeout_ms", "keepalive", "labels", "load_balancer"),
    *("method", "method_regex", "modules", "precedence", "prefix", "prefix_exact"),
    *("prefix_regex", "prefix_regex_rewrite", "priority", "query_parameters", "regex_headers"),
    *("regex_query_parameters", "regex_rewrite", "remove_request_headers"),
    *("remove_response_headers", "resolver", "respect_dns_ttl", "retry_policy", "rewrite"),
    *("timeout_ms", "tls", "use_websocket", "v2BoolHeaders", "v2BoolQueryParameters"),
    "v2ExplicitTLS",
)
_OWNS: tuple[Path, ...] = fields(*_ALONE, *_SHARED)
_ADDRESS = re.compile(
    r"(?:[a-z]+://)?(?P<name>[^.:/]+)(?:\.(?P<namespace>[^.:/]+)(?:\.svc(?:\.[^:/]+)?)?)?(?::\d+)?"
)

_ABILITIES = Abilities(service=frozenset(), entrance="the Mapping")


class EmissaryRouter(BesideRouter):
    """Split traffic by the weight of a second Mapping."""

    name: ClassVar[str] = "emissary"
    kind: ClassVar[Kind] = MAPPING

    def abilities(self, _canary: Canary) -> Abilities:
        """Weights alone."""
        return _ABILITIES

    def pairs(self, canary: Canary) -> Iterable[tuple[str, str]]:
        """Name the user's Mapping, and the one beside it."""
        yield canary.spec.service_name, canary.spec.canary_service_name

    def owns(self, _cluster: ClusterState) -> tuple[Path, ...]:
        """All that a Mapping says."""
        return _OWNS

    def beside(
        self, canary: Canary, cluster: ClusterState, users: ObjectKey, traffic: Traffic
    ) -> Beside | Lacking:
        """Take the same requests as the user's Mapping, with the weight."""
        found = cluster.existing.get(users)
        if fault := _fault(users, found):
            said, remedy = fault
            return Lacking(
                kind=MAPPING,
                namespace=users.namespace,
                name=users.name,
                fault=said,
                remedy=remedy,
            )
        theirs = part(found, "spec")
        return Beside(
            spec={
                **{name: theirs[name] for name in _SHARED if name in theirs},
                "service": _address(canary),
                "stats_name": _counted_as(canary),
                "weight": traffic.weight,
            }
        )

    def seen(self, canary: Canary, _cluster: ClusterState, found: Manifest) -> Seen | None:
        """Read the weight; without one the canary shares evenly with the user's Mapping."""
        spec = part(found, "spec")
        if not self.is_ours(canary, spec):
            return None
        weight = part(spec, "weight")
        share = FULL // 2 if weight is None else quantity(weight)
        if share is None:
            return None
        return Seen(weight=min(max(round(share), 1 if share else 0), FULL))

    def is_ours(self, canary: Canary, spec: Manifest) -> bool:
        """Tell whether a Mapping leads to the canary."""
        return bool(part(spec, "service") == _address(canary))


def _fault(users: ObjectKey, found: Manifest | None) -> tuple[str, str] | None:
    """Say why there can be no other Mapping beside the user's, and what to do; None where there can."""
    if found is None:
        return "does not exist", f"create it without a weight, with service: {users.name}"
    if not _leads_to(users, part(found, "spec", "service")):
        return f"does not lead to Service {users.name}", f"give it service: {users.name}"
    if part(found, "spec", "weight") is not None:
        keeps = "of Mappings for the same requests one has none, and keeps what the others leave"
        return "has a weight", f"remove it: {keeps}"
    return None


def _leads_to(apex: ObjectKey, service: object) -> bool:
    """Tell whether an address, `[scheme://]name[.namespace[.svc…]][:port]`, is that of a Service.

    Without a namespace it is one of the Mapping's own.
    """
    read = _ADDRESS.fullmatch(str(service))
    return read is not None and (read["name"], read["namespace"] or apex.namespace) == (
        apex.name,
        apex.namespace,
    )


def _address(canary: Canary) -> str:
    spec = canary.spec
    return f"{spec.canary_service_name}.{canary.metadata.namespace}:{spec.service.port}"


def _counted_as(canary: Canary) -> str:
    """Name the cluster in Envoy's metrics, which know letters, digits and underscores only."""
    parts = (canary.metadata.namespace, canary.spec.service_name)
    return "__".join(re.sub(r"\W", "_", each) for each in (*parts, "canary"))

"""Emissary (Ambassador): a Mapping beside the user's, with a weight.

The user's Mapping is named like the apex service, leads to it, and has no weight of its own: it
keeps the share that the one beside it leaves. Mappings for the same requests share them. One with
more conditions is preferred to them, and gets all that it takes, whatever its weight.
https://emissary-ingress.dev/docs/3.10/topics/using/canary/
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.api.shown import Description
from canary.api.traffic import HttpMatch
from canary.core.traffic import Seen, Traffic
from canary.core.weights import FULL
from canary.objects.places import Path
from canary.objects.render import Lacking, fields
from canary.routers import ClusterState
from canary.routers.abilities import WAYS, Abilities, Unsaid, way
from canary.routers.beside import Beside, BesideRouter
from canary.routers.matching import pattern
from canary.routers.shares import part, percent_of, quantity

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
    r"(?P<scheme>[a-z]+://)?(?P<name>[^.:/]+)(?:\.(?P<namespace>[^.:/]+)(?:\.svc(?:\.[^:/]+)?)?)?(?::\d+)?"
)
#: Where a Mapping compares headers and query parameters: with a text, and with a regular expression.
_HEADERS = ("headers", "regex_headers")
_PARAMETERS = ("query_parameters", "regex_query_parameters")


class EmissaryRouter(BesideRouter):
    """Split traffic by the weight of a second Mapping."""

    name: ClassVar[str] = "emissary"
    kind: ClassVar[Kind] = MAPPING

    def abilities(self, canary: Canary) -> Abilities:
        """Weights, all requests that satisfy one condition, or copies of all."""
        return _WITHOUT_COPIES if _copies_some(canary) else _ABILITIES

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
        (ours,) = self.objects(canary).own
        # Clients must be able to leave the canary, whatever has become of the user's Mapping.
        leaves = not traffic.weight and ours in cluster.existing
        if fault := _fault(users, found) or (None if leaves else _conflict(canary, found)):
            said, remedy = fault
            return Lacking(
                kind=MAPPING,
                namespace=users.namespace,
                name=users.name,
                fault=said,
                remedy=remedy,
            )
        theirs = part(found, "spec")
        shared = {name: theirs[name] for name in _SHARED if name in theirs}
        # The scheme says whether pods are spoken to with TLS, or without.
        scheme = _scheme(part(theirs, "service"))
        counted = {"service": f"{scheme}{_address(canary)}", "stats_name": _counted_as(canary)}
        return Beside(spec=shared | counted | _part(shared, traffic))

    def seen(self, canary: Canary, cluster: ClusterState, found: Manifest) -> Seen | None:
        """Read the weight; without one the canary shares evenly with the user's Mapping."""
        spec = part(found, "spec")
        if not self.is_ours(canary, spec):
            return None
        weight = part(spec, "weight")
        if part(spec, "shadow"):
            return Seen(mirror=FULL if weight is None else percent_of(weight))
        (users,) = self.objects(canary).read
        if _is_narrower(spec, part(cluster.existing.get(users), "spec")):
            return Seen(weight=FULL, matched=True)
        share = FULL // 2 if weight is None else quantity(weight)
        if share is None:
            return None
        return Seen(weight=min(max(round(share), 1 if share else 0), FULL))

    def is_ours(self, canary: Canary, spec: Manifest) -> bool:
        """Tell whether a Mapping leads to the canary."""
        service = str(part(spec, "service"))
        return service.removeprefix(_scheme(service)) == _address(canary)


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


def _scheme(service: object) -> str:
    """Read `https://` and the like from an address; empty without one."""
    read = _ADDRESS.fullmatch(str(service))
    return (read["scheme"] or "") if read else ""


def _address(canary: Canary) -> str:
    spec = canary.spec
    return f"{spec.canary_service_name}.{canary.metadata.namespace}:{spec.service.port}"


def _counted_as(canary: Canary) -> str:
    """Name the cluster in Envoy's metrics, which know letters, digits and underscores only."""
    parts = (canary.metadata.namespace, canary.spec.service_name)
    return "__".join(re.sub(r"\W", "_", each) for each in (*parts, "canary"))


# ------------------------------------------------------------------------------------- conditions


def _part(shared: Manifest, traffic: Traffic) -> Manifest:
    """Say which of the requests that the user's Mapping takes are the canary's."""
    if traffic.match and traffic.weight == FULL:
        said = _conditions(traffic.match[0])
        return {
            name: {**shared.get(name, {}), **each} if isinstance(each, dict) else each
            for name, each in said.items()
        }
    if traffic.mirror and not traffic.match:
        return {"shadow": True, "weight": traffic.mirror}
    return {"weight": 0 if traffic.match else traffic.weight}


def _conditions(match: HttpMatch) -> Manifest:
    """Write a condition as a Mapping does."""
    written: Manifest = {"method": match.method.exact} if match.method else {}
    for places, texts in ((_HEADERS, match.headers), (_PARAMETERS, match.query_params)):
        for name, text in sorted(texts.items()):
            how, value = way(text)
            place, value = (places[0], value) if how == "exact" else (places[1], pattern(text))
            written.setdefault(place, {})[name] = value
    return written


def _named(spec: Mapping[str, object]) -> set[tuple[str, str]]:
    """Name what the conditions of a Mapping are about, but for host and path."""
    named = {("method", "")} if part(spec, "method") else set()
    for what, places in (("header", _HEADERS), ("query parameter", _PARAMETERS)):
        for texts in (part(spec, place) for place in places):
            names = texts if isinstance(texts, dict) else ()
            named |= {(what, name.lower() if what == "header" else name) for name in names}
    return named


def _is_narrower(spec: Manifest, users: Manifest | None) -> bool:
    """Tell whether a Mapping has a condition that the user's has not."""
    return not _named(spec) <= _named(users or {})


def _conflict(canary: Canary, found: Manifest | None) -> tuple[str, str] | None:
    """Say which condition the user's Mapping has already, and what to do."""
    theirs = _named(part(found, "spec"))
    for place, matches in canary.spec.analysis.placed_matches():
        asked = set[tuple[str, str]]().union(*(_named(_conditions(each)) for each in matches))
        for what, name in sorted(asked & theirs):
            remedy = f"change {place}: of two conditions on one a Mapping has room for one"
            return f"has a condition on {what} {name}".rstrip(), remedy
    return None


def _unsaid(matches: Sequence[HttpMatch]) -> Iterator[Unsaid]:
    """Name what the conditions of a single Mapping cannot say."""
    for index, match in enumerate(matches):
        texts = {**match.headers, **match.query_params}
        if index or not (texts or match.method):
            yield Unsaid(
                path=f"[{index}]",
                value=Description("a condition without parts" if not index else "another one"),
                remedy="write one condition, on headers, query parameters or the method: there is one "
                "Mapping for it",
            )
        if not all(way(text)[1] for text in texts.values()):
            yield Unsaid(
                path=f"[{index}]",
                value=Description("an empty text"),
                remedy="write at least one character to compare with: Emissary takes an empty text for "
                "any",
            )


def _copies_some(canary: Canary) -> bool:
    """Tell whether only copies of requests that satisfy a condition are asked for."""
    analysis = canary.spec.analysis
    steps = analysis.steps or ()
    return bool(analysis.mirror and analysis.match) or any(
        each.mirror and each.match for each in steps
    )


_ABILITIES = Abilities(
    service=frozenset(),
    conditions={
        **dict.fromkeys(("name", "headers", "query_params"), WAYS),
        "method": frozenset({"exact"}),
    },
    others="the Mapping says by which hosts and paths requests come in; the one beside it adds "
    "headers, query parameters and one method",
    unsaid=_unsaid,
    matches=True,
    splits_matched=False,
    mirrors=True,
    mirrors_shares=False,
    entrance="the Mapping",
)
#: A Mapping copies what others for the same requests answer, and there is none for some of them.
_WITHOUT_COPIES = replace(
    _ABILITIES,
    mirrors=False,
    reasons={"mirror": "a Mapping copies all requests of yours, or none"},
)

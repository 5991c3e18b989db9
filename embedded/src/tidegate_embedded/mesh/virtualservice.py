"""VirtualServices as claims. Pure.

https://istio.io/latest/docs/reference/config/networking/virtual-service/
"""

from collections.abc import Iterator
from dataclasses import replace

from tidegate_embedded.mesh.claim import (
    Claim,
    Share,
    copies,
    destination,
    header_changes,
    replaced_path,
    replaced_prefix,
    text_matcher,
    unknown,
)
from tidegate_embedded.mesh.world import (
    VIRTUAL_SERVICE,
    World,
    cluster_name,
    first_port,
    name_of,
    part,
    qualified,
    shown_name,
)
from tidegate_embedded.values import Manifest, parse_duration

_SPEC = frozenset({"gateways", "hosts", "http", "exportTo"})
_ROUTE = frozenset({
    "name", "match", "route", "rewrite", "timeout", "retries", "headers",
    "mirror", "mirrorPercentage", "mirrors",
})  # fmt: skip
#: `gateways` is ignored: this mesh plays all of them. The labels and namespace of the caller are
#: unknown here, so that conditions on them never hold.
_MATCH = frozenset({
    "name", "uri", "method", "authority", "scheme", "headers", "withoutHeaders", "queryParams",
    "ignoreUriCase", "gateways", "sourceLabels", "sourceNamespace",
})  # fmt: skip
_DESTINATION = frozenset({"host", "subset", "port"})
_SOURCE = ("sourceLabels", "sourceNamespace")
_PSEUDO_HEADERS = {"method": ":method", "authority": ":authority", "scheme": ":scheme"}
_DEFAULT_RETRY_ON = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"


def claims(world: World) -> Iterator[Claim]:
    """Give what each VirtualService claims, for each of its hosts."""
    for item in world.kinds.get(VIRTUAL_SERVICE, ()):
        namespace, _ = name_of(item)
        spec = item.get("spec") or {}
        routes = tuple(
            route for http in spec.get("http") or () for route in _routes(world, namespace, http)
        )
        for host in spec.get("hosts") or ():
            service = world.named(host, namespace)
            yield Claim(host=qualified(service) if service else host, routes=routes)


def unsupported(world: World) -> Iterator[str]:
    """Name what VirtualServices ask for and this mesh does not do."""
    for item in world.kinds.get(VIRTUAL_SERVICE, ()):
        spec = item.get("spec") or {}
        found = unknown(spec, _SPEC, "spec")
        for index, http in enumerate(spec.get("http") or ()):
            place = f"http[{index}]"
            found += unknown(http, _ROUTE, place)
            for match in http.get("match") or ():
                found += unknown(match, _MATCH, f"{place}.match")
            for each in http.get("route") or ():
                found += unknown(part(each, "destination") or {}, _DESTINATION, f"{place}.route")
        yield from (f"{shown_name(item)}: {field}" for field in found)


def _routes(world: World, namespace: str, http: Manifest) -> Iterator[Manifest]:
    """Give a route for each condition: any of them is enough."""
    shares = [_share(world, namespace, each) for each in http.get("route") or ()]
    if len(shares) == 1:  # gets everything, whatever its weight
        shares = [Share(cluster=shares[0].cluster, weight=1, changes=shares[0].changes)]
    conditions: list[Manifest] = http.get("match") or [{}]
    for match in conditions:
        if any(match.get(field) for field in _SOURCE):
            continue
        action = destination(shares)
        if "route" in action:
            action["route"] |= _how(http, match) | copies(_mirrors(world, namespace, http))
        yield {"match": _match(match), **action, **_headers(http.get("headers"))}


def _mirrors(world: World, namespace: str, http: Manifest) -> Iterator[Share]:
    """Give who gets copies, and how many percent; all where that is left out."""
    mirrors = [
        {"destination": http.get("mirror"), "percentage": http.get("mirrorPercentage")},
        *(http.get("mirrors") or ()),
    ]
    for each in mirrors:
        if each.get("destination"):
            percentage = each.get("percentage")
            weight = 100 if percentage is None else percentage.get("value") or 0
            yield replace(_share(world, namespace, each), weight=weight)


def _share(world: World, namespace: str, route: Manifest) -> Share:
    host = part(route, "destination", "host") or ""
    service = world.named(host, namespace) or (namespace, host)
    port = part(route, "destination", "port", "number")
    return Share(
        cluster=cluster_name(
            service,
            port or first_port(world.services.get(service, {})),
            part(route, "destination", "subset") or "",
        ),
        weight=route.get("weight") or 0,
        changes=_headers(route.get("headers")),
    )


def _headers(headers: Manifest | None) -> Manifest:
    headers = headers or {}
    return header_changes(request=headers.get("request"), response=headers.get("response"))


def _how(http: Manifest, match: Manifest) -> Manifest:
    """Give time limit, retries and rewrite; without a time limit there is none."""
    how: Manifest = {"timeout": _seconds(http.get("timeout") or "0s")}
    retries = http.get("retries") or {}
    if retries.get("attempts"):
        how["retry_policy"] = {
            "num_retries": retries["attempts"],
            "retry_on": retries.get("retryOn") or _DEFAULT_RETRY_ON,
        }
        if retries.get("perTryTimeout"):
            how["retry_policy"]["per_try_timeout"] = _seconds(retries["perTryTimeout"])
    rewrite = http.get("rewrite") or {}
    if rewrite.get("authority"):
        how["host_rewrite_literal"] = rewrite["authority"]
    if rewrite.get("uri"):
        uri = match.get("uri") or {"prefix": "/"}
        how |= (
            replaced_prefix(uri["prefix"], rewrite["uri"])
            if "prefix" in uri
            else replaced_path(rewrite["uri"])
        )
    return how


def _match(match: Manifest) -> Manifest:
    ignore_case = bool(match.get("ignoreUriCase"))
    written: Manifest = {"prefix": "/"}
    for how, text in (match.get("uri") or {}).items():
        written = {
            "exact": {"path": text},
            "prefix": {"prefix": text},
            "regex": text_matcher("regex", text, ignore_case=ignore_case),
        }[how]
    if ignore_case:
        written["case_sensitive"] = False
    headers = [
        {"name": header, **_condition(match[field])}
        for field, header in _PSEUDO_HEADERS.items()
        if match.get(field)
    ]
    headers += [
        {"name": name, **_condition(each)} for name, each in (match.get("headers") or {}).items()
    ]
    headers += [
        {
            "name": name,
            **_condition(each),
            "invert_match": True,
            # A header that is missing has no such value either.
            **({"treat_missing_header_as_empty": True} if each else {}),
        }
        for name, each in (match.get("withoutHeaders") or {}).items()
    ]
    parameters = [
        {"name": name, **_condition(each)}
        for name, each in (match.get("queryParams") or {}).items()
    ]
    return (
        written
        | ({"headers": headers} if headers else {})
        | ({"query_parameters": parameters} if parameters else {})
    )


def _condition(match: Manifest) -> Manifest:
    for how, text in match.items():
        return {"string_match": text_matcher(how, text)}
    return {"present_match": True}


def _seconds(duration: str) -> str:
    return f"{parse_duration(duration):.3f}s"

"""HTTPRoutes as claims, those of gateways and those inside the mesh (GAMMA). Pure.

https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/
"""

from collections.abc import Iterator
from dataclasses import replace

from tidegate_embedded.mesh.claim import (
    ANY_HOST,
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
    HTTP_ROUTE,
    World,
    cluster_name,
    first_port,
    name_of,
    qualified,
    shown_name,
)
from tidegate_embedded.values import Manifest, parse_duration

_RULE = frozenset({"name", "matches", "filters", "backendRefs", "timeouts"})
_FILTERS = frozenset(
    {"RequestHeaderModifier", "ResponseHeaderModifier", "URLRewrite", "RequestMirror"}
)
_OF_BACKENDS = frozenset({"RequestHeaderModifier", "ResponseHeaderModifier"})
#: What the API gives a backend without a weight, and a condition without a path.
_DEFAULT_WEIGHT = 1
_DEFAULT_PATH = {"type": "PathPrefix", "value": "/"}


def claims(world: World) -> Iterator[Claim]:
    """Give what each HTTPRoute claims: the hosts of a gateway, and the Services it hangs on."""
    for item in world.kinds.get(HTTP_ROUTE, ()):
        namespace, _ = name_of(item)
        spec = item.get("spec") or {}
        rules = spec.get("rules") or ()
        routes = tuple(route for rule in rules for route in _routes(world, namespace, rule))
        for host in dict.fromkeys(_hosts(spec, namespace)):
            yield Claim(host=host, routes=tuple(sorted(routes, key=_precedence)))


def unsupported(world: World) -> Iterator[str]:
    """Name what HTTPRoutes ask for and this mesh does not do."""
    for item in world.kinds.get(HTTP_ROUTE, ()):
        for index, rule in enumerate((item.get("spec") or {}).get("rules") or ()):
            place = f"rules[{index}]"
            found = unknown(rule, _RULE, place)
            for each in rule.get("filters") or ():
                found += unknown((each["type"],), _FILTERS, f"{place}.filters")
            for backend in rule.get("backendRefs") or ():
                found += unknown(_filters(backend), _OF_BACKENDS, f"{place}.backendRefs.filters")
            yield from (f"{shown_name(item)}: {field}" for field in found)


def _hosts(spec: Manifest, namespace: str) -> Iterator[str]:
    for parent in spec.get("parentRefs") or ():
        if parent.get("kind", "Gateway") == "Service":
            yield qualified((parent.get("namespace") or namespace, parent["name"]))
        else:
            yield from spec.get("hostnames") or (ANY_HOST,)


def _routes(world: World, namespace: str, rule: Manifest) -> Iterator[Manifest]:
    shares = [_share(world, namespace, each) for each in rule.get("backendRefs") or ()]
    filters = _filters(rule)
    changes = _all_changes(filters)
    conditions: list[Manifest] = rule.get("matches") or [{}]
    for match in conditions:
        action = destination(shares)
        if "route" in action:
            path = match.get("path") or _DEFAULT_PATH
            rewrite = (filters.get("URLRewrite") or {}).get("urlRewrite") or {}
            action["route"] |= _timeouts(rule) | _rewrite(rewrite, path)
            action["route"] |= copies(_mirrors(world, namespace, rule))
        yield {"match": _match(match), **action, **changes}


def _mirrors(world: World, namespace: str, rule: Manifest) -> Iterator[Share]:
    """Give who gets copies, and how many percent; all where that is left out."""
    for each in rule.get("filters") or ():
        if each["type"] == "RequestMirror":
            mirror = each["requestMirror"]
            fraction = mirror.get("fraction") or {"numerator": mirror.get("percent", 100)}
            percent = 100 * fraction["numerator"] / (fraction.get("denominator") or 100)
            yield replace(_share(world, namespace, mirror["backendRef"]), weight=percent)


def _share(world: World, namespace: str, backend: Manifest) -> Share:
    service = (backend.get("namespace") or namespace, backend["name"])
    port = backend.get("port") or first_port(world.services.get(service, {}))
    return Share(
        cluster=cluster_name(service, port),
        weight=backend.get("weight", _DEFAULT_WEIGHT),
        changes=_all_changes(_filters(backend)),
    )


def _filters(owner: Manifest) -> Manifest:
    """Give the filters of a rule, or of one of its backends, by type."""
    return {each["type"]: each for each in owner.get("filters") or ()}


def _all_changes(filters: Manifest) -> Manifest:
    return header_changes(
        request=_changes(filters.get("RequestHeaderModifier"), "requestHeaderModifier"),
        response=_changes(filters.get("ResponseHeaderModifier"), "responseHeaderModifier"),
    )


def _changes(filter_: Manifest | None, field: str) -> Manifest:
    given = (filter_ or {}).get(field) or {}
    return {
        "set": {each["name"]: each["value"] for each in given.get("set") or ()},
        "add": {each["name"]: each["value"] for each in given.get("add") or ()},
        "remove": given.get("remove") or (),
    }


def _timeouts(rule: Manifest) -> Manifest:
    limits = rule.get("timeouts") or {}
    seconds = {name: parse_duration(text) for name, text in limits.items()}
    # Without retries, the limit of one call to a backend is one of the whole request.
    tightest = min((each for each in seconds.values() if each), default=0.0)
    return {"timeout": f"{tightest:.3f}s"}


def _rewrite(rewrite: Manifest, path: Manifest) -> Manifest:
    written: Manifest = {}
    if rewrite.get("hostname"):
        written["host_rewrite_literal"] = rewrite["hostname"]
    change = rewrite.get("path") or {}
    if change.get("type") == "ReplaceFullPath":
        written |= replaced_path(change["replaceFullPath"])
    elif change.get("type") == "ReplacePrefixMatch":
        written |= replaced_prefix(
            path["value"].rstrip("/") or "/", change["replacePrefixMatch"] or "/"
        )
    return written


def _match(match: Manifest) -> Manifest:
    path = match.get("path") or _DEFAULT_PATH
    value = path.get("value") or "/"
    written: Manifest
    if path.get("type") == "Exact":
        written = {"path": value}
    elif path.get("type") == "RegularExpression":
        written = text_matcher("regex", value)
    elif value.rstrip("/"):
        written = {"path_separated_prefix": value.rstrip("/")}
    else:
        written = {"prefix": "/"}
    headers = [{"name": each["name"], **_condition(each)} for each in match.get("headers") or ()]
    if match.get("method"):
        headers.append({"name": ":method", "string_match": {"exact": match["method"]}})
    parameters = [
        {"name": each["name"], **_condition(each)} for each in match.get("queryParams") or ()
    ]
    return (
        written
        | ({"headers": headers} if headers else {})
        | ({"query_parameters": parameters} if parameters else {})
    )


def _condition(each: Manifest) -> Manifest:
    how = "regex" if each.get("type") == "RegularExpression" else "exact"
    return {"string_match": text_matcher(how, each["value"])}


def _precedence(route: Manifest) -> tuple[bool, bool, int, bool, int, int]:
    """Put first what the API prefers: exact paths, long prefixes, a method, many conditions."""
    match = route["match"]
    headers = match.get("headers") or []
    methods = sum(each["name"] == ":method" for each in headers)
    prefix = match.get("path_separated_prefix") or match.get("prefix") or ""
    return (
        "path" not in match,
        "safe_regex" not in match,
        -len(prefix),
        not methods,
        methods - len(headers),
        -len(match.get("query_parameters") or ()),
    )

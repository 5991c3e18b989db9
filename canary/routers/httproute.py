"""The parts of an HTTPRoute's rule: conditions and filters, and what they can't say.

Every default of the API is written out.
"""

from collections.abc import Iterator, Mapping

from analysis.durations import parse_duration
from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.api.service import Service
from canary.api.shown import shown
from canary.api.traffic import (
    BackendReference,
    CorsPolicy,
    HeaderChanges,
    HttpMatch,
    Rewrite,
    StringMatch,
)
from canary.core.weights import FULL
from canary.errors import Problem, SpecWarning
from canary.routers.abilities import Abilities, ignored, way
from canary.routers.condition_problems import OF_ONE_METHOD, cookie_problems, path_problems
from canary.routers.httproute_limits import limit_problems
from canary.routers.httproute_retries import retry_warnings, timeout_problems
from canary.routers.matching import canary_matches, match_problems, pattern

ABILITIES = Abilities(
    baseline=True,
    service=frozenset(
        {
            "timeout",
            "backend_timeout",
            "gateway_refs",
            "hosts",
            "acceptance",
            "match",
            "rewrite",
            "retries",
            "headers",
            "mirror",
            "cors_policy",
        }
    ),
    conditions=OF_ONE_METHOD,
    others="an HTTPRoute matches on path, one method, headers and query parameters",
    matches=True,
    mirrors=True,
    affinity=True,
)
#: The filter that copies requests.
MIRROR = "RequestMirror"
#: The seconds that the API gives a CORS filter without maxAge.
_DEFAULT_MAX_AGE = 5


# ------------------------------------------------------------------------------------ conditions


def http_match(match: HttpMatch) -> Manifest:
    """Write a condition on requests."""
    written: Manifest = {"path": _path(match.uri)}
    if match.method:
        written["method"] = match.method.exact
    if match.headers:
        written["headers"] = named_conditions(match.headers)
    if match.query_params:
        written["queryParams"] = named_conditions(match.query_params)
    return written


def _path(uri: StringMatch | None) -> Manifest:
    if uri is None:
        return {"type": "PathPrefix", "value": "/"}
    how, text = way(uri)
    types = {"exact": "Exact", "prefix": "PathPrefix"}
    if how in types:
        return {"type": types[how], "value": text}
    return {"type": "RegularExpression", "value": _expression(uri)}


def _expression(match: StringMatch) -> str:
    """Write a condition as a regular expression; some implementations search, others match."""
    how, text = way(match)
    return text if how == "regex" else f"^{pattern(match)}$"


def named_conditions(conditions: dict[str, StringMatch]) -> list[Manifest]:
    """Write conditions by name, in the order of the names."""
    return [
        {
            "name": name,
            "type": "RegularExpression" if match.exact is None else "Exact",
            "value": _expression(match) if match.exact is None else match.exact,
        }
        for name, match in sorted(conditions.items())
    ]


# --------------------------------------------------------------------------------------- filters


def filters(service: Service) -> list[Manifest]:
    """Write what happens to requests and responses, always in the same order."""
    request, response = (
        (service.headers.request, service.headers.response) if service.headers else (None, None)
    )
    written = {
        "RequestHeaderModifier": ("requestHeaderModifier", request and _changes(request)),
        "ResponseHeaderModifier": ("responseHeaderModifier", response and _changes(response)),
        "URLRewrite": ("urlRewrite", service.rewrite and _rewrite(service.rewrite)),
        "CORS": ("cors", service.cors_policy and _cors(service.cors_policy)),
    }
    return [
        *({"type": type_, field: value} for type_, (field, value) in written.items() if value),
        *(mirror_filter(_backend(each.backend_ref)) for each in service.mirror),
    ]


def mirror_filter(backend: Manifest, percent: int = FULL) -> Manifest:
    """Write that requests are copied; without a percentage, all of them are."""
    share = {"percent": percent} if percent < FULL else {}
    return {"type": MIRROR, "requestMirror": {"backendRef": backend, **share}}


def response_filter(added: Mapping[str, str]) -> Manifest:
    """Write that headers are added to the answers."""
    changes = [{"name": name, "value": value} for name, value in sorted(added.items())]
    return {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"add": changes}}


def _backend(reference: BackendReference) -> Manifest:
    written: Manifest = {
        "group": "" if reference.group == "core" else reference.group,
        "kind": reference.kind,
        "name": reference.name,
    }
    if reference.namespace:
        written["namespace"] = reference.namespace
    return written | ({"port": reference.port} if reference.port else {})


def _changes(changes: HeaderChanges) -> Manifest:
    written: Manifest = {}
    for how, values in (("add", changes.add), ("set", changes.set)):
        if values:
            written[how] = [{"name": name, "value": values[name]} for name in sorted(values)]
    return written | ({"remove": list(changes.remove)} if changes.remove else {})


def _rewrite(rewrite: Rewrite) -> Manifest:
    written: Manifest = {"hostname": rewrite.authority} if rewrite.authority else {}
    if rewrite.uri is not None:
        field = "replace" + rewrite.type.removeprefix("Replace")
        written["path"] = {"type": rewrite.type, field: rewrite.uri}
    return written


def _cors(policy: CorsPolicy) -> Manifest:
    origins = _origins(policy)
    if policy.allow_origins and not origins:
        # Without the origins that it can't say, the filter would speak of all or none.
        return {}
    written: Manifest = {
        name: list(dict.fromkeys(values))
        for name, values in (
            ("allowOrigins", origins),
            ("allowMethods", policy.allow_methods),
            ("allowHeaders", policy.allow_headers),
            ("exposeHeaders", policy.expose_headers),
        )
        if values
    }
    if policy.allow_credentials is not None:
        written["allowCredentials"] = policy.allow_credentials
    seconds = int(parse_duration(policy.max_age)) if policy.max_age else _DEFAULT_MAX_AGE
    return written | {"maxAge": max(seconds, 1)}


def _origins(policy: CorsPolicy) -> tuple[str, ...]:
    exact = (origin.exact for origin in policy.allow_origins)
    return (*policy.allow_origin, *(origin for origin in exact if origin is not None))


# -------------------------------------------------------------------------------------- problems


def route_problems(canary: Canary) -> Iterator[Problem]:
    """Name everything that a Canary asks of a route and that it cannot say, field by field."""
    yield from match_problems(canary)
    yield from path_problems(canary)
    yield from cookie_problems(canary)
    yield from limit_problems(canary)
    yield from _mirror_problems(canary)
    yield from _rewrite_problems(canary)
    yield from timeout_problems(canary.spec.service)


def _mirror_problems(canary: Canary) -> Iterator[Problem]:
    for index, mirror in enumerate(canary.spec.service.mirror):
        place, backend = f"spec.service.mirror[{index}].backendRef", mirror.backend_ref
        if backend.kind == "Service" and backend.port is None:
            yield Problem(f"{place}.port", None, "write the port of the Service")
        if backend.name == canary.spec.canary_service_name:
            yield Problem(
                f"{place}.name",
                backend.name,
                "name another Service, or set spec.analysis.mirror: the canary gets copies during "
                "a run only",
            )


def _rewrite_problems(canary: Canary) -> Iterator[Problem]:
    rewrite = canary.spec.service.rewrite
    if rewrite is None or rewrite.uri is None or rewrite.type != "ReplacePrefixMatch":
        return
    service = canary.spec.service.match
    conditions = (each for _, each in canary.spec.analysis.placed_matches())
    for matches in (service, *(canary_matches(service, each) for each in conditions)):
        paths = [_path(match.uri)["type"] for match in matches or (HttpMatch(),)]
        if paths != ["PathPrefix"]:
            yield Problem(
                "spec.service.rewrite.type",
                rewrite.type,
                "write a single match with uri.prefix: an HTTPRoute replaces the prefix only of a "
                "rule with one condition, on a prefix",
            )
            return


def route_warnings(canary: Canary, router: str) -> Iterator[SpecWarning]:
    """Name what a Canary asks of an HTTPRoute that it cannot say, and that does no harm."""
    yield from ignored(canary, router, ABILITIES)
    yield from retry_warnings(canary.spec.service)
    policy = canary.spec.service.cors_policy
    for index, origin in enumerate(policy.allow_origins if policy else ()):
        if origin.exact is None:
            yield SpecWarning(
                f"spec.service.corsPolicy.allowOrigins[{index}]",
                shown(way(origin)[1]),
                "an HTTPRoute takes exact origins only, so these are not allowed: write exact, or "
                "a wildcard such as https://*.example.com in allowOrigin",
            )

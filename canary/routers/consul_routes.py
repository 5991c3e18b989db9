"""The routes of a ServiceRouter: which requests, where they go, and how long and often it is tried.

The first route that fits a request counts.
https://developer.hashicorp.com/consul/docs/reference/config-entry/service-router
"""

from collections.abc import Iterator

from analysis.durations import parse_duration
from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.api.service import Service
from canary.api.shown import shown
from canary.api.traffic import HeaderChanges, HttpMatch, StringMatch
from canary.core.traffic import Seen
from canary.core.weights import FULL
from canary.errors import SpecWarning
from canary.routers.abilities import way
from canary.routers.matching import pattern
from canary.routers.rules import COOKIE_HEADER, SET_COOKIE, Backend, keeps, kept_seen
from canary.routers.shares import entries, part

#: The failures after which Consul can have a request repeated, beside statuses.
_RETRY_ON = (
    *("5xx", "cancelled", "connect-failure", "deadline-exceeded", "envoy-ratelimited"),
    *("gateway-error", "internal", "refused-stream", "reset", "resource-exhausted"),
    *("retriable-4xx", "unavailable"),
)


# ------------------------------------------------------------------------------------- writing


def route(canary: Canary, match: HttpMatch | None, one_side: Backend | None) -> Manifest:
    """Write where requests go that satisfy a condition: to one side, or to the split."""
    condition = _condition(match) if match else {}
    return {
        **({"match": {"http": condition}} if condition else {}),
        "destination": _destination(canary, one_side),
    }


def added_cookie(backend: Backend) -> Manifest:
    """Write the cookie that the answers of a side give, beside those that the app sets."""
    return {"add": {SET_COOKIE: backend.set_cookie}}


def _destination(canary: Canary, one_side: Backend | None) -> Manifest:
    service = canary.spec.service
    destination: Manifest = {"service": canary.spec.service_name}
    if one_side is not None:
        destination["serviceSubset"] = one_side.service
    if service.timeout:
        destination["requestTimeout"] = service.timeout
    request, response = (
        (service.headers.request, service.headers.response) if service.headers else (None, None)
    )
    answers = _changes(response)
    if one_side is not None and one_side.set_cookie:
        answers["add"] = {**answers.get("add", {}), **added_cookie(one_side)["add"]}
    changed = (("requestHeaders", _changes(request)), ("responseHeaders", answers))
    headers = {name: changes for name, changes in changed if changes}
    return destination | _retries(service) | headers


def _changes(changes: HeaderChanges | None) -> Manifest:
    return changes.as_written() if changes else {}


def _retries(service: Service) -> Manifest:
    retries = service.retries
    if retries is None or retries.attempts == 0:
        return {}
    words = _words(service)
    written: Manifest = {"numRetries": retries.attempts or 1}
    if on := [word for word in words if word in _RETRY_ON]:
        written["retryOn"] = on
    if codes := [int(word) for word in words if word.isdecimal()]:
        written["retryOnStatusCodes"] = codes
    return written


def _words(service: Service) -> list[str]:
    named = (service.retries.retry_on or "") if service.retries else ""
    return [word for each in named.split(",") if (word := each.strip())]


def _condition(match: HttpMatch) -> Manifest:
    condition = _path(match.uri) if match.uri else {}
    if match.method:
        condition["methods"] = [match.method.exact]
    if match.headers:
        condition["header"] = [
            {"name": name, **_text(each)} for name, each in sorted(match.headers.items())
        ]
    if match.query_params:
        condition["queryParam"] = [
            {"name": name, **_parameter(each)} for name, each in sorted(match.query_params.items())
        ]
    return condition


def _path(uri: StringMatch) -> Manifest:
    how, value = way(uri)
    words = {"exact": "pathExact", "prefix": "pathPrefix"}
    return {words[how]: value} if how in words else {"pathRegex": pattern(uri)}


def _text(match: StringMatch) -> Manifest:
    how, value = way(match)
    return {how: value}


def _parameter(match: StringMatch) -> Manifest:
    """Write a condition on a query parameter, which is compared as a whole."""
    how, value = way(match)
    return {"exact": value} if how == "exact" else {"regex": pattern(match)}


def retry_warnings(service: Service) -> Iterator[SpecWarning]:
    """Name what a ServiceRouter cannot say of retries, and the limit that it has no word for."""
    retries = service.retries
    if service.timeout and not parse_duration(service.timeout):
        effect = "Consul takes 0 for its own default, so requests keep that time limit"
        yield SpecWarning("spec.service.timeout", shown(service.timeout), effect)
    if retries and retries.per_try_timeout:
        effect = (
            "a ServiceRouter has no time limit of an attempt, so only that of the request counts"
        )
        yield SpecWarning(
            "spec.service.retries.perTryTimeout", shown(retries.per_try_timeout), effect
        )
    if not all(word in _RETRY_ON or word.isdecimal() for word in _words(service)):
        yield SpecWarning(
            "spec.service.retries.retryOn",
            shown(retries and retries.retry_on),
            "Consul does not know all of these, and what it does not know is not repeated: write "
            f"statuses, or {', '.join(_RETRY_ON)}",
        )


# ------------------------------------------------------------------------------------- reading


def takes_all(found: Manifest) -> bool:
    """Tell whether a route is for every request that no route before it took."""
    return not part(found, "match")


def route_seen_in(canary: Canary, found: Manifest, split: Seen | None) -> Seen | None:
    """Read what a route does, where the split is as told; None where it leads to neither side."""
    destination, spec = part(found, "destination"), canary.spec
    if part(destination, "service") not in {None, "", spec.service_name}:
        return None
    subset = part(destination, "serviceSubset")
    if not subset:
        return split
    weights = {spec.primary_service_name: 0, spec.canary_service_name: FULL}
    if not isinstance(subset, str) or subset not in weights:
        return None
    seen = Seen(weight=weights[subset])
    cookies = (
        each.get("regex")
        for each in entries(found, "match", "http", "header")
        if each.get("name") == COOKIE_HEADER
    )
    return kept_seen(seen) if keeps(cookies) else seen

"""How long an HTTPRoute waits for an answer, and how often it asks again."""

import re
from collections.abc import Iterator
from datetime import timedelta

from analysis.durations import format_duration, parse_duration
from canary.api.kinds import Manifest
from canary.api.service import Service
from canary.api.shown import shown
from canary.errors import Problem, SpecWarning

#: A duration as the API takes it (GEP-2257).
_DURATION = re.compile(r"([0-9]{1,5}(h|m|s|ms)){1,4}")
#: The statuses behind Envoy's names of failures. Without any are calls that are lost, which are
#: repeated whatever is written.
_CODES = {
    "5xx": ("500", "502", "503", "504"),
    "gateway-error": ("502", "503", "504"),
    "retriable-4xx": ("409",),
    **dict.fromkeys(("connect-failure", "refused-stream", "reset", "reset-before-request"), ()),
}
_CODE = re.compile(r"[45][0-9]{2}")


def timeouts(service: Service) -> Manifest:
    """Write the time limits of a request and of one call to a pod."""
    limits = (("request", service.timeout), ("backendRequest", _call_limit(service)))
    return {name: _duration(text) for name, text in limits if text}


def _call_limit(service: Service) -> str | None:
    """Give the time limit of one call to a pod, which that of one attempt is as well.

    One beyond that of the whole request has no effect, and the API refuses it.
    """
    attempt = service.retries.per_try_timeout if service.retries else None
    if service.backend_timeout or attempt is None:
        return service.backend_timeout
    whole = parse_duration(service.timeout) if service.timeout else 0
    return None if whole and parse_duration(attempt) > whole else attempt


def retry(service: Service) -> Manifest:
    """Write how failed requests are repeated; calls that are lost always are."""
    retries = service.retries
    if retries is None or not retries.attempts:
        return {}
    named = (_CODES.get(each, (each,)) for each in _retried_on(service))
    codes = sorted({int(code) for each in named for code in each if _CODE.fullmatch(code)})
    return {"attempts": retries.attempts, **({"codes": codes} if codes else {})}


def _retried_on(service: Service) -> tuple[str, ...]:
    """Give the failures that are repeated, by Envoy's names."""
    named = (service.retries.retry_on or "") if service.retries else ""
    return tuple(filter(None, (each.strip() for each in named.split(","))))


def _duration(text: str) -> str:
    """Write a Go duration as the API takes it, to the millisecond; 0 means none."""
    if _DURATION.fullmatch(text):
        return text
    seconds = parse_duration(text)
    rest = max(round(seconds * 1000), 1 if seconds else 0)
    return format_duration(timedelta(milliseconds=rest))


def timeout_problems(service: Service) -> Iterator[Problem]:
    """Tell of a limit of one call that is beyond that of the whole request."""
    if not service.timeout or not service.backend_timeout:
        return
    limit = parse_duration(service.timeout)
    if limit and parse_duration(service.backend_timeout) > limit:
        yield Problem(
            "spec.service.backendTimeout",
            service.backend_timeout,
            f"write at most {service.timeout}, the timeout of the whole request",
        )


def retry_warnings(service: Service) -> Iterator[SpecWarning]:
    """Name the failures that an HTTPRoute has no status for."""
    known = (each in _CODES or _CODE.fullmatch(each) for each in _retried_on(service))
    if service.retries and not all(known):
        yield SpecWarning(
            "spec.service.retries.retryOn",
            shown(service.retries.retry_on),
            "an HTTPRoute repeats requests by status, so what else is named here is not repeated: "
            f"write statuses, or {', '.join(sorted(_CODES))}",
        )

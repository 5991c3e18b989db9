"""Contour: an HTTPProxy, which the HTTPProxy of a virtual host includes.

Of the routes that fit a request Contour takes the most specific one, wherever it stands; of two
with the same conditions it takes the last. It tells Envoy only of services that a route names, and
of routes and services at different moments: a second HTTPProxy, which fits no request, names them
before clients are led there, and for as long as they may have to be led back.
https://projectcontour.io/docs/main/config/api/
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import ClassVar

from analysis.durations import parse_duration
from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.api.service import Service
from canary.api.shown import shown
from canary.api.traffic import HttpMatch, Retries, StringMatch
from canary.core.traffic import Seen, Traffic
from canary.core.weights import FULL
from canary.errors import Problem
from canary.objects.places import Path
from canary.objects.render import Render, Restoration, fields
from canary.routers import ClusterState, Objects
from canary.routers.abilities import WAYS, Abilities, refused, way
from canary.routers.accepted import outdated, rejection
from canary.routers.condition_problems import path_problems, precedence_problems
from canary.routers.matching import canary_matches, match_problems, pattern
from canary.routers.objects import options, render_object, restore_objects, spec_before
from canary.routers.shares import alternatives_seen, entries, part, percent_of, sides
from canary.routers.single import SingleObjectRouter

#: The conditions on which Contour has Envoy repeat a request, beside the status codes.
_RETRY_ON = (
    *("5xx", "gateway-error", "reset", "reset-before-request", "connect-failure"),
    *("envoy-ratelimited", "retriable-4xx", "refused-stream", "retriable-status-codes"),
    *("retriable-headers", "http3-post-connect-failure", "cancelled", "deadline-exceeded"),
    *("internal", "resource-exhausted", "unavailable"),
)
_BY_STATUS = "retriable-status-codes"
#: What a service of a user's says beside how pods are spoken to.
_WHERE = frozenset({"name", "port", "weight", "mirror"})
#: The end of the names of hosts that no client can ask for (RFC 2606).
_NOWHERE = ".tidegate.invalid"
#: Conditions that no request meets, as a host may be asked for under any name.
_NEVER: list[Manifest] = [
    {"prefix": "/"},
    {"header": {"name": "tidegate-known", "exact": "never"}},
    {"header": {"name": "tidegate-known", "notcontains": "never"}},
]
_ABILITIES = Abilities(
    service=frozenset({"timeout", "match", "retries"}),
    # `name` is for people, and is left out.
    conditions=dict.fromkeys(("name", "uri", "method", "headers", "query_params"), WAYS),
    others="an HTTPProxy matches on path, method, headers and query parameters",
    matches=True,
    mirrors=True,
    entrance="the HTTPProxy that includes it",
    reasons={
        "session_affinity": "an HTTPProxy sets headers of answers and adds none, so that its cookie "
        "would take the place of those that the app sets"
    },
)


class ContourRouter(SingleObjectRouter):
    """Split traffic by the weights of an HTTPProxy's services."""

    name: ClassVar[str] = "contour"
    owns: ClassVar[tuple[Path, ...]] = fields("routes")
    owns_of_known: ClassVar[tuple[Path, ...]] = fields("virtualhost", "routes")

    def __init__(self, _variant: str = "") -> None:
        """Make the router; its API has one version."""
        super().__init__(
            Kind(
                group="projectcontour.io", versions=("v1",), kind="HTTPProxy", plural="httpproxies"
            )
        )

    def abilities(self, _canary: Canary) -> Abilities:
        """What an HTTPProxy can say."""
        return _ABILITIES

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Name everything that a Canary asks of an HTTPProxy and that it cannot say."""
        return (
            *refused(canary, self.name, _ABILITIES),
            *match_problems(canary),
            *precedence_problems(canary),
            *path_problems(canary, regex=True),
            *_retry_problems(canary.spec.service.retries),
        )

    def spec(self, canary: Canary, cluster: ClusterState, traffic: Traffic) -> Manifest:
        """Give a route for each condition: those of the others first, those that take part last."""
        service, kept = canary.spec.service, self._kept(canary, cluster)
        rest = [_service(canary, canary.spec.primary_service_name, FULL)] if traffic.match else []
        shared = [
            *(_service(canary, name, weight) for name, weight in sides(canary, traffic.weight)),
            *_copies(canary, traffic.mirror),
        ]
        parts = ((service.match, rest), (canary_matches(service.match, traffic.match), shared))
        return {
            "routes": [
                _route(service, match, [kept | each for each in services])
                for matches, services in parts
                if services
                for match in matches or (HttpMatch(),)
            ]
        }

    def _kept(self, canary: Canary, cluster: ClusterState) -> Manifest:
        """Read how the user's own route has pods spoken to, such as with TLS."""
        (key,) = self.objects(canary).adopted
        before = spec_before(canary, cluster, key, ours=partial(self._is_ours, canary))
        listed = (
            each for route in entries(before, "routes") for each in entries(route, "services")
        )
        return options(canary, listed, but=_WHERE)

    def objects(self, canary: Canary) -> Objects:
        """Name the route, and what has Envoy know the services."""
        namespace, name = canary.metadata.namespace, f"{canary.spec.service_name}-known"
        return replace(
            super().objects(canary),
            own=(ObjectKey(kind=self.kind, namespace=namespace, name=name),),
        )

    def render(self, canary: Canary, cluster: ClusterState, traffic: Traffic) -> tuple[Render, ...]:
        """Give what has Envoy know the services, and then the route."""
        return (*self.beforehand(canary, cluster), *super().render(canary, cluster, traffic))

    def beforehand(self, canary: Canary, cluster: ClusterState) -> tuple[Render, ...]:
        """Name the services in a route that fits no request."""
        (key,) = self.objects(canary).own
        services = (canary.spec.service_name, *(name for name, _ in sides(canary, 0)))
        kept, port = self._kept(canary, cluster), canary.spec.service.port
        route = {
            "conditions": _NEVER,
            "services": [{**kept, "name": name, "port": port} for name in services],
        }
        host = f"{canary.spec.service_name}.{canary.metadata.namespace}{_NOWHERE}"
        rendered = render_object(
            canary,
            cluster,
            (key, self.owns_of_known),
            {"virtualhost": {"fqdn": host}, "routes": [route]},
            metadata=self.metadata(canary),
            ours=_leads_nowhere,
        )
        return (rendered,)

    def seen(self, canary: Canary, spec: object) -> Seen | None:
        """Read the weights, and the copies, of the routes that lead to a side."""
        routes = (entries(route, "services") for route in entries(spec, "routes"))
        return alternatives_seen(
            canary, ((_weights(services), _copied(canary, services)) for services in routes)
        )

    def restore(self, canary: Canary, cluster: ClusterState) -> Restoration:
        """Give the route back, and after that have Envoy forget the services."""
        places = ((key, self.owns_of_known) for key in self.objects(canary).own)
        known = restore_objects(canary, cluster, places, ours=_leads_nowhere)
        return super().restore(canary, cluster).then(known)

    def refusal(self, manifest: Manifest) -> str:
        """Say why Contour does not serve the HTTPProxy, or serves it in part.

        What leads no request anywhere stops no run: virtual hosts may be for other namespaces.
        """
        known = _leads_nowhere(manifest.get("spec"))
        return "" if known else rejection(manifest, "Valid", "Contour")

    def pending(self, manifest: Manifest) -> bool:
        """Tell whether Contour has yet to take the HTTPProxy as it is."""
        return outdated(manifest, "Valid")


def _route(service: Service, match: HttpMatch, services: list[Manifest]) -> Manifest:
    route: Manifest = {"conditions": list(_conditions(match)), "services": services}
    if service.timeout:
        # Contour takes 0s for its default.
        none = not parse_duration(service.timeout)
        route["timeoutPolicy"] = {"response": "infinity" if none else service.timeout}
    if service.retries:
        route["retryPolicy"] = _retries(service.retries)
    return route


def _leads_nowhere(spec: object) -> bool:
    """Tell whether a spec is the one that has Envoy know the services."""
    return str(part(spec, "virtualhost", "fqdn")).endswith(_NOWHERE)


def _service(canary: Canary, name: str, weight: int) -> Manifest:
    return {"name": name, "port": canary.spec.service.port, "weight": weight}


def _copies(canary: Canary, percent: int) -> Iterator[Manifest]:
    """Give the service that gets copies; without a share it would get all of them."""
    if percent:
        yield _service(canary, canary.spec.canary_service_name, percent) | {"mirror": True}


def _conditions(match: HttpMatch) -> Iterator[Manifest]:
    """Write a condition; the method is a header of HTTP/2."""
    yield _path(match.uri)
    methods = {":method": match.method} if match.method else {}
    for name, text in (*methods.items(), *sorted(match.headers.items())):
        how, value = way(text)
        exact = how == "exact"
        written = {"exact": value} if exact else {"regex": pattern(text)}
        yield {"header": {"name": name, **written}}
    for name, text in sorted(match.query_params.items()):
        how, value = way(text)
        yield {"queryParameter": {"name": name, how: value}}


def _path(uri: StringMatch | None) -> Manifest:
    if uri is None:
        return {"prefix": "/"}
    how, text = way(uri)
    # Contour takes only expressions that begin with a slash.
    return {"regex": f"/?{pattern(uri)}"} if how == "suffix" else {how: text}


def _retries(retries: Retries) -> Manifest:
    written: Manifest = {"count": retries.attempts or (1 if retries.attempts is None else -1)}
    if retries.per_try_timeout:
        written["perTryTimeout"] = retries.per_try_timeout
    words = _words(retries)
    if codes := [int(word) for word in words if word.isdecimal()]:
        written["retriableStatusCodes"] = codes
    on = [word for word in words if not word.isdecimal()]
    if codes and _BY_STATUS not in on:
        on.append(_BY_STATUS)
    return written | ({"retryOn": on} if on else {})


def _words(retries: Retries) -> list[str]:
    return [word for each in (retries.retry_on or "").split(",") if (word := each.strip())]


# -------------------------------------------------------------------------------------- problems


def _retry_problems(retries: Retries | None) -> Iterator[Problem]:
    for word in _words(retries) if retries else ():
        if not word.isdecimal() and word not in _RETRY_ON:
            yield Problem(
                "spec.service.retries.retryOn",
                shown(word),
                f"Contour does not know {word}: use {', '.join(_RETRY_ON)}, or status codes",
            )


# ------------------------------------------------------------------------------------- reading


def _weights(services: tuple[Manifest, ...]) -> list[tuple[str, object]]:
    """Read the weights of those that answer; where none has any, Contour splits evenly."""
    answering = [each for each in services if each.get("mirror") is not True]
    even = not any(each.get("weight") for each in answering)
    return [(str(each.get("name")), 1 if even else each.get("weight", 0)) for each in answering]


def _copied(canary: Canary, services: tuple[Manifest, ...]) -> int:
    """Read how many requests are copied to the canary, in percent; without a weight all are."""
    copies = (
        percent_of(each.get("weight") or FULL)
        for each in services
        if each.get("mirror") is True and each.get("name") == canary.spec.canary_service_name
    )
    return max(copies, default=0)

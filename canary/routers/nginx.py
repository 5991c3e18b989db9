"""ingress-nginx: beside each Ingress of the user a second one, whose annotations split its traffic.

Traefik from 3.7 on, Higress, Tengine and others read the same annotations, some with a prefix of
their own.
https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/#canary
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.api.shown import Description
from canary.api.traffic import HttpMatch, StringMatch
from canary.core.traffic import Seen, Traffic
from canary.core.weights import FULL
from canary.objects.places import Path, Prefix
from canary.objects.render import Lacking, annotations, fields
from canary.routers import ClusterState
from canary.routers.abilities import WAYS, Abilities, Unsaid, way
from canary.routers.beside import Beside, BesideRouter
from canary.routers.ingresses import (
    INGRESS,
    KEPT,
    kept_annotations,
    kept_spec,
    leads_to,
    led_instead,
    users_ingress,
)
from canary.routers.matching import pattern
from canary.routers.shares import part, quantity

#: What the controller lets stand in a value, and in a regular expression. What has other characters
#: it ignores, with a line in its log.
_VALUE = re.compile(r"[-._~a-zA-Z0-9/:]+")
_EXPRESSION = re.compile(r"[-._~a-zA-Z0-9/:^$\[\](){}*+?|&=\\]+")
#: The annotations that act on the pods behind a service, so that the canary's pods need them too.
#: All others act on the route, which stays that of the user's Ingress.
_OF_PODS = (
    "affinity",
    "backend-protocol",
    "load-balance",
    "service-upstream",
    "session-cookie-",
    "upstream-hash-by",
)
_COOKIE = "cookie"
#: How an annotation says yes.
_TRUE = frozenset({"true", "t", "1"})
_ONE = "an Ingress has a condition on one header, and on one cookie"
_CHARACTERS = (
    "use letters, digits and - . _ ~ / : only, in a regex also ^ $ [ ] ( ) { } * + ? | & = \\: "
    "ingress-nginx ignores a condition with other characters"
)


class NginxRouter(BesideRouter):
    """Split traffic by the canary annotations of a second Ingress."""

    name: ClassVar[str] = "nginx"
    kind: ClassVar[Kind] = INGRESS

    def abilities(self, _canary: Canary) -> Abilities:
        """Weights, or all requests with a header or a cookie."""
        return _ABILITIES

    def pairs(self, canary: Canary) -> Iterable[tuple[str, str]]:
        """Name the user's Ingresses, and the one beside each."""
        return ((name, f"{name}-canary") for name in canary.spec.ingress_names)

    def owns(self, cluster: ClusterState) -> tuple[Path, ...]:
        """The rules, and the annotations with the prefix that the cluster has."""
        ours = annotations(Prefix(f"{cluster.ingress_prefix}/"))
        return (*fields("rules", "defaultBackend"), *ours, *KEPT)

    def beside(
        self, canary: Canary, cluster: ClusterState, users: ObjectKey, traffic: Traffic
    ) -> Beside | Lacking:
        """Copy the hosts and paths that lead to the app, with the canary behind them."""
        found, spec, prefix = (
            users_ingress(canary, cluster, users),
            canary.spec,
            cluster.ingress_prefix,
        )
        if isinstance(found, Lacking):
            return found
        if str(part(found, "metadata", "annotations", f"{prefix}/canary")).lower() in _TRUE:
            return Lacking(
                kind=INGRESS,
                namespace=users.namespace,
                name=users.name,
                fault=f"is a canary itself, by {prefix}/canary",
                remedy="remove the annotation, or name the Ingress that serves all requests",
            )
        led = led_instead(found["spec"], spec.service_name, spec.canary_service_name)
        return Beside(
            spec=led | kept_spec(found),
            annotations={
                **kept_annotations(found, *(f"{prefix}/{name}" for name in _OF_PODS)),
                **{f"{prefix}/{name}": value for name, value in _chosen(traffic).items()},
            },
        )

    def seen(self, canary: Canary, cluster: ClusterState, found: Manifest) -> Seen | None:
        """Read the annotations."""
        return _seen(cluster, found) if self.is_ours(canary, part(found, "spec")) else None

    def is_ours(self, canary: Canary, spec: Manifest) -> bool:
        """Tell whether an Ingress leads to the canary."""
        return leads_to(spec, canary.spec.canary_service_name)


def _chosen(traffic: Traffic) -> dict[str, str]:
    """Write who reaches the canary; with conditions all that satisfy one, or none."""
    weight = 0 if traffic.match else traffic.weight
    written = {"canary": "true", "canary-weight": str(weight)}
    if traffic.weight == FULL:
        for name, condition in (each for match in traffic.match for each in match.headers.items()):
            written |= (
                _by_cookie(condition)
                if _is_cookie(name, condition)
                else _by_header(name, condition)
            )
    return written


# ------------------------------------------------------------------------------------- conditions


def _is_cookie(name: str, condition: StringMatch) -> bool:
    """Tell whether a condition names a cookie, as the peer's users write it: `cookie: {exact: NAME}`."""
    return name.lower() == _COOKIE and condition.exact is not None


def _by_cookie(condition: StringMatch) -> dict[str, str]:
    return {"canary-by-cookie": condition.exact or ""}


def _by_header(name: str, condition: StringMatch) -> dict[str, str]:
    """Write a condition on a header: by value where the controller takes it, else by pattern."""
    written = {"canary-by-header": name}
    if condition.exact is not None and _VALUE.fullmatch(condition.exact):
        return written | {"canary-by-header-value": condition.exact}
    # The controller searches for the pattern anywhere in the header.
    return written | {"canary-by-header-pattern": f"^(?:{pattern(condition)})$"}


def _unsaid(matches: Sequence[HttpMatch]) -> Iterator[Unsaid]:
    """Name what one Ingress cannot say: two headers at once, or a second header or cookie."""
    used: set[bool] = set()
    for index, match in enumerate(matches):
        headers = tuple(match.headers.items())
        if len(headers) != 1:
            value = Description(f"a map of {len(headers)}")
            yield Unsaid(
                path=f"[{index}].headers", value=value, remedy=f"name exactly one header: {_ONE}"
            )
            continue
        ((name, condition),) = headers
        cookie = _is_cookie(name, condition)
        remedy = f"keep one condition: {_ONE}" if cookie in used else _CHARACTERS
        if cookie in used or not _takes(name, condition):
            path = f"[{index}].headers.{name}"
            yield Unsaid(path=path, value=way(condition)[1], remedy=remedy)
        used.add(cookie)


def _takes(name: str, condition: StringMatch) -> bool:
    """Tell whether the controller takes a condition; it ignores what has other characters."""
    if _is_cookie(name, condition):
        return bool(_VALUE.fullmatch(condition.exact or ""))
    written = _by_header(name, condition)
    text = written.get("canary-by-header-pattern", "")
    return bool(_VALUE.fullmatch(name) and (not text or _EXPRESSION.fullmatch(text)))


# ---------------------------------------------------------------------------------------- reading


def _seen(cluster: ClusterState, found: Manifest) -> Seen | None:
    """Read what an Ingress that leads to the canary does; None where it says nothing clear."""
    given = part(found, "metadata", "annotations") or {}
    said = {
        name.removeprefix(f"{cluster.ingress_prefix}/canary"): value
        for name, value in given.items()
    }
    if said.get("") != "true":
        return None
    if said.keys() & {"-by-header", "-by-cookie"}:
        return Seen(weight=FULL, matched=True)
    weight, total = quantity(said.get("-weight")), quantity(said.get("-weight-total")) or FULL
    if weight is None:
        return None
    percent = round(FULL * weight / max(total, FULL))
    return Seen(weight=min(max(percent, 1 if weight else 0), FULL))


_ABILITIES = Abilities(
    service=frozenset(),
    conditions={"name": WAYS, "headers": WAYS},
    others="the annotations of an Ingress match on one header and one cookie",
    unsaid=_unsaid,
    matches=True,
    splits_matched=False,
    references=("ingress_ref", "ingress_refs"),
    # Its workers read what has changed once a second.
    settles=timedelta(seconds=2),
    entrance="the Ingress",
)

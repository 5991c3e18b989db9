"""ingress-nginx: beside each Ingress of the user a second one, whose annotations split its traffic.

Traefik from 3.7 on, Higress, Tengine and others read the same annotations, some with a prefix of
their own.
https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/#canary
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.api.shown import Description
from canary.api.traffic import HttpMatch, StringMatch
from canary.core.traffic import Seen, Traffic
from canary.core.weights import FULL
from canary.objects.places import Path, Prefix
from canary.objects.render import Lacking, Render, Restoration, annotations, fields
from canary.routers import ClusterState, Objects
from canary.routers.abilities import WAYS, Abilities, Unsaid, way
from canary.routers.defaults import RouterDefaults
from canary.routers.ingresses import INGRESS, leads_to, led_instead, users_ingress
from canary.routers.matching import pattern
from canary.routers.objects import Owned, render_object, restore_objects
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
#: The class of an Ingress from before `spec.ingressClassName`.
_CLASS = "kubernetes.io/ingress.class"
_COOKIE = "cookie"
_ONE = "an Ingress has a condition on one header, and on one cookie"
_CHARACTERS = (
    "use letters, digits and - . _ ~ / : only, in a regex also ^ $ [ ] ( ) { } * + ? | & = \\: "
    "ingress-nginx ignores a condition with other characters"
)


class NginxRouter(RouterDefaults):
    """Split traffic by the canary annotations of a second Ingress."""

    name: ClassVar[str] = "nginx"
    kinds: ClassVar[tuple[Kind, ...]] = (INGRESS,)

    def __init__(self, _variant: str = "") -> None:
        """Make the router."""

    def abilities(self, _canary: Canary) -> Abilities:
        """Weights, or all requests with a header or a cookie."""
        return _ABILITIES

    def objects(self, canary: Canary) -> Objects:
        """Name the user's Ingresses, and the one beside each."""
        namespace, names = canary.metadata.namespace, canary.spec.ingress_names
        users, ours = (
            tuple(ObjectKey(kind=INGRESS, namespace=namespace, name=name) for name in each)
            for each in (names, [f"{name}-canary" for name in names])
        )
        return Objects(own=ours, read=users)

    def render(
        self, canary: Canary, cluster: ClusterState, traffic: Traffic
    ) -> tuple[Render, ...] | Lacking:
        """Give the Ingress beside each of the user's, with those hosts and paths that lead to the app."""
        objects, renders = self.objects(canary), []
        for ours, users in zip(objects.own, objects.read, strict=True):
            found = users_ingress(canary, cluster, users)
            if isinstance(found, Lacking):
                return found
            renders.append(_beside(canary, cluster, ours, found, traffic))
        return tuple(renders)

    def read(self, canary: Canary, cluster: ClusterState) -> Seen | None:
        """Read the annotations; where Ingresses differ, that counts which gives the canary most."""
        found = (cluster.existing.get(key) for key in self.objects(canary).own)
        known = [seen for each in found if (seen := _seen(canary, cluster, each)) is not None]
        if not known:
            return None
        most = max(known, key=lambda seen: seen.weight)
        return replace(most, matched=any(seen.matched for seen in known))

    def restore(self, canary: Canary, cluster: ClusterState) -> Restoration:
        """Remove the Ingresses beside the user's."""
        owned: list[Owned] = [(key, _owns(cluster)) for key in self.objects(canary).own]
        return restore_objects(canary, cluster, owned, ours=partial(_leads_to_canary, canary))


def _beside(
    canary: Canary, cluster: ClusterState, key: ObjectKey, users: Manifest, traffic: Traffic
) -> Render:
    """Give the Ingress beside one of the user's."""
    spec, prefix = canary.spec, cluster.ingress_prefix
    led = led_instead(users["spec"], spec.service_name, spec.canary_service_name)
    kept = {name: users["spec"][name] for name in _KEPT if name in users["spec"]}
    return render_object(
        canary,
        cluster,
        (key, _owns(cluster)),
        led | kept,
        metadata=spec.service.apex,
        annotations={
            **_of_pods(users, prefix),
            **{f"{prefix}/{name}": value for name, value in _chosen(traffic).items()},
        },
        ours=partial(_leads_to_canary, canary),
    )


#: What an Ingress says of itself rather than of a path.
_KEPT = ("ingressClassName", "tls")


def _owns(cluster: ClusterState) -> tuple[Path, ...]:
    return (
        *fields("rules", "defaultBackend", *_KEPT),
        *annotations(Prefix(f"{cluster.ingress_prefix}/"), _CLASS),
    )


def _of_pods(users: Manifest, prefix: str) -> dict[str, str]:
    """Pick the annotations of the user's Ingress that the one beside it needs."""
    wanted = tuple(f"{prefix}/{name}" for name in _OF_PODS)
    return {
        name: value
        for name, value in (users["metadata"].get("annotations") or {}).items()
        if name == _CLASS or name.startswith(wanted)
    }


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


def _leads_to_canary(canary: Canary, spec: Manifest) -> bool:
    return leads_to(spec, canary.spec.canary_service_name)


def _seen(canary: Canary, cluster: ClusterState, found: Manifest | None) -> Seen | None:
    """Read what an Ingress beside a user's does; None where it is not one, or says nothing clear."""
    given = part(found, "metadata", "annotations") or {}
    said = {
        name.removeprefix(f"{cluster.ingress_prefix}/canary"): value
        for name, value in given.items()
    }
    if not leads_to(part(found, "spec"), canary.spec.canary_service_name) or said.get("") != "true":
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
    entrance="the Ingress",
)

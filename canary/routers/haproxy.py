"""HAProxy Technologies' ingress controller: an Ingress beside the user's, with a condition on chance.

The condition stands on the service behind it, a service of our own: `rand(100) lt 20` takes a fifth
of the requests before the user's Ingress is asked.
https://www.haproxy.com/documentation/kubernetes-ingress/ingress-configuration/
"""

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import SERVICE, Kind, Manifest, ObjectKey
from canary.api.shown import Description
from canary.api.traffic import HttpMatch, StringMatch
from canary.core.traffic import Seen, Traffic
from canary.core.weights import FULL
from canary.objects.places import Path
from canary.objects.render import Lacking, Render, Restoration, annotations, fields
from canary.routers import ClusterState, Objects
from canary.routers.abilities import WAYS, Abilities, Unsaid, way
from canary.routers.condition_problems import unreadable
from canary.routers.defaults import RouterDefaults
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
from canary.routers.objects import render_object, restore_objects
from canary.routers.shares import part

ACL = "haproxy.org/route-acl"
_CHANCE = re.compile(r"rand\(100\) lt ([0-9]{1,3})")
#: What would end a line of HAProxy's configuration, or a condition in it.
_BREAKS = re.compile(r"[\s\x00-\x1f\x7f{}#\"'\\]")
#: What stands before a text that HAProxy would take for an option.
_NO_OPTION = "-- "
_WAYS = {"exact": "str", "prefix": "beg", "suffix": "end", "regex": "reg"}
_INGRESS: tuple[Path, ...] = (*fields("rules"), *KEPT)
_SERVICE: tuple[Path, ...] = (*fields("ports", "selector"), *annotations(ACL))


class HaproxyRouter(RouterDefaults):
    """Split traffic by a condition on chance, for a service of a second Ingress."""

    name: ClassVar[str] = "haproxy"
    kinds: ClassVar[tuple[Kind, ...]] = (INGRESS, SERVICE)

    def __init__(self, _variant: str = "") -> None:
        """Make the router."""

    def abilities(self, _canary: Canary) -> Abilities:
        """Weights, or all requests that satisfy one condition."""
        return _ABILITIES

    def objects(self, canary: Canary) -> Objects:
        """Name the user's Ingress and the canary's service, and those made beside each."""
        reference = canary.spec.ingress_ref
        if reference is None:
            return Objects()
        namespace, service = canary.metadata.namespace, canary.spec.canary_service_name
        ours = (
            ObjectKey(kind=INGRESS, namespace=namespace, name=f"{reference.name}-canary"),
            ObjectKey(kind=SERVICE, namespace=namespace, name=_beside(canary)),
        )
        read = (
            ObjectKey(kind=INGRESS, namespace=namespace, name=reference.name),
            ObjectKey(kind=SERVICE, namespace=namespace, name=service),
        )
        return Objects(own=ours, read=read)

    def render(
        self, canary: Canary, cluster: ClusterState, traffic: Traffic
    ) -> tuple[Render, ...] | Lacking:
        """Give the Ingress beside the user's, and the service behind it with the condition."""
        objects = self.objects(canary)
        (ingress, service), (users, sides) = objects.own, objects.read
        found, canarys = users_ingress(canary, cluster, users), cluster.existing.get(sides)
        if isinstance(found, Lacking):
            return found
        if canarys is None:
            remedy = "tidegate makes it before it routes; wait"
            return Lacking(kind=SERVICE, namespace=sides.namespace, name=sides.name, remedy=remedy)
        return (
            _ingress(canary, cluster, ingress, found),
            render_object(
                canary,
                cluster,
                (service, _SERVICE),
                {name: canarys["spec"].get(name) for name in ("ports", "selector")},
                metadata=canary.spec.service.apex,
                annotations={ACL: _acl(traffic)},
                ours=partial(_selects_alike, canarys),
            ),
        )

    def read(self, canary: Canary, cluster: ClusterState) -> Seen | None:
        """Read the condition, where the Ingress leads to its service."""
        own = self.objects(canary).own
        ingress, service = (cluster.existing.get(key) for key in own) if own else (None, None)
        acl = part(service, "metadata", "annotations", ACL)
        if not leads_to(part(ingress, "spec"), _beside(canary)) or not isinstance(acl, str):
            return None
        chance = _CHANCE.fullmatch(acl)
        if chance is None:
            return Seen(weight=FULL, matched=True)
        return Seen(weight=min(int(chance[1]), FULL))

    def restore(self, canary: Canary, cluster: ClusterState) -> Restoration:
        """Remove the Ingress and the service, or give them back where they were there before."""
        objects = self.objects(canary)
        canarys = [cluster.existing.get(key) for key in objects.read if key.kind == SERVICE]
        return restore_objects(
            canary,
            cluster,
            zip(objects.own, (_INGRESS, _SERVICE), strict=False),
            ours=lambda spec: (
                _is_ours(canary, spec) or any(_selects_alike(each, spec) for each in canarys)
            ),
        )


def _beside(canary: Canary) -> str:
    """Name the service with the condition."""
    return f"{canary.spec.canary_service_name}-haproxy"


def _ingress(canary: Canary, cluster: ClusterState, key: ObjectKey, users: Manifest) -> Render:
    led = led_instead(users["spec"], canary.spec.service_name, _beside(canary))
    return render_object(
        canary,
        cluster,
        (key, _INGRESS),
        {"rules": led.get("rules", []), **kept_spec(users)},
        metadata=canary.spec.service.apex,
        annotations=kept_annotations(users),
        ours=partial(_is_ours, canary),
    )


def _is_ours(canary: Canary, spec: Manifest) -> bool:
    return leads_to(spec, _beside(canary))


def _selects_alike(service: Manifest | None, spec: Manifest) -> bool:
    """Tell whether a spec selects the pods of a service."""
    selector = spec.get("selector")
    return bool(selector and selector == part(service, "spec", "selector"))


# ------------------------------------------------------------------------------------- conditions


def _acl(traffic: Traffic) -> str:
    """Write who reaches the canary, in a single condition."""
    if traffic.match and traffic.weight == FULL:
        (test,) = _tests(traffic.match[0])
        return test
    return f"rand({FULL}) lt {0 if traffic.match else traffic.weight}"


def _tests(match: HttpMatch) -> Iterator[str]:
    """Write each part of a condition as HAProxy does."""
    if match.method:
        yield _test("method", match.method)
    if match.uri:
        yield _test("path", match.uri)
    for name, text in sorted(match.headers.items()):
        yield _test(f"req.hdr({name})", text)
    for name, text in sorted(match.query_params.items()):
        yield _test(f"url_param({name})", text)


def _test(sample: str, match: StringMatch) -> str:
    how, text = way(match)
    compared = f"^(?:{pattern(match)})$" if how == "regex" else text
    before = _NO_OPTION if compared.startswith("-") else ""
    return f"{sample} -m {_WAYS[how]} {before}{compared}"


def _unsaid(matches: Sequence[HttpMatch]) -> Iterator[Unsaid]:
    """Name what a single condition cannot say, and what would break HAProxy's configuration."""
    yield from unreadable(matches)
    for index, match in enumerate(matches):
        tests = list(_tests(match))
        if index or len(tests) != 1:
            yield Unsaid(
                path=f"[{index}]",
                value=Description(f"a condition with {len(tests)} parts"),
                remedy="write one condition with one part: a service has room for a single one",
            )
        texts = (match.method, match.uri, *match.headers.values(), *match.query_params.values())
        names = (*match.headers, *match.query_params)
        values = [way(text)[1] for text in texts if text]
        if any(not value or _BREAKS.search(value) for value in (*values, *names)):
            yield Unsaid(
                path=f"[{index}]",
                value=Description("a text"),
                remedy="write a text without spaces, control characters, braces, quotes, # and \\: "
                "they, or no text, would end the condition in HAProxy's configuration",
            )


_ABILITIES = Abilities(
    service=frozenset(),
    conditions=dict.fromkeys(("name", "uri", "method", "headers", "query_params"), WAYS),
    others="HAProxy's condition is about a path, the method, a header or a query parameter",
    unsaid=_unsaid,
    matches=True,
    splits_matched=False,
    references=("ingress_ref",),
    # It reloads.
    settles=timedelta(seconds=2),
    entrance="the Ingress",
)

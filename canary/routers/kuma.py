"""Kuma: a MeshHTTPRoute for the calls to the apex service inside a mesh.

Calls are named by the MeshServices that Kuma makes of Services: by their names, or, with the variant
`labels`, by their labels, which is all that releases from 3.0 on take. With the variant `tags` they are
named by the `kuma.io/service` tags of meshes without MeshServices. Every default of the API is written
out.
https://kuma.io/docs/latest/policies/meshhttproute/
"""

from collections.abc import Iterator
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest
from canary.api.service import ServiceMetadata
from canary.api.shown import Description
from canary.api.traffic import HttpMatch, StringMatch
from canary.core.traffic import Seen, Traffic
from canary.core.weights import FULL
from canary.errors import Problem
from canary.objects.places import Path
from canary.objects.render import fields
from canary.routers import ClusterState, RequiredField
from canary.routers.abilities import Abilities, refused, routed_by, way
from canary.routers.condition_problems import OF_ONE_METHOD, path_problems, precedence_problems
from canary.routers.matching import canary_matches, match_problems, pattern
from canary.routers.shares import alternatives_seen, entries, part, percent_of, sides
from canary.routers.single import SingleObjectRouter

LABELS, TAGS = "labels", "tags"
#: The labels of a MeshService that name its Service.
_NAME, _NAMESPACE = "kuma.io/display-name", "k8s.kuma.io/namespace"
#: Where a backend is named: a release of Kuma has one of the two fields, or both.
_BACKENDS = ("spec", "to", "rules", "default", "backendRefs")
#: The label of a policy, and the annotation of a Canary, that names the mesh.
_MESH = "kuma.io/mesh"
_DEFAULT_MESH = "default"
#: What a backend without a weight has.
_DEFAULT_WEIGHT = 1
#: A TrafficRoute, all that earlier releases have, is in no namespace: with its Canary nothing would go.
_UPGRADE = (
    "upgrade Kuma to 2.3 or later, which routes by it, or write another router than kuma in "
    "spec.provider, such as gatewayapi; the TrafficRoutes of earlier releases are not written"
)
_MIRROR = "RequestMirror"
_WORDS = {"exact": "Exact", "prefix": "Prefix"}
_ABILITIES = Abilities(
    service=frozenset({"match"}),
    conditions=OF_ONE_METHOD,
    others="a MeshHTTPRoute matches on path, one method, headers and query parameters",
    matches=True,
    mirrors=True,
    entrance="the mesh",
)


class KumaRouter(SingleObjectRouter):
    """Split traffic by the weights of a MeshHTTPRoute's backends."""

    name: ClassVar[str] = "kuma"
    variants: ClassVar[tuple[str, ...]] = (LABELS, TAGS)
    owns: ClassVar[tuple[Path, ...]] = fields("targetRef", "to")

    def __init__(self, variant: str = "") -> None:
        """Make the router, for meshes with MeshServices or, as `tags`, for those without."""
        self._by_labels, self._by_tags = variant == LABELS, variant == TAGS
        super().__init__(
            Kind(
                group="kuma.io",
                versions=("v1alpha1",),
                kind="MeshHTTPRoute",
                plural="meshhttproutes",
                remedy=_UPGRADE,
            )
        )

    def abilities(self, _canary: Canary) -> Abilities:
        """What a MeshHTTPRoute can say."""
        return _ABILITIES

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Name everything that a Canary asks of a MeshHTTPRoute and that it cannot say."""
        return (
            *refused(canary, self.name, _ABILITIES),
            *match_problems(canary),
            *precedence_problems(canary),
            *path_problems(canary),
        )

    def required_fields(self, canary: Canary) -> tuple[RequiredField, ...]:
        """Name the field by which backends are named: not every release of Kuma has each."""
        field, instead = (
            ("labels", "kuma, or kuma:tags in a mesh without MeshServices")
            if self._by_labels
            else ("name", "kuma:labels")
        )
        problem = Problem(
            "spec.provider",
            Description(routed_by(canary, self.name)),
            f"write {instead}: the installed MeshHTTPRoute names no backend by its {field}",
        )
        return (RequiredField(kind=self.kind, path=(*_BACKENDS, field), problem=problem),)

    def metadata(self, canary: Canary) -> ServiceMetadata:
        """Put it into the mesh that the Canary names as for Flagger."""
        wanted = super().metadata(canary)
        mesh = canary.metadata.annotations.get(_MESH, _DEFAULT_MESH)
        return wanted.but(labels={**wanted.labels, _MESH: mesh})

    def spec(self, canary: Canary, _cluster: ClusterState, traffic: Traffic) -> Manifest:
        """Give the rules of the calls to the apex service, from everywhere in the mesh."""
        apex = self._reference(canary, canary.spec.service_name)
        if not self._by_tags:
            del apex["port"]
        return {
            "targetRef": {"kind": "Mesh"},
            "to": [{"targetRef": apex, "rules": list(self._rules(canary, traffic))}],
        }

    def seen(self, canary: Canary, spec: object) -> Seen | None:
        """Read the weights, and the copies, of the rules that lead to a side."""
        rules = (rule for each in entries(spec, "to") for rule in entries(each, "rules"))
        return alternatives_seen(canary, (self._read(canary, rule) for rule in rules))

    def _rules(self, canary: Canary, traffic: Traffic) -> Iterator[Manifest]:
        """Give the rule of the split and, where only some requests take part, that of the others."""
        matches = canary_matches(canary.spec.service.match, traffic.match)
        backends = [
            self._backend(canary, name, weight) for name, weight in sides(canary, traffic.weight)
        ]
        yield _rule(matches, backends, list(self._copies(canary, traffic.mirror)))
        if traffic.match:
            primary = self._backend(canary, canary.spec.primary_service_name, FULL)
            yield _rule(canary.spec.service.match, [primary], [])

    def _copies(self, canary: Canary, percent: int) -> Iterator[Manifest]:
        if percent:
            backend = self._reference(canary, canary.spec.canary_service_name)
            yield {
                "type": _MIRROR,
                "requestMirror": {"backendRef": backend, "percentage": percent},
            }

    def _backend(self, canary: Canary, name: str, weight: int) -> Manifest:
        return {**self._reference(canary, name), "weight": weight}

    def _reference(self, canary: Canary, service: str) -> Manifest:
        namespace, port = canary.metadata.namespace, canary.spec.service.port
        if self._by_tags:
            return {"kind": "MeshService", "name": f"{service}_{namespace}_svc_{port}"}
        if self._by_labels:
            labels = {_NAME: service, _NAMESPACE: namespace}
            return {"kind": "MeshService", "labels": labels, "port": port}
        return {"kind": "MeshService", "name": service, "namespace": namespace, "port": port}

    def _read(self, canary: Canary, rule: Manifest) -> tuple[list[tuple[str, object]], int]:
        copies = (
            percent_of(part(each, "requestMirror", "percentage") or 0)
            for each in entries(rule, "default", "filters")
            if self._name(part(each, "requestMirror", "backendRef"))
            == canary.spec.canary_service_name
        )
        weights = [
            (self._name(each), each.get("weight", _DEFAULT_WEIGHT))
            for each in entries(rule, "default", "backendRefs")
        ]
        return weights, max(copies, default=0)

    def _name(self, reference: object) -> str:
        """Read the name of a Service from a reference: as a label, by itself, or first in a tag."""
        labelled = part(reference, "labels", _NAME)
        return str(labelled or part(reference, "name")).partition("_")[0]


def _rule(
    matches: tuple[HttpMatch, ...], backends: list[Manifest], filters: list[Manifest]
) -> Manifest:
    default: Manifest = {"backendRefs": backends}
    return {
        "matches": [_match(match) for match in matches or (HttpMatch(),)],
        "default": default | ({"filters": filters} if filters else {}),
    }


def _match(match: HttpMatch) -> Manifest:
    written: Manifest = {"path": _path(match.uri)}
    if match.method:
        written["method"] = match.method.exact
    if match.headers:
        written["headers"] = [
            {"name": name.lower(), **_text(text, _WORDS)}
            for name, text in sorted(match.headers.items())
        ]
    if match.query_params:
        # A query parameter has no prefix.
        words = {"exact": "Exact"}
        written["queryParams"] = [
            {"name": name, **_text(text, words)}
            for name, text in sorted(match.query_params.items())
        ]
    return written


def _path(uri: StringMatch | None) -> Manifest:
    if uri is None:
        return {"type": "PathPrefix", "value": "/"}
    how, text = way(uri)
    if how == "prefix":
        # A prefix ends between the parts of a path, and with no slash.
        return {"type": "PathPrefix", "value": text.rstrip("/") or "/"}
    return _text(uri, {"exact": "Exact"})


def _text(match: StringMatch, words: dict[str, str]) -> Manifest:
    """Write a condition by its own word, or else as a regular expression."""
    how, text = way(match)
    if how in words:
        return {"type": words[how], "value": text}
    return {"type": "RegularExpression", "value": pattern(match)}

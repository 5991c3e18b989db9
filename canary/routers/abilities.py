"""What a router can say, and what of a Canary it refuses or ignores for that.

Whatever a Canary asks of its route is a field of `spec.service` or `spec.analysis`; the problems
and warnings about them, the tables of the pages and the cases of the compliance suite follow from
the abilities that each router states.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from canary.api.canary import Canary
from canary.api.kinds import Kind
from canary.api.shown import shown
from canary.api.traffic import HttpMatch, StringMatch
from canary.core.traffic import Stickiness, Traffic
from canary.core.weights import FULL
from canary.errors import Problem, SpecWarning
from canary.routers.step_problems import baseline_problems, shares_of_matched

#: The fields of `spec.service` that say how requests are routed, with their names as written.
SERVICE_FIELDS = {
    "timeout": "timeout",
    "backend_timeout": "backendTimeout",
    "gateways": "gateways",
    "gateway_refs": "gatewayRefs",
    "hosts": "hosts",
    "acceptance": "acceptance",
    "delegation": "delegation",
    "traffic_policy": "trafficPolicy",
    "match": "match",
    "rewrite": "rewrite",
    "retries": "retries",
    "headers": "headers",
    "mirror": "mirror",
    "cors_policy": "corsPolicy",
    "mesh_name": "meshName",
    "backends": "backends",
}
#: The same for `spec.analysis`.
ANALYSIS_FIELDS = {
    "match": "match",
    "mirror": "mirror",
    "mirror_weight": "mirrorWeight",
    "session_affinity": "sessionAffinity",
}

#: Fields of `spec` that name an object of the user's to route by, and why a router ignores it.
REFERENCES = {
    "ingress_ref": ("ingressRef", "it routes by no Ingress of yours"),
    "ingress_refs": ("ingressRefs", "it routes by one Ingress of yours at most"),
    "route_ref": ("routeRef", "it routes by no ApisixRoute of yours"),
    "upstream_ref": ("upstreamRef", "it routes by no Upstream of yours"),
}

#: Fields that say by which hosts and gateways requests come in. Where an object of the user's says
#: that, they change nothing, as with the peer.
ENTRANCES = frozenset({"hosts", "gateways", "gateway_refs", "delegation"})

#: Fields that do not change who is routed where, so that one is ignored; and what requests meet then.
ORNAMENTS = {
    "timeout": "the route sets no time limit",
    "backend_timeout": "the route sets no time limit for a single call",
    "traffic_policy": "connections use the proxy's defaults",
    "rewrite": "requests keep their path and host",
    "retries": "the route does not retry requests",
    "acceptance": "its route has no parents that accept it",
    "headers": "the route does not change headers",
    "cors_policy": "CORS is left to the app",
    "mesh_name": "only App Mesh uses it",
    "backends": "only App Mesh uses it",
    "mirror_weight": "nothing is mirrored unless mirror is true",
}
#: Fields that mean nothing without another one, which is named already.
_PART_OF = {"mirror_weight": "mirror"}

#: Every way to compare a text.
WAYS = frozenset({"exact", "prefix", "suffix", "regex"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsaid:
    """What of a list of conditions a router cannot say, though it can say conditions like each."""

    path: str
    """Its place in the list: `[0].headers.x-a`."""
    value: object
    remedy: str


def _all_said(_: Sequence[HttpMatch]) -> Iterable[Unsaid]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a router can say."""

    service: frozenset[str]
    """The fields of `spec.service` that it acts on."""
    conditions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """What a condition may be about, by field of `HttpMatch`, and how texts may be compared."""
    others: str = ""
    """Why a condition can be about nothing else, for people."""
    unsaid: Callable[[Sequence[HttpMatch]], Iterable[Unsaid]] = _all_said
    """What of a list of such conditions it cannot say."""
    matches: bool = False
    """Whether only the requests that satisfy a condition may take part."""
    splits_matched: bool = True
    """Whether it can send a share of these to the canary, rather than all or none."""
    mirrors: bool = False
    """Whether it can have requests copied."""
    mirrors_shares: bool = True
    """Whether it can do that while the canary answers requests itself."""
    affinity: bool = False
    """Whether a cookie can keep clients on a side."""
    baseline: bool = False
    """Whether it can send a share of the requests to a baseline beside both sides."""
    splits: bool = True
    """Whether it can send a share of the requests to each side, rather than all to one."""
    by_replicas: bool = False
    """Whether the canary's share of the requests is its share of the ready pods of both sides."""
    by_subsets: bool = False
    """Whether it tells the sides apart behind the apex service, so that they have no services."""
    references: tuple[str, ...] = ()
    """The fields of `spec` that name objects of the user's by which it routes; one is needed, usually the first."""
    entrance: str = ""
    """That object, where it says by which hosts and gateways requests come in."""
    takes_calls: bool = False
    """Whether pods of a mesh that call a name in `spec.service.hosts` are led along the route."""
    settles: timedelta = timedelta(0)
    """How long proxies may take to follow a route that is written; what tells of it is not known."""
    everywhere: tuple[Kind, ...] = ()
    """The kinds of which two objects of one name are one thing, whatever their namespaces."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Why it refuses a field of `spec.service` or `spec.analysis`, where there is more to say."""
    transport: str = ""
    """Narrows down, after the router's name, when these abilities are all it has."""

    @property
    def analysis(self) -> frozenset[str]:
        """The fields of `spec.analysis` that it acts on."""
        asked = (
            ("match", self.matches),
            ("mirror", self.mirrors),
            ("session_affinity", self.affinity),
        )
        return frozenset(name for name, able in asked if able)

    def allow(self, traffic: Traffic) -> bool:
        """Tell whether a router with these abilities can render some traffic."""
        if traffic.mirror and not self.copies(traffic):
            return False
        if traffic.cookies != Stickiness() and not self.affinity:
            return False
        if not self.splits and traffic.weight not in {0, FULL}:
            return False
        if traffic.baseline and not self.baseline:
            return False
        if not traffic.match:
            return True
        if not self.matches or (traffic.shared and not self.splits_matched):
            return False
        return not any(map(self.beyond, traffic.match)) and not any(self.unsaid(traffic.match))

    def copies(self, traffic: Traffic) -> bool:
        """Tell whether requests can be copied beside what the canary answers."""
        return self.mirrors and (self.mirrors_shares or not traffic.weight)

    def beyond(self, match: HttpMatch) -> tuple[str, ...]:
        """Name the fields of a condition that it cannot say."""
        return tuple(
            name
            for name, value in match
            if value and (name not in self.conditions or self._ways(value) - self.conditions[name])
        )

    @staticmethod
    def _ways(value: object) -> set[str]:
        texts = value.values() if isinstance(value, Mapping) else (value,)
        known = (each for each in texts if isinstance(each, StringMatch))
        return {how for each in known for how in each.model_dump(exclude_none=True)}


def routed_by(canary: Canary, router: str) -> str:
    """Name a Canary's router as its author does."""
    return canary.spec.provider or f"{router}, which the controller uses by default,"


def refused(canary: Canary, router: str, abilities: Abilities) -> Iterator[Problem]:
    """Name the fields that are set, that say who is routed where, and that a router can't express."""
    name = f"{routed_by(canary, router)}{abilities.transport}"
    yield from _references(canary, abilities)
    if canary.spec.managed_routes and "managed_routes" not in abilities.references:
        remedy = f"remove it, or name another router: {name} cannot split rules of these"
        yield Problem("spec.managedRoutes", shown(canary.spec.managed_routes[0].place), remedy)
    for path, asked, value in _beyond(canary, abilities):
        if asked not in _harmless(abilities):
            why = f", because {reason}" if (reason := abilities.reasons.get(asked)) else ""
            remedy = f"remove it, or name another router: {name} cannot do this{why}"
            yield Problem(path, shown(value), remedy)
    for path, value in _beyond_in_steps(canary, abilities):
        remedy = f"change it, or name another router: {name} cannot do this"
        yield Problem(path, shown(value), remedy)
    yield from baseline_problems(canary, name, able=abilities.baseline)
    if not abilities.splits_matched:
        yield from shares_of_matched(canary, name)
    for place, matches in (
        ("spec.service.match", canary.spec.service.match if "match" in abilities.service else ()),
        *(canary.spec.analysis.placed_matches() if abilities.matches else ()),
    ):
        for index, match in enumerate(matches):
            for asked in abilities.beyond(match):
                yield _condition_problem(abilities, f"{place}[{index}]", asked, match)
        if not any(map(abilities.beyond, matches)):
            for each in abilities.unsaid(matches):
                yield Problem(f"{place}{each.path}", shown(each.value), each.remedy)


def _harmless(abilities: Abilities) -> Iterable[str]:
    """Name the fields that a router ignores without harm."""
    return {*ORNAMENTS, *(ENTRANCES if abilities.entrance else ())}


def _references(canary: Canary, abilities: Abilities) -> Iterator[Problem]:
    """Name a reference that is missing, or that is there for another router than the default one."""
    needed = abilities.references
    if needed and not any(getattr(canary.spec, each) for each in needed):
        remedy = f"name the object that leads to Service {canary.spec.service_name}"
        yield Problem(f"spec.{REFERENCES[needed[0]][0]}", None, remedy)
    for asked, (written, _) in REFERENCES.items():
        reference = getattr(canary.spec, asked)
        if reference and asked not in needed and not canary.spec.provider:
            remedy = "name the router that uses it in spec.provider, or remove it"
            yield Problem(f"spec.{written}", shown(reference), remedy)


def _beyond_in_steps(canary: Canary, abilities: Abilities) -> Iterator[tuple[str, object]]:
    """Go through what steps intend beyond what a router can render: path and value."""
    for index, step in enumerate(canary.spec.analysis.steps or ()):
        place = f"spec.analysis.steps[{index}]"
        if step.match and not abilities.matches:
            yield f"{place}.match", step.match
        copies = Traffic(weight=step.weight, mirror=step.mirror)
        if step.mirror and not abilities.copies(copies):
            yield f"{place}.mirror", step.mirror
        shared = step.match and not abilities.splits_matched and 0 < step.weight < FULL
        if shared or not abilities.allow(Traffic(weight=step.weight)):
            yield f"{place}.weight", step.weight


def _condition_problem(abilities: Abilities, place: str, asked: str, match: HttpMatch) -> Problem:
    path, value = f"{place}.{HttpMatch.model_fields[asked].alias}", getattr(match, asked)
    ways = abilities.conditions.get(asked)
    if ways is None:
        return Problem(path, shown(value), f"remove it: {abilities.others}")
    return Problem(
        path,
        shown(way(value)[1] if isinstance(value, StringMatch) else value),
        f"write {' or '.join(sorted(ways))}: {abilities.others}; add a condition for each value",
    )


def ignored(canary: Canary, router: str, abilities: Abilities) -> Iterator[SpecWarning]:
    """Name the ornaments that are set and that a router does not act on."""
    name = f"{routed_by(canary, router)}{abilities.transport}"
    for asked, (written, reason) in REFERENCES.items():
        reference = getattr(canary.spec, asked)
        if reference and asked not in abilities.references:
            effect = f"{name} ignores it: {reason}"
            yield SpecWarning(f"spec.{written}", shown(reference), effect)
    for path, asked, value in _beyond(canary, abilities):
        if asked in _harmless(abilities):
            said = ORNAMENTS.get(asked) or f"{abilities.entrance} says how requests come in"
            yield SpecWarning(path, shown(value), f"{name} ignores it: {said}")


def _beyond(canary: Canary, abilities: Abilities) -> Iterator[tuple[str, str, object]]:
    """Go through the fields that are set beyond what a router acts on: path, name and value."""
    for path, model, names, known in (
        ("spec.service", canary.spec.service, SERVICE_FIELDS, abilities.service),
        ("spec.analysis", canary.spec.analysis, ANALYSIS_FIELDS, abilities.analysis),
    ):
        for asked, written in names.items():
            value = getattr(model, asked)
            told = getattr(model, _PART_OF.get(asked, ""), None)
            if value not in (None, False, (), {}) and asked not in known and not told:
                yield f"{path}.{written}", asked, value


def way(match: StringMatch) -> tuple[str, str]:
    """Tell how a text is matched, and what it is compared with."""
    return next(iter(match.model_dump(exclude_none=True).items()))

"""A router that makes a route of its own, or manages rules of the user's where a Canary names some."""

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest
from canary.core.traffic import Seen, Traffic
from canary.errors import Problem, SpecWarning
from canary.objects.render import Lacking, Render, Restoration
from canary.routers import ClusterState, Objects, RequiredFeature, RequiredField, Router
from canary.routers.abilities import Abilities, ignored, refused
from canary.routers.managed import ManagedRoutes
from canary.routers.managed_rules import Grammar

#: What a Canary may still say of the services beside a managed route.
_BESIDE = frozenset({"traffic_policy"})


class ManagingRouter:
    """Gives all that a router gives, unless the Canary names routes of the user's of its kind."""

    variants: ClassVar[tuple[str, ...]] = ()
    names_mesh: ClassVar[bool] = False
    by_apex: ClassVar[bool] = False
    rules: ClassVar[Grammar | None] = None

    def __init__(self, own: Router, grammar: Grammar) -> None:
        """Make the router around another, whose first kind is that of the routes."""
        self._own = own
        self._kind = kind = own.kinds[0]
        self._grammar = grammar
        self._managed = ManagedRoutes(kind, grammar)

    @property
    def name(self) -> str:
        """The router's name."""
        return self._own.name

    @property
    def names(self) -> tuple[str, ...]:
        """The same."""
        return self._own.names

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of a route of its own."""
        return self._own.kinds

    @property
    def writes(self) -> tuple[Kind, ...]:
        """Those that it writes."""
        return self._own.writes

    @property
    def reads(self) -> tuple[Kind, ...]:
        """Those that it reads and never writes."""
        return self._own.reads

    @property
    def asks(self) -> tuple[Kind, ...]:
        """The kinds that are asked about."""
        return self._own.asks

    @property
    def host_rights(self) -> tuple[str, ...]:
        """The parts that take rights of their own."""
        return self._own.host_rights

    @property
    def needs_status(self) -> bool:
        """Whether it reads the status of its objects."""
        return self._own.needs_status

    def abilities(self, canary: Canary) -> Abilities:
        """Tell what it can say; in rules of the user's these are weights, conditions and copies."""
        own = self._own.abilities(canary)
        if not self._manages(canary):
            return own
        named = [rule for route in canary.spec.managed_routes for rule in route.rules]
        requests = all(rule.name is not None for rule in named)
        return replace(
            own,
            service=own.service & _BESIDE,
            matches=own.matches and requests,
            mirrors=own.mirrors and requests,
            affinity=False,
            baseline=False,
            references=("managed_routes",),
            entrance=f"the {self._kind.kind}",
            takes_calls=False,
            transport=" with managedRoutes",
        )

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Name everything that a Canary asks of its route and that it cannot do."""
        if not self._manages(canary):
            return self._own.problems(canary)
        return (*refused(canary, self.name, self.abilities(canary)), *self._misnamed(canary))

    def ignored(self, canary: Canary) -> tuple[SpecWarning, ...]:
        """Name what a Canary asks of its route without effect or harm."""
        if not self._manages(canary):
            return self._own.ignored(canary)
        return tuple(ignored(canary, self.name, self.abilities(canary)))

    def required_fields(self, canary: Canary) -> tuple[RequiredField, ...]:
        """Name the fields that not every installed CRD has, and a Canary needs."""
        required = self._own.required_fields(canary)
        if not self._manages(canary):
            return required
        return tuple(each for each in required if each.path in self._grammar.required)

    def required_features(self, canary: Canary) -> tuple[RequiredFeature, ...]:
        """Name what a Canary needs of its Gateways; those of a route of the user's are not known."""
        return () if self._manages(canary) else self._own.required_features(canary)

    def objects(self, canary: Canary) -> Objects:
        """Name the routes that it reads and writes."""
        own = self._own.objects(canary)
        if not self._manages(canary):
            return own
        return Objects(own=own.own, edited=self._managed.keys(canary))

    def render(
        self, canary: Canary, cluster: ClusterState, traffic: Traffic
    ) -> tuple[Render, ...] | Lacking:
        """Give each object as it must be; beside a managed route those that it leads to."""
        if not self._manages(canary):
            return self._own.render(canary, cluster, traffic)
        managed = self._managed.render(canary, cluster, traffic)
        if isinstance(managed, Lacking):
            return managed
        return (*self._beside(canary, cluster, traffic), *managed)

    def beforehand(self, canary: Canary, cluster: ClusterState) -> tuple[Render, ...]:
        """Give what the router has proxies learn beforehand; of a user's route, what stands beside it."""
        known = self._own.beforehand(canary, cluster)
        if not self._manages(canary):
            return known
        beside = self._own.objects(canary).own
        return tuple(each for each in known if each.key in beside)

    def read(self, canary: Canary, cluster: ClusterState) -> Seen | None:
        """Read what the route does now."""
        if not self._manages(canary):
            return self._own.read(canary, cluster)
        return self._managed.read(canary, cluster)

    def restore(self, canary: Canary, cluster: ClusterState) -> Restoration:
        """Give the users' routes their weights back, and remove what stood beside them."""
        own = self._own.restore(canary, cluster)
        if not self._manages(canary):
            return own
        beside = self._own.objects(canary).own
        return Restoration(
            write=(
                *self._managed.restore(canary, cluster),
                *(each for each in own.write if each.key in beside),
            ),
            remove=tuple(key for key in own.remove if key in beside),
            leads_to=self._managed.left_leading(canary, cluster),
            afterwards=own.afterwards,
        )

    def query_routes(self, canary: Canary, cluster: ClusterState) -> tuple[str, str]:
        """Give what `{{ route }}` stands for in queries."""
        return self._own.query_routes(canary, cluster)

    def refusal(self, manifest: Manifest) -> str:
        """Say who rejects an object and why."""
        return self._own.refusal(manifest)

    def pending(self, manifest: Manifest) -> bool:
        """Tell whether its status speaks of an earlier generation."""
        return self._own.pending(manifest)

    def _manages(self, canary: Canary) -> bool:
        routes = canary.spec.managed_routes
        return bool(routes) and any(each.kind == self._kind.kind for each in routes)

    def _beside(self, canary: Canary, cluster: ClusterState, traffic: Traffic) -> Iterator[Render]:
        beside = self._own.objects(canary).own
        own = self._own.render(canary, cluster, traffic) if beside else ()
        return iter(
            () if isinstance(own, Lacking) else (each for each in own if each.key in beside)
        )

    def _misnamed(self, canary: Canary) -> Iterator[Problem]:
        """Name routes of other kinds, and rules that such a route does not name in this way."""
        for index, route in enumerate(canary.spec.managed_routes):
            place = f"spec.managedRoutes[{index}]"
            if route.kind != self._kind.kind:
                remedy = f"name a {self._kind.kind}, or a router for it in spec.provider"
                yield Problem(f"{place}.kind", str(route.kind), remedy)
                continue
            for number, rule in enumerate(route.rules):
                if rule.name is None and len(self._grammar.places) == 1:
                    remedy = f"write its name: the rules of a {self._kind.kind} have names"
                    yield Problem(f"{place}.rules[{number}]", rule.said, remedy)

"""Several routes of one Canary, each by a router of its own, whose traffic moves together.

One leads clients in through a gateway, another leads those inside a mesh: `gatewayapi+istio`.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import ClassVar, TypeVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest
from canary.api.meta import ApiModel
from canary.api.raw import text
from canary.api.traffic import HttpMatch
from canary.core.traffic import Seen, Traffic, together
from canary.errors import Problem, SpecWarning
from canary.objects.render import Lacking, Render, Restoration
from canary.routers import ClusterState, Objects, RequiredFeature, RequiredField, Router
from canary.routers.abilities import ENTRANCES, Abilities, Unsaid
from canary.routers.managed_rules import Grammar

_Item = TypeVar("_Item")


class SeveralRouters:
    """Split traffic by the routes of several routers."""

    variants: ClassVar[tuple[str, ...]] = ()
    names_mesh: ClassVar[bool] = False
    by_apex: ClassVar[bool] = False
    rules: ClassVar[Grammar | None] = None

    def __init__(self, routers: Sequence[tuple[str, Router]]) -> None:
        """Make the router from others, each with its name as the user writes it."""
        self._routers = tuple(routers)

    @property
    def _each(self) -> tuple[Router, ...]:
        return tuple(router for _, router in self._routers)

    @property
    def name(self) -> str:
        """The names of all of them."""
        return "+".join(name for name, _ in self._routers)

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each of them."""
        return tuple(chain.from_iterable(router.names for router in self._each))

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds that any of them needs."""
        return _once(router.kinds for router in self._each)

    @property
    def writes(self) -> tuple[Kind, ...]:
        """The kinds that any of them writes."""
        return _once(router.writes for router in self._each)

    @property
    def reads(self) -> tuple[Kind, ...]:
        """The kinds that none of them writes."""
        return tuple(kind for kind in self.kinds if kind not in self.writes)

    @property
    def asks(self) -> tuple[Kind, ...]:
        """Those that any of them asks about."""
        return _once(router.asks for router in self._each)

    @property
    def host_rights(self) -> tuple[str, ...]:
        """Those of all of them."""
        return _once(router.host_rights for router in self._each)

    @property
    def needs_status(self) -> bool:
        """Whether any of them reads the status of its objects."""
        return any(router.needs_status for router in self._each)

    def abilities(self, canary: Canary) -> Abilities:
        """Tell what all of them can say."""
        return _common([router.abilities(canary) for router in self._each])

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Name what any of them cannot do, and routers that cannot be named beside others."""
        found = chain(
            self._misplaced(canary),
            *(router.problems(part) for router, part in self._parts(canary)),
        )
        return tuple({each.field: each for each in found}.values())

    def ignored(self, canary: Canary) -> tuple[SpecWarning, ...]:
        """Name what any of them ignores, and none refuses."""
        refused = {each.field for each in self.problems(canary)}
        return tuple(
            warning
            for router, part in self._parts(canary)
            for warning in router.ignored(part)
            if warning.field not in refused
        )

    def required_fields(self, canary: Canary) -> tuple[RequiredField, ...]:
        """Name what any of them requires."""
        return tuple(chain.from_iterable(each.required_fields(canary) for each in self._each))

    def required_features(self, canary: Canary) -> tuple[RequiredFeature, ...]:
        """Name what any of them needs of the Gateways."""
        return tuple(chain.from_iterable(each.required_features(canary) for each in self._each))

    def objects(self, canary: Canary) -> Objects:
        """Name the objects of all of them."""
        each = [router.objects(canary) for router in self._each]
        written = {key for objects in each for key in objects.written}
        return Objects(
            own=_once(objects.own for objects in each),
            adopted=_once(objects.adopted for objects in each),
            edited=_once(objects.edited for objects in each),
            read=tuple(key for key in _once(one.read for one in each) if key not in written),
        )

    def render(
        self, canary: Canary, cluster: ClusterState, traffic: Traffic
    ) -> tuple[Render, ...] | Lacking:
        """Give the objects of each, or what is missing for any of them."""
        renders: list[Render] = []
        for router in self._each:
            made = router.render(canary, cluster, traffic)
            if isinstance(made, Lacking):
                return made
            renders += made
        return tuple(renders)

    def beforehand(self, canary: Canary, cluster: ClusterState) -> tuple[Render, ...]:
        """Give those of each."""
        return tuple(chain.from_iterable(each.beforehand(canary, cluster) for each in self._each))

    def read(self, canary: Canary, cluster: ClusterState) -> Seen | None:
        """Read what all of them do together."""
        return together(router.read(canary, cluster) for router in self._each)

    def restore(self, canary: Canary, cluster: ClusterState) -> Restoration:
        """Put the objects of all of them back."""
        each = [router.restore(canary, cluster) for router in self._each]
        return Restoration(
            write=tuple(chain.from_iterable(one.write for one in each)),
            remove=_once(one.remove for one in each),
            leads_to=frozenset().union(*(one.leads_to for one in each)),
            afterwards=_once(one.afterwards for one in each),
        )

    def query_routes(self, canary: Canary, cluster: ClusterState) -> tuple[str, str]:
        """Give those of the first, whose queries count."""
        return self._each[0].query_routes(canary, cluster)

    def refusal(self, manifest: Manifest) -> str:
        """Say who rejects an object, by the router that it belongs to."""
        said = (router.refusal(manifest) for router in self._of(manifest))
        return next(filter(None, said), "")

    def pending(self, manifest: Manifest) -> bool:
        """Tell whether its status is of an earlier generation, by the router that it belongs to."""
        return any(router.pending(manifest) for router in self._of(manifest))

    def _of(self, manifest: Manifest) -> Iterator[Router]:
        kind = text(manifest, "kind")
        return (each for each in self._each if any(one.kind == kind for one in each.kinds))

    def _parts(self, canary: Canary) -> Iterator[tuple[Router, Canary]]:
        """Pair each router with the Canary as it is asked: without what only others have a use for."""
        able = [router.abilities(canary) for router in self._each]
        for (name, router), mine in zip(self._routers, able, strict=True):
            service = canary.spec.service
            entrances = {field for each in able for field in each.service} & ENTRANCES
            references = {field for each in able for field in each.references}
            unused = _defaults(canary.spec, references - {*mine.references})
            unused |= self._managed(canary, router)
            spec = canary.spec.but(
                provider=name,
                service=service.but(**_defaults(service, entrances - mine.service)),
                **unused,
            )
            yield router, canary.but(spec=spec)

    def _managed(self, canary: Canary, router: Router) -> dict[str, object]:
        """Leave out the managed routes that are for another router, by their kind."""
        kinds, mine = ({kind.kind for kind in each.kinds} for each in (self, router))
        return {
            "managed_routes": tuple(
                each
                for each in canary.spec.managed_routes
                if each.kind in mine or each.kind not in kinds
            )
        }

    def _misplaced(self, canary: Canary) -> Iterator[Problem]:
        """Name a router that moves everything by itself, and two that write the same object."""
        written: dict[tuple[str, str, str], str] = {}
        for name, router in self._routers:
            if router.by_apex:
                remedy = f"name {name} alone: it moves all clients of the apex service"
                yield Problem("spec.provider", self.name, remedy)
            if router.abilities(canary).by_subsets:
                remedy = f"name {name} alone: with it the sides have no services to lead to"
                yield Problem("spec.provider", self.name, remedy)
            for key in router.objects(canary).written:
                other = written.setdefault((key.kind.group, key.kind.kind, key.name), name)
                if other is not name:
                    remedy = f"name {other} or {name}: both write {key.kind.kind} {key.name}"
                    yield Problem("spec.provider", self.name, remedy)


def _defaults(model: ApiModel, fields: Iterable[str]) -> dict[str, object]:
    """Give the values that some fields have when they are left out."""
    return {field: type(model).model_fields[field].get_default() for field in fields}


def _once(lists: Iterable[Iterable[_Item]]) -> tuple[_Item, ...]:
    """Join lists, with each item once."""
    return tuple(dict.fromkeys(chain.from_iterable(lists)))


def _common(each: Sequence[Abilities]) -> Abilities:
    """Tell what routers with these abilities can all say."""
    first, *rest = each
    return Abilities(
        service=first.service.intersection(*(other.service for other in rest)),
        conditions={
            field: ways.intersection(*(other.conditions.get(field, ()) for other in rest))
            for field, ways in first.conditions.items()
            if all(field in other.conditions for other in rest)
        },
        others="; ".join(_once([[one.others] for one in each if one.others])),
        unsaid=partial(_unsaid, each),
        matches=all(one.matches for one in each),
        splits_matched=all(one.splits_matched for one in each),
        mirrors=all(one.mirrors for one in each),
        mirrors_shares=all(one.mirrors_shares for one in each),
        affinity=all(one.affinity for one in each),
        baseline=all(one.baseline for one in each),
        splits=all(one.splits for one in each),
        by_replicas=any(one.by_replicas for one in each),
        by_subsets=any(one.by_subsets for one in each),
        references=_once(one.references for one in each),
        takes_calls=any(one.takes_calls for one in each),
        settles=max(one.settles for one in each),
        everywhere=_once(one.everywhere for one in each),
    )


def _unsaid(each: Sequence[Abilities], matches: Sequence[HttpMatch]) -> Iterator[Unsaid]:
    """Name what any of them cannot say of a list of conditions."""
    return chain.from_iterable(one.unsaid(matches) for one in each)

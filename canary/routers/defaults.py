"""What a router of a third party need not say: what is assumed of one that does not."""

from typing import ClassVar, Protocol

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest
from canary.errors import Problem, SpecWarning
from canary.objects.render import Render
from canary.routers import ClusterState, RequiredFeature, RequiredField
from canary.routers.abilities import Abilities, ignored, refused
from canary.routers.condition_problems import cookie_problems
from canary.routers.managed_rules import Grammar


class _Able(Protocol):
    name: str

    def abilities(self, canary: Canary) -> Abilities: ...


class _Named(Protocol):
    @property
    def name(self) -> str: ...


class _Known(Protocol):
    @property
    def kinds(self) -> tuple[Kind, ...]: ...
    @property
    def reads(self) -> tuple[Kind, ...]: ...


class RouterDefaults:
    """Weights and nothing else, and an API without a word for a refusal.

    A Canary that asks for more of its route is refused, or warned where that does no harm.
    """

    variants: ClassVar[tuple[str, ...]] = ()
    names_mesh: ClassVar[bool] = False
    needs_status: ClassVar[bool] = False
    by_apex: ClassVar[bool] = False

    @property
    def rules(self) -> Grammar | None:
        """None: no rules of users are split."""
        return None

    @property
    def names(self: _Named) -> tuple[str, ...]:
        """Its own name alone."""
        return (self.name,)

    @property
    def writes(self: _Known) -> tuple[Kind, ...]:
        """All kinds but those that it only reads."""
        return tuple(kind for kind in self.kinds if kind not in self.reads)

    @property
    def reads(self) -> tuple[Kind, ...]:
        """None."""
        return ()

    @property
    def asks(self) -> tuple[Kind, ...]:
        """None."""
        return ()

    @property
    def host_rights(self) -> tuple[str, ...]:
        """None."""
        return ()

    def abilities(self, _canary: Canary) -> Abilities:
        """Weights alone."""
        return Abilities(service=frozenset())

    def problems(self: _Able, canary: Canary) -> tuple[Problem, ...]:
        """Whatever decides who reaches the canary and is beyond its abilities.

        Beside session affinity no condition on cookies can be said.
        """
        abilities = self.abilities(canary)
        beside = cookie_problems(canary) if abilities.affinity else ()
        return (*refused(canary, self.name, abilities), *beside)

    def ignored(self: _Able, canary: Canary) -> tuple[SpecWarning, ...]:
        """Whatever else is beyond its abilities."""
        return tuple(ignored(canary, self.name, self.abilities(canary)))

    def required_fields(self, _canary: Canary) -> tuple[RequiredField, ...]:
        """None: each CRD is taken to have all fields."""
        return ()

    def required_features(self, _canary: Canary) -> tuple[RequiredFeature, ...]:
        """None: whatever serves its API is taken to have all features."""
        return ()

    def beforehand(self, _canary: Canary, _cluster: ClusterState) -> tuple[Render, ...]:
        """None: proxies are taken to know every service."""
        return ()

    def query_routes(self, canary: Canary, _cluster: ClusterState) -> tuple[str, str]:
        """The object that the Canary refers to, or the target, which has the same name."""
        name = canary.spec.route_ref.name if canary.spec.route_ref else canary.spec.target_ref.name
        return name, name

    def refusal(self, _manifest: Manifest) -> str:
        """Nothing: no object is taken to tell of a refusal."""
        return ""

    def pending(self, _manifest: Manifest) -> bool:
        """No: no object is taken to tell of which generation it speaks."""
        return False

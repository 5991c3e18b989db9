"""Routers split traffic: each turns objects into objects, and does no I/O.

The protocol every router keeps, and the table of their names. A router does not know who writes
what it renders, and does not know the other routers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Protocol

from analysis.errors import UnknownPlugin
from analysis.plugins import PluginTable
from canary.api.annotations import ASSUME_FEATURES
from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.core.actions import Side
from canary.core.traffic import Seen, Traffic
from canary.errors import Problem, SpecWarning
from canary.objects.render import Lacking, Render, Restoration
from canary.routers.abilities import Abilities

if TYPE_CHECKING:
    from canary.routers.managed_rules import Grammar

INGRESS_PREFIX = "nginx.ingress.kubernetes.io"
"""The prefix of the annotations by which an Ingress is routed, unless the cluster has another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterState:
    """What a router knows of the cluster."""

    existing: Mapping[ObjectKey, Manifest]
    """The objects of `Router.objects` that exist, whole, by where they are."""
    served: Mapping[Kind, str]
    """The version of each kind that the API server serves; without those it does not know."""
    missing: frozenset[tuple[str, ...]] = frozenset()
    """The required fields that the installed CRDs do not have: what is written there is dropped."""
    apex: Mapping[Side, Render] = field(default_factory=lambda: MappingProxyType({}))
    """The apex service as it leads to each side, for a router that routes by it."""
    shared_apex: Render | None = None
    """The same as it leads to both sides; None where their pods have no label in common."""
    pods: Mapping[Side, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    """The labels by which the pods of each side that there is are selected, for one that tells them
    apart behind the apex service."""

    ingress_prefix: str = INGRESS_PREFIX
    """The prefix of the annotations that the cluster's ingress controller reads."""

    def version(self, kind: Kind) -> str:
        """Pick the version that a kind is written in."""
        return self.served.get(kind, kind.versions[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredField:
    """A field that the API server would drop without a word where the CRD does not have it."""

    kind: Kind
    path: tuple[str, ...]
    """Its place in an object, lists left out: `("spec", "rules", "timeouts")`."""
    problem: Problem | SpecWarning
    """What to say of a CRD without it; where that is a warning, the router leaves the field out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredFeature:
    """What not every implementation of the Gateway API does, and a Canary asks for."""

    feature: str
    """Its name, as a GatewayClass lists it."""
    field: str
    value: object
    effect: str
    """What happens without it."""
    refuses: bool
    """Whether a Canary is refused without it, rather than warned."""

    def missing(self, gateway_class: str) -> Problem | SpecWarning:
        """Say that a GatewayClass does not list it."""
        said = f"GatewayClass {gateway_class} does not list {self.feature}: {self.effect}"
        if not self.refuses:
            return SpecWarning(self.field, self.value, said)
        remedy = (
            "remove it, name a Gateway of another class, or annotate the Canary with "
            f"{ASSUME_FEATURES}: {self.feature} if the class has it all the same; {said}"
        )
        return Problem(self.field, self.value, remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """The objects that a router speaks of, for a Canary."""

    own: tuple[ObjectKey, ...] = ()
    """Made by it alone: another's object of such a name is in the way."""
    adopted: tuple[ObjectKey, ...] = ()
    """The user's to have: made where they are missing, and taken over where they are there."""
    edited: tuple[ObjectKey, ...] = ()
    """The user's, written into where they are there, and never made."""
    read: tuple[ObjectKey, ...] = ()
    """Followed, and never written."""

    @property
    def written(self) -> tuple[ObjectKey, ...]:
        """What it writes, in the order in which it does; the last one holds the weights."""
        return (*self.own, *self.adopted, *self.edited)

    @property
    def all(self) -> tuple[ObjectKey, ...]:
        """What it reads, be it that it writes it as well."""
        return (*self.written, *self.read)


class Router(Protocol):
    """Split traffic between a primary and a canary.

    Made with a variant, the part of a provider's name behind the colon: one of `variants`, or
    nothing where the router chooses by itself. One of a third party may leave out what
    `defaults.py` has.
    """

    variants: ClassVar[tuple[str, ...]]
    """The versions of its API, or the ways to route, that a user may insist on."""
    names_mesh: ClassVar[bool]
    """Whether the name of a mesh may follow the variant, as the peer writes it, without effect."""
    by_apex: ClassVar[bool]
    """Whether it routes by the selector of the apex service, which nothing else writes then.

    That service is given back with the other services, not by `restore`.
    """

    @property
    def rules(self) -> "Grammar | None":
        """How rules are written that users keep in routes of the first of its kinds.

        None where tidegate cannot manage them.
        """

    @property
    def name(self) -> str:
        """Its name; those of all where several routers are one."""

    @property
    def names(self) -> tuple[str, ...]:
        """Its name, or that of each where several routers are one."""

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds it needs: RBAC, watches and admission checks follow from them.

        With a variant, their versions are narrowed to it, so that discovery says what is missing.
        """

    @property
    def writes(self) -> tuple[Kind, ...]:
        """Those of its kinds that it writes: the role follows from them."""

    @property
    def reads(self) -> tuple[Kind, ...]:
        """Those of its kinds that it reads and never writes."""

    @property
    def asks(self) -> tuple[Kind, ...]:
        """The kinds, beside its own, of which single objects are read to learn what its API can do."""

    @property
    def host_rights(self) -> tuple[str, ...]:
        """The parts of its first kind that take rights of their own where a Canary names a host.

        Each as resource/part.
        """

    @property
    def needs_status(self) -> bool:
        """Whether it reads the status of its objects, which is not kept otherwise."""

    def abilities(self, canary: Canary) -> Abilities:
        """Tell what it can say for a Canary; its protocol may leave less than there is."""

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Name everything that a Canary asks of this router and that it cannot do."""

    def ignored(self, canary: Canary) -> tuple[SpecWarning, ...]:
        """Name what a Canary asks of this router without effect or harm.

        Whatever decides who reaches the canary is a problem instead.
        """

    def required_fields(self, canary: Canary) -> tuple[RequiredField, ...]:
        """Name the fields of its kinds that not every installed CRD has, and a Canary needs."""

    def required_features(self, canary: Canary) -> tuple[RequiredFeature, ...]:
        """Name what a Canary needs of its Gateways that not every implementation does."""

    def objects(self, canary: Canary) -> Objects:
        """Name the objects that it reads and writes."""

    def render(
        self, canary: Canary, cluster: ClusterState, traffic: Traffic
    ) -> tuple[Render, ...] | Lacking:
        """Give each object as it must be, with what of it is ours; all else is others', and stays.

        The weights come last, so that what they refer to is there before them. Without an object
        of the user that it needs, it gives that one instead.
        """

    def beforehand(self, canary: Canary, cluster: ClusterState) -> tuple[Render, ...]:
        """Give what has proxies learn of the services before a route leads to them.

        It is written with the services, and rendered with the route as well; no request is led by
        it. Nothing where proxies know every service by itself.
        """

    def read(self, canary: Canary, cluster: ClusterState) -> Seen | None:
        """Read what the route does now; None where none exists or it can't be read."""

    def restore(self, canary: Canary, cluster: ClusterState) -> Restoration:
        """Tell how the objects are put back as they were found."""

    def query_routes(self, canary: Canary, cluster: ClusterState) -> tuple[str, str]:
        """Give what `{{ route }}` stands for in queries about the canary, and about the primary."""

    def refusal(self, manifest: Manifest) -> str:
        """Say who rejects an object and why, from its status; empty where its API has no such word.

        What was said of an earlier generation does not count.
        """

    def pending(self, manifest: Manifest) -> bool:
        """Tell whether its status speaks of an earlier generation than it has now.

        False where no controller has spoken, or its API has no such word.
        """


ROUTERS: PluginTable[Router] = PluginTable(
    group="tidegate.routers",
    builtin={
        "alb": "canary.routers.alb:AlbRouter",
        "apisix": "canary.routers.apisix:ApisixRouter",
        "consul": "canary.routers.consul:ConsulRouter",
        "contour": "canary.routers.contour:ContourRouter",
        "emissary": "canary.routers.emissary:EmissaryRouter",
        "gatewayapi": "canary.routers.gatewayapi:GatewayApiRouter",
        "gatewayapi-grpc": "canary.routers.grpcroute:GrpcRouter",
        "gatewayapi-tcp": "canary.routers.streamroutes:TcpRouter",
        "gatewayapi-tls": "canary.routers.streamroutes:TlsRouter",
        "gloo": "canary.routers.gloo:GlooRouter",
        "haproxy": "canary.routers.haproxy:HaproxyRouter",
        "istio": "canary.routers.istio:IstioRouter",
        "knative": "canary.routers.knative:KnativeRouter",
        "kong": "canary.routers.kong:KongRouter",
        "kubernetes": "canary.routers.kubernetes:KubernetesRouter",
        "kuma": "canary.routers.kuma:KumaRouter",
        "linkerd": "canary.routers.smi:SmiRouter",
        "nginx": "canary.routers.nginx:NginxRouter",
        "nginx-f5": "canary.routers.nginx_f5:NginxF5Router",
        "openshift": "canary.routers.openshift:OpenShiftRouter",
        "osm": "canary.routers.smi:SmiRouter",
        "skipper": "canary.routers.skipper:SkipperRouter",
        "smi": "canary.routers.smi:SmiRouter",
        "traefik": "canary.routers.traefik:TraefikRouter",
    },
    defaults="canary.routers.defaults:RouterDefaults",
)


def router_for(provider: str) -> Router:
    """Make the router that a provider's name stands for: `istio`, `smi:v1alpha2`, `nginx+istio`.

    The peer's users also write the mesh, as in `smi:v1alpha2:linkerd`.

    Raises:
        UnknownPlugin: no router has this name or variant; the exception lists the known ones.
    """
    if "+" in provider:
        from canary.routers.several import SeveralRouters

        return SeveralRouters([(each, router_for(each)) for each in provider.split("+")])
    name, colon, rest = provider.partition(":")
    make = ROUTERS.load(name)
    variants: tuple[str, ...] = getattr(make, "variants", ())
    variant, _, mesh = rest.partition(":")
    if (colon and variant not in variants) or (mesh and not getattr(make, "names_mesh", False)):
        known = (name, *(f"{name}:{each}" for each in variants))
        raise UnknownPlugin(ROUTERS.group, provider, known)
    router = make(variant)
    if router.rules is None:
        return router
    from canary.routers.managing import ManagingRouter

    return ManagingRouter(router, router.rules)

"""The Canaries as the shell keeps them: packed at rest, parsed while they are worked on.

A parsed Canary takes ten times the memory of a packed one, and most Canaries rest most of the time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import NamedTuple, Self

from canary.api.canary import USUAL_AUTOSCALER, Canary, CanarySpec
from canary.api.kinds import SERVICE, Kind, Manifest, ObjectKey
from canary.api.meta import GROUP, VERSION
from canary.api.status import CanaryStatus, Names
from canary.core.facts import Command
from canary.core.fleet_report import FleetStanding
from canary.core.grants import Claim
from canary.core.peers import CanaryName, Peer, Progress
from canary.errors import Problem, SpecWarning
from canary.objects.ownership import CanaryOwner
from canary.objects.packing import unpacked
from canary.resources.names import primary_name
from canary.routers import Objects, Router
from canary.scalers import Scaler, installed_scaler
from canary.targets import Target

FINALIZER = f"{GROUP}/finalizer"
"""Holds a deleted Canary until its target has its pods and its traffic back."""


class CanaryKey(NamedTuple):
    """What a Canary is known by."""

    group: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class CanaryObject:
    """A Canary, whatever its spec holds."""

    key: CanaryKey
    uid: str
    created: str
    resource_version: str
    generation: int
    deleting: bool
    finalizers: tuple[str, ...]
    status: CanaryStatus
    problems: tuple[Problem, ...]
    """Why the spec can't be acted on; empty for a sound one."""
    content: bytes
    """The object, packed, shared with what the caches keep."""

    @property
    def stored_status(self) -> object:
        """Decode the status as it is stored, whatever it holds."""
        return unpacked(self.content).get("status")

    @property
    def held(self) -> Names:
        """The names that everything is made under; empty ones before anything is."""
        return self.status.names or Names()

    @cached_property
    def target_kind(self) -> Kind | None:
        """The kind of the target; None where none is known."""
        return None

    @cached_property
    def peer(self) -> Peer:
        """The Canary as others see it; put together once: it is read in every decision."""
        return self._as_peer()

    def _as_peer(self, *, kind: str = "", target: str = "", service: str = "") -> Peer:
        return Peer(
            group=self.key.group,
            namespace=self.key.namespace,
            name=self.key.name,
            created=self.created,
            deleting=self.deleting,
            kind=kind,
            target=target,
            services=self._services(service),
            held=self.held,
            progress=Progress.of(self.status),
        )

    def _services(self, service: str) -> tuple[str, ...]:
        held = {self.held.service} - {"", service}
        return (service, *held, *(each.service for each in self.status.former_names))

    @property
    def claim(self) -> Claim:
        """What it has, or asks for, of the policies that limit how many run at once."""
        return self._claim(None)

    def _claim(self, spec: CanarySpec | None) -> Claim:
        name = CanaryName(self.key.namespace, self.key.name)
        return Claim.of(name, self.uid, self.status, spec)

    @property
    def reference(self) -> Manifest:
        """Refer to the Canary, as events do."""
        return {
            "apiVersion": f"{self.key.group}/{VERSION}",
            "kind": "Canary",
            "namespace": self.key.namespace,
            "name": self.key.name,
            "uid": self.uid,
            "resourceVersion": self.resource_version,
        }


@dataclass(frozen=True, kw_only=True)
class BrokenCanary(CanaryObject):
    """A Canary of which too little can be read to know its target by."""


@dataclass(frozen=True, kw_only=True)
class CanaryRecord(CanaryObject):
    """A Canary that can be read, parsed; its spec may have problems all the same."""

    labels: Mapping[str, str]
    """Of its metadata, which may change without its spec."""
    commands: tuple[Command, ...]
    accepted_risks: frozenset[str]
    """The risks that a person accepts, as kind/name."""
    canary: Canary
    router: Router | None
    """None where none of that name is installed."""
    workload: Target | None
    """How workloads of the target's kind are read and rendered; None where no kind is known."""
    scaler: Scaler | None
    """The same for the autoscaler; None where the spec names none, or none that is known."""
    provider: str
    """The name of the router, be it the controller's default."""
    references: tuple[str, ...] = ()
    """The user's objects that an earlier spec named, each as field/name; none for the newest one."""
    warnings: tuple[SpecWarning, ...] = ()
    """What of the spec that is acted on is accepted but ignored or changed."""
    unguided: bool = False
    """Whether `canary` is what could be read of an unsound spec, and no sound one is known."""

    @cached_property
    def objects(self) -> Objects:
        """What its router speaks of; nothing where it has none."""
        return self.router.objects(self.canary) if self.router else Objects()

    @cached_property
    def by_subsets(self) -> bool:
        """Whether its sides have no services, as the router tells them apart by the pods' labels."""
        return self.router is not None and self.router.abilities(self.canary).by_subsets

    @property
    def owner(self) -> CanaryOwner:
        """The Canary as objects name it whose owner it is."""
        return CanaryOwner(self.key.group, self.key.name, self.uid)

    @property
    def target(self) -> str:
        """The name of the target."""
        return self.canary.spec.target_ref.name

    @cached_property
    def target_kind(self) -> Kind | None:
        """The kind of the target; None where none is known."""
        return self.workload.kind if self.workload else None

    @cached_property
    def sides(self) -> tuple[ObjectKey, ...]:
        """The target and what is made beside it; none where the target's kind is not known.

        That is the primary, or the canary of a target that is kept.
        """
        kind, namespace, spec = self.target_kind, self.key.namespace, self.canary.spec
        made = spec.canary_name if self.keeps else spec.primary_name
        names = (self.target, made) if kind else ()
        return tuple(ObjectKey(kind=kind, namespace=namespace, name=each) for each in names if kind)

    @cached_property
    def baseline_places(self) -> tuple[ObjectKey, ...]:
        """The baseline and its service, where there may be one."""
        spec, kind = self.canary.spec, self.target_kind
        known = spec.analysis.has_baseline or self.status.baseline_since is not None
        if kind is None or self.workload is None or not (self.workload.baselines and known):
            return ()
        names = ((kind, spec.baseline_name), (SERVICE, spec.baseline_service_name))
        namespace = self.key.namespace
        return tuple(ObjectKey(kind=of, namespace=namespace, name=name) for of, name in names)

    @cached_property
    def keeps(self) -> bool:
        """Whether the target's own pods are the primary, and the canary is beside it."""
        return self.workload is not None and self.workload.keeps

    @property
    def service(self) -> str:
        """The name of the apex service."""
        return self.canary.spec.service_name

    @cached_property
    def peer(self) -> Peer:
        """The Canary as others see it, with what it releases."""
        spec, here = self.canary.spec, self.key.namespace
        peer = self._as_peer(kind=spec.target_ref.kind, target=self.target, service=self.service)
        others = tuple(CanaryName(each.namespace or here, each.name) for each in spec.depends_on)
        everywhere = self.router.abilities(self.canary).everywhere if self.router else ()
        group = spec.group.name if spec.group else ""
        return replace(peer, depends_on=others, member_of=group, everywhere=everywhere)

    @property
    def claim(self) -> Claim:
        """What it has, or asks for, of the policies that limit how many run at once."""
        return self._claim(None if self.problems else self.canary.spec)

    @property
    def services(self) -> tuple[str, ...]:
        """The names of the apex services: of the spec, the one held, and former ones with a rest."""
        return self._services(self.service)

    @property
    def autoscalers(self) -> tuple[ObjectKey, ...]:
        """The target's autoscaler and the primary's copy of it; none where the spec names none."""
        reference = self.canary.spec.autoscaler_ref
        if reference is None or self.scaler is None:
            return ()
        return _autoscalers(self.scaler, self.key.namespace, reference.name)

    @property
    def copied_scaler(self) -> Scaler | None:
        """The scaler of the autoscaler that the status remembers; None where there is none."""
        kind, _, _ = self._copied
        return installed_scaler(kind) if self.status.autoscaler else None

    @property
    def copied_autoscalers(self) -> tuple[ObjectKey, ...]:
        """The autoscaler that the status remembers, and the primary's copy of it."""
        scaler, (_, _, name) = self.copied_scaler, self._copied
        return _autoscalers(scaler, self.key.namespace, name) if scaler else ()

    @property
    def _copied(self) -> tuple[str, str, str]:
        kind, slash, name = self.status.autoscaler.rpartition("/")
        return kind or USUAL_AUTOSCALER, slash, name

    def with_names_of(self, other: Self) -> Self:
        """Copy with the names that another reading of this Canary goes by, and why it does."""
        return replace(
            self,
            canary=other.canary,
            router=other.router,
            workload=other.workload,
            scaler=other.scaler,
            provider=other.provider,
            problems=other.problems,
        )


AnyCanary = CanaryRecord | BrokenCanary


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCanary:
    """A Canary as the caches keep it: packed, with what others ask of it."""

    key: CanaryKey
    uid: str
    peer: Peer
    target_kind: Kind | None
    claim: Claim | None
    """What it has, or asks for, of the policies that limit how many run at once; None at rest."""
    labels: Mapping[str, str]
    """Those of its metadata by which policies bind it; none at rest."""
    standing: FleetStanding | None = None
    """What is reported of it to a FleetPlan; None where it names none."""
    taken: bool = True
    """Whether this controller acts on it: another one may, by its labels."""
    content: bytes
    """The object, packed, without what is the API server's own bookkeeping."""

    @property
    def held_service(self) -> tuple[str, ...]:
        """The service that everything of it is made under, as the caches index it."""
        return tuple(filter(None, (self.peer.held.service,)))


@cache
def canary_kind(group: str) -> Kind:
    """Give the kind of the Canaries of an API group."""
    return Kind(group=group, versions=(VERSION,), kind="Canary", plural="canaries")


def _autoscalers(scaler: Scaler, namespace: str, name: str) -> tuple[ObjectKey, ...]:
    names = (name, primary_name(name))
    return tuple(ObjectKey(kind=scaler.kind, namespace=namespace, name=each) for each in names)

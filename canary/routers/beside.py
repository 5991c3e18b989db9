"""Routers whose routes are objects of their own, each beside one of the user's of the same kind.

The user's objects lead to the apex service and are read; those beside them are made from them.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.core.traffic import Seen, Traffic, together
from canary.objects.places import Path
from canary.objects.render import Lacking, Render, Restoration
from canary.routers import ClusterState, Objects
from canary.routers.defaults import RouterDefaults
from canary.routers.objects import render_object, restore_objects


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What an object says that stands beside one of the user's."""

    spec: Manifest
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Those by which requests are routed."""


class BesideRouter(RouterDefaults, ABC):
    """A router that makes an object from the user's and reads it back; the rest is here."""

    kind: ClassVar[Kind]

    def __init__(self, _variant: str = "") -> None:
        """Make the router."""

    @abstractmethod
    def pairs(self, canary: Canary) -> Iterable[tuple[str, str]]:
        """Name the user's objects, each with the one beside it."""

    @abstractmethod
    def owns(self, cluster: ClusterState) -> tuple[Path, ...]:
        """Name the places of an object beside the user's that are tidegate's."""

    @abstractmethod
    def beside(
        self, canary: Canary, cluster: ClusterState, users: ObjectKey, traffic: Traffic
    ) -> Beside | Lacking:
        """Say what stands beside one of the user's objects, or what is missing of that one."""

    @abstractmethod
    def seen(self, canary: Canary, cluster: ClusterState, found: Manifest) -> Seen | None:
        """Read what an object beside the user's does, whatever it holds; None where it is not one."""

    @abstractmethod
    def is_ours(self, canary: Canary, spec: Manifest) -> bool:
        """Tell whether a spec is one that was written for a Canary."""

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The one kind."""
        return (self.kind,)

    def objects(self, canary: Canary) -> Objects:
        """Name the objects beside the user's, and the user's."""
        pairs = tuple(self.pairs(canary))
        own, read = (
            tuple(
                ObjectKey(kind=self.kind, namespace=canary.metadata.namespace, name=pair[side])
                for pair in pairs
            )
            for side in (1, 0)
        )
        return Objects(own=own, read=read)

    def render(
        self, canary: Canary, cluster: ClusterState, traffic: Traffic
    ) -> tuple[Render, ...] | Lacking:
        """Give the object beside each of the user's."""
        objects, renders = self.objects(canary), []
        for ours, users in zip(objects.own, objects.read, strict=True):
            made = self.beside(canary, cluster, users, traffic)
            if isinstance(made, Lacking):
                return made
            rendered = render_object(
                canary,
                cluster,
                (ours, self.owns(cluster)),
                made.spec,
                metadata=canary.spec.service.apex,
                annotations=made.annotations,
                ours=partial(self.is_ours, canary),
            )
            renders.append(rendered)
        return tuple(renders)

    def read(self, canary: Canary, cluster: ClusterState) -> Seen | None:
        """Read what all of them do together."""
        found = map(cluster.existing.get, self.objects(canary).own)
        return together(
            None if each is None else self.seen(canary, cluster, each) for each in found
        )

    def restore(self, canary: Canary, cluster: ClusterState) -> Restoration:
        """Remove the objects beside the user's, or give them back where they were there before."""
        owned = ((key, self.owns(cluster)) for key in self.objects(canary).own)
        return restore_objects(canary, cluster, owned, ours=partial(self.is_ours, canary))

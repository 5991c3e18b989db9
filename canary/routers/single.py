"""Routers whose route is one object of their own, with the apex service's name."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import partial
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.api.service import ServiceMetadata
from canary.core.traffic import Seen, Traffic
from canary.objects.ownership import owned
from canary.objects.places import Path
from canary.objects.render import Render, Restoration
from canary.routers import ClusterState, Objects
from canary.routers.defaults import RouterDefaults
from canary.routers.objects import render_object, restore_objects
from canary.routers.shares import part


class SingleObjectRouter(RouterDefaults, ABC):
    """A router that writes a spec and reads it back; what else is done with its object is here."""

    owns: ClassVar[tuple[Path, ...]]
    """The places of the object that are tidegate's; others keep what they have written."""
    owns_of_own: ClassVar[tuple[Path, ...]] = ()
    """More places, of an object that tidegate has made itself."""

    def __init__(self, kind: Kind) -> None:
        """Make the router for a kind, in the versions that it may be written in."""
        self.kind = kind

    @abstractmethod
    def spec(self, canary: Canary, cluster: ClusterState, traffic: Traffic) -> Manifest:
        """Give the fields of the spec that are tidegate's."""

    @abstractmethod
    def seen(self, canary: Canary, spec: object) -> Seen | None:
        """Read what a spec does, whatever it holds; None where it leads to neither side."""

    def metadata(self, canary: Canary) -> ServiceMetadata:
        """Give the labels and annotations of an object that tidegate makes."""
        return canary.spec.service.apex or ServiceMetadata()

    def annotations(self, _canary: Canary) -> Mapping[str, str]:
        """Give the annotations by which requests are routed, of any object."""
        return {}

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The one kind."""
        return (self.kind,)

    def objects(self, canary: Canary) -> Objects:
        """Name the object."""
        namespace, name = canary.metadata.namespace, canary.spec.service_name
        return Objects(adopted=(ObjectKey(kind=self.kind, namespace=namespace, name=name),))

    def render(self, canary: Canary, cluster: ClusterState, traffic: Traffic) -> tuple[Render, ...]:
        """Give the object."""
        return (self.rendered(canary, cluster, self.spec(canary, cluster, traffic)),)

    def rendered(self, canary: Canary, cluster: ClusterState, spec: Manifest) -> Render:
        """Give the object with a spec."""
        (key,) = self.objects(canary).adopted
        found = cluster.existing.get(key)
        own = found is None or owned(canary, found)
        return render_object(
            canary,
            cluster,
            (key, (*self.owns, *(self.owns_of_own if own else ()))),
            spec,
            metadata=self.metadata(canary),
            annotations=self.annotations(canary),
            ours=partial(self._is_ours, canary),
        )

    def read(self, canary: Canary, cluster: ClusterState) -> Seen | None:
        """Read what the object's spec does."""
        (key,) = self.objects(canary).adopted
        return self.seen(canary, part(cluster.existing.get(key), "spec"))

    def restore(self, canary: Canary, cluster: ClusterState) -> Restoration:
        """Give an adopted object its spec back, or remove the one that was created."""
        places = ((key, self.owns) for key in self.objects(canary).adopted)
        return restore_objects(canary, cluster, places, ours=partial(self._is_ours, canary))

    def _is_ours(self, canary: Canary, spec: Manifest) -> bool:
        """Tell whether a spec is one that was written for a Canary."""
        return self.seen(canary, spec) is not None

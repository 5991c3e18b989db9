"""What is kept of a Canary: packed, beside what the fleet is searched and ordered by."""

import sys
import zlib
from dataclasses import dataclass
from typing import Self

import orjson

from canary.api.kinds import Manifest
from canary.controller.canaries import CanaryKey
from canary.views.canary import CanaryView, canary_view
from canary.views.fleet import by_attention
from canary.views.standing import CanaryStanding, standing

_FASTEST = 1
_NEVER = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCanary:
    """A Canary as the dashboard keeps it."""

    key: CanaryKey
    standing: CanaryStanding
    phase: str
    order: tuple[int, bool, str, str]
    """Those first that need a person."""
    deadline: float
    """When its wait ends by itself, in seconds since 1970; infinite where it does not."""
    labels: frozenset[str]
    """Its labels, as `name=value`."""
    packed: bytes
    """The object as compressed JSON, without the API server's own bookkeeping."""

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """Keep an object, whatever it holds."""
        view = canary_view(manifest)
        metadata = manifest["metadata"]
        labels = metadata.get("labels")
        ends = view.waiting.deadline if view.waiting else None
        kept = metadata | {"managedFields": None}
        return cls(
            key=CanaryKey(view.group, sys.intern(view.namespace), view.name),
            standing=standing(view),
            phase=sys.intern(view.phase),
            order=by_attention(view),
            deadline=ends.timestamp() if ends else _NEVER,
            labels=frozenset(
                sys.intern(f"{name}={value}")
                for name, value in (labels if isinstance(labels, dict) else {}).items()
            ),
            packed=zlib.compress(orjson.dumps(manifest | {"metadata": kept}), _FASTEST),
        )

    @property
    def manifest(self) -> Manifest:
        """The object."""
        manifest: Manifest = orjson.loads(zlib.decompress(self.packed))
        return manifest

    @property
    def view(self) -> CanaryView:
        """The object as people see it."""
        return canary_view(self.manifest)

"""What is kept of a Canary: packed, beside what the fleet is searched and ordered by."""

import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import orjson

from canary.api.annotations import PREFIX, VERBS
from canary.api.kinds import Manifest
from canary.api.meta import PEER_GROUP
from canary.api.peer import read_peer_status
from canary.api.status import CanaryStatus, read_status
from canary.controller.canaries import CanaryKey
from canary.core.gates import held_gates
from canary.views.activity import RunEnd, run_ends
from canary.views.canary import CanaryView, canary_view
from canary.views.fleet import by_attention
from canary.views.foreseen import foreseen_view
from canary.views.standing import CanaryStanding, standing

_FASTEST = 1
_NEVER = float("inf")
_MOST_OPENED = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedCanary:
    """What a Canary says of itself, read from what is kept."""

    status: CanaryStatus
    view: CanaryView
    gates: Mapping[str, str]
    """The gates that hold the run: the name of each, and its type."""
    asked: tuple[tuple[str, str], ...]
    """The commands that the controller has not taken yet: verb and value."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeptCanary:
    """A Canary as the dashboard keeps it. Each change makes another one: no two are equal."""

    key: CanaryKey
    standing: CanaryStanding
    phase: str
    order: tuple[int, bool, str, str]
    """Those first that need a person."""
    deadline: float
    """When its wait ends by itself, in seconds since 1970; infinite where it does not."""
    labels: frozenset[str]
    """Its labels, as `name=value`."""
    ends: tuple[RunEnd, ...]
    """How its past runs ended, the newest first."""
    given_at: tuple[float, ...]
    """When its last commands were obeyed or refused, in seconds since 1970."""
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
            ends=tuple(each._replace(outcome=sys.intern(each.outcome)) for each in run_ends(view)),
            given_at=tuple(each.at.timestamp() for each in view.commands),
            packed=zlib.compress(orjson.dumps(manifest | {"metadata": kept}), _FASTEST),
        )

    @property
    def manifest(self) -> Manifest:
        """The object."""
        manifest: Manifest = orjson.loads(zlib.decompress(self.packed))
        return manifest

    @property
    def opened(self) -> OpenedCanary:
        """What the object says, which is read once while many look at it."""
        return _open(self)

    @property
    def view(self) -> CanaryView:
        """The object as people see it."""
        return self.opened.view

    @property
    def foreseen(self) -> CanaryView:
        """The object as people see it, with what its metrics can see."""
        return _foresee(self)


@lru_cache(maxsize=_MOST_OPENED)
def _foresee(kept: KeptCanary) -> CanaryView:
    return foreseen_view(kept.manifest)


@lru_cache(maxsize=_MOST_OPENED)
def _open(kept: KeptCanary) -> OpenedCanary:
    manifest = kept.manifest
    read = read_peer_status if kept.key.group == PEER_GROUP else read_status
    status = read(manifest.get("status"))
    annotations = manifest["metadata"].get("annotations")
    values = annotations if isinstance(annotations, dict) else {}
    return OpenedCanary(
        status=status,
        view=canary_view(manifest),
        gates=held_gates(status),
        asked=tuple(
            (verb, str(values[f"{PREFIX}{verb}"])) for verb in VERBS if f"{PREFIX}{verb}" in values
        ),
    )

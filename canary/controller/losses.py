"""What the API server has left out of objects that were written: their CRDs do not have it.

A field that a CRD does not have is pruned without a word. What a write gives back is compared with
what was sent, so that this costs no request.
"""

from collections.abc import Callable, Iterable

from canary.api.kinds import Manifest, ObjectKey
from canary.api.shown import path
from canary.cluster.schemas import CHECKED_AGAIN
from canary.controller.memo import Memo
from canary.objects.render import Render

NAMED = 3
"""So many fields of an object are named."""


class Losses:
    """Remembers what was left out, until a write comes back whole."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives seconds that only ever grow."""
        self._clock = clock
        self._lost: Memo[tuple[str, float]] = Memo()
        """What is said of it, and when it is tried again."""

    def note(self, render: Render, came_back: Manifest) -> None:
        """Compare what came back from a write with what was sent."""
        places = render.dropped(render.manifest, came_back)
        if not places:
            self.forget(render.key)
            return
        named = ", ".join(map(path, places[:NAMED]))
        more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
        key = render.key
        said = (
            f"{key.kind.kind} {key.namespace}/{key.name}: the API server has dropped {named}{more}, "
            f"which the installed CRD {key.kind.resource} does not have: install the CRD of a newer "
            "release, or remove from the Canary what asks for it"
        )
        self._lost.keep(key, (), (said, self._clock() + CHECKED_AGAIN.total_seconds()))

    def forget(self, key: ObjectKey) -> None:
        """Take in that an object is as wanted, or gone."""
        self._lost.forget(key)

    def said(self, keys: Iterable[ObjectKey]) -> tuple[str, ...]:
        """Say what objects have lost."""
        found = (self._lost.recall(key, ()) for key in keys)
        return tuple(each[0] for each in found if each is not None)

    def due(self, key: ObjectKey) -> bool:
        """Tell whether an object that has lost something is written again: its CRD may be newer."""
        found = self._lost.recall(key, ())
        return found is not None and self._clock() >= found[1]

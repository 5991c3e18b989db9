"""What a scaler need not say: what follows from the rest of it."""

from typing import ClassVar, Protocol

from canary.api.kinds import Kind, Manifest


class _Known(Protocol):
    kind: ClassVar[Kind]

    def minimum(self, manifest: Manifest) -> int: ...


class ScalerDefaults:
    """Writes its own kind and reads no other."""

    @property
    def writes(self: _Known) -> tuple[Kind, ...]:
        """The autoscaler's kind."""
        return (self.kind,)

    @property
    def reads(self) -> tuple[Kind, ...]:
        """None."""
        return ()

    def rests(self: _Known, manifest: Manifest) -> bool:
        """Say so where its fewest replicas are none."""
        return self.minimum(manifest) == 0

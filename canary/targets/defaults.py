"""What a target need not say: what follows from the rest of it."""

from typing import ClassVar, Protocol

from canary.api.kinds import Kind


class _Known(Protocol):
    kind: ClassVar[Kind]
    history: ClassVar[Kind]
    beside: ClassVar[tuple[Kind, ...]]


class TargetDefaults:
    """Writes its own kind, and reads what tells templates and pods apart."""

    @property
    def writes(self: _Known) -> tuple[Kind, ...]:
        """The workload's kind."""
        return (self.kind,)

    @property
    def reads(self: _Known) -> tuple[Kind, ...]:
        """The kinds beside the workload, and its history."""
        return tuple(dict.fromkeys((*self.beside, self.history)))

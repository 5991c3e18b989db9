"""What a target need not say: what follows from the rest of it."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest
from canary.core.ordinals import Divided
from canary.errors import Problem
from canary.objects.render import Render

if TYPE_CHECKING:
    from canary.targets import Promotion


class _Known(Protocol):
    kind: ClassVar[Kind]
    history: ClassVar[Kind | None]
    beside: ClassVar[tuple[Kind, ...]]


class TargetDefaults:
    """Has pods, writes its own kind, and reads what tells templates and pods apart."""

    serves: ClassVar[bool] = False
    divides: ClassVar[bool] = False
    holds_primary: ClassVar[bool] = False
    keeps: ClassVar[bool] = False
    baselines: ClassVar[bool] = False

    @property
    def writes(self: _Known) -> tuple[Kind, ...]:
        """The workload's kind."""
        return (self.kind,)

    @property
    def reads(self: _Known) -> tuple[Kind, ...]:
        """The kinds beside the workload, and its history."""
        history = () if self.history is None else (self.history,)
        return tuple(dict.fromkeys((*self.beside, *history)))

    def divided(self, manifest: Manifest) -> Divided | None:  # noqa: ARG002 - of the protocol
        """Nothing: its primary is a workload of its own."""
        return None

    def strays(
        self,
        manifest: Manifest,  # noqa: ARG002 - of the protocol
        pods: Iterable[Manifest],  # noqa: ARG002 - of the protocol
    ) -> tuple[str, ...]:
        """None: its controller replaces them."""
        return ()

    def keeping(self) -> Self | None:
        """None: its primary is an object of its own, or its pods are divided."""
        return None

    def canary(
        self,
        canary: Canary,  # noqa: ARG002 - of the protocol
        source: Manifest,  # noqa: ARG002 - of the protocol
        promotion: "Promotion",  # noqa: ARG002 - of the protocol
    ) -> Render | None:
        """None: the target is the canary."""
        return None

    def baseline(
        self,
        canary: Canary,  # noqa: ARG002 - of the protocol
        primary: Manifest,  # noqa: ARG002 - of the protocol
        promotion: "Promotion",  # noqa: ARG002 - of the protocol
        service: Manifest,  # noqa: ARG002 - of the protocol
    ) -> Render | None:
        """None: its primary stands alone."""
        return None

    def held(self, *, now: bool, wanted: bool) -> Manifest | None:  # noqa: ARG002 - of the protocol
        """None: it is never held."""
        return None

    def problems(self, canary: Canary) -> tuple[Problem, ...]:  # noqa: ARG002 - of the protocol
        """None."""
        return ()

    def services(
        self,
        canary: Canary,  # noqa: ARG002 - of the protocol
        existing: Mapping[str, Manifest],  # noqa: ARG002 - of the protocol
    ) -> tuple[Render, ...]:
        """None: its services lead to its pods."""
        return ()

    def primary(self, canary: Canary, target: Manifest) -> Manifest | None:  # noqa: ARG002 - of the protocol
        """None: its primary is an object of its own."""
        return None

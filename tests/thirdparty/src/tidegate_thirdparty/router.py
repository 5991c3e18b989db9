"""Router `borrowed`: routes by Istio's API; what a router may leave out it leaves out."""

from canary.api.canary import Canary
from canary.api.kinds import Kind
from canary.core.traffic import Seen, Traffic
from canary.objects.render import Lacking, Render, Restoration
from canary.routers import ClusterState, Objects, router_for
from canary.routers.abilities import Abilities


class BorrowedRouter:
    """Does what Istio's router does with weights."""

    name = "borrowed"

    def __init__(self, variant: str = "") -> None:
        self._istio = router_for("istio")
        assert not variant

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Give Istio's kinds."""
        return self._istio.kinds

    def abilities(self, canary: Canary) -> Abilities:
        """Give those of Istio's router."""
        return self._istio.abilities(canary)

    def objects(self, canary: Canary) -> Objects:
        """Name Istio's objects."""
        return self._istio.objects(canary)

    def render(
        self, canary: Canary, cluster: ClusterState, traffic: Traffic
    ) -> tuple[Render, ...] | Lacking:
        """Give Istio's objects."""
        return self._istio.render(canary, cluster, traffic)

    def read(self, canary: Canary, cluster: ClusterState) -> Seen | None:
        """Read Istio's objects."""
        return self._istio.read(canary, cluster)

    def restore(self, canary: Canary, cluster: ClusterState) -> Restoration:
        """Put Istio's objects back."""
        return self._istio.restore(canary, cluster)

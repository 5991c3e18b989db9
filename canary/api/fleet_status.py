"""The status of a FleetPlan: where each Canary's release stands, which clusters may begin, and why not."""

from pydantic import Field

from canary.api.status import Condition, Moment, Sentence, StatusModel, Word, read_leniently

MOST_SEEN_THROUGH = 10
MOST_FORMER = 20


class FleetGrant(StatusModel):
    """Leave to start one run of a Canary in one cluster."""

    cluster: Word = Field(description="The cluster.")
    uid: Word = Field(description="UID of the Canary there.")
    run: int = Field(ge=0, description="The number of the run.")
    release: Word = Field(description="The release.")
    wave: Word = Field(description="The wave by which it was given.")
    at: Moment = Field(description="When it was given.")
    begun: bool = Field(
        default=False, description="Whether the run was reported to be under way: it is kept then."
    )

    def is_of(self, cluster: str, uid: str, run: int) -> bool:
        """Tell whether it is that of a run."""
        return (self.cluster, self.uid, self.run) == (cluster, uid, run)


class FleetFailure(StatusModel):
    """A cluster that has rolled the release back."""

    cluster: Word = Field(description="The cluster.")
    run: int = Field(ge=0, description="The number of the run.")
    at: Moment = Field(description="When it was first seen.")
    forgiven: Word = Field(
        default="", description="Who goes on in spite of it, and why; empty where it counts."
    )

    @property
    def name(self) -> str:
        """What an approval names it by."""
        return f"{self.cluster}/{self.run}"


class FleetExcuse(StatusModel):
    """A cluster that is not waited for, though it has not promoted the release."""

    cluster: Word = Field(description="The cluster.")
    reason: Sentence = Field(description="Why it is not waited for.")


class FleetApproval(StatusModel):
    """A wave that a person has opened."""

    wave: Word = Field(description="The wave.")
    by: Sentence = Field(description="Who has opened it, and why.")
    at: Moment = Field(description="When it was recorded.")


class WavePassed(StatusModel):
    """A wave whose clusters have all promoted, or are excused."""

    wave: Word = Field(description="The wave.")
    at: Moment = Field(description="When that was first seen.")


class FleetCanary(StatusModel):
    """Where the release of one Canary stands."""

    canary: Sentence = Field(description="The Canary, as namespace/name.")
    release: Word = Field(
        default="", description="The newest release; empty before one was reported."
    )
    since: Moment | None = Field(default=None, description="Since when that is the newest one.")
    way_back: bool = Field(
        default=False,
        description="Whether the plan has seen this release through before, and begins it "
        "everywhere at once.",
    )
    complete: bool = Field(
        default=False, description="Whether all clusters have promoted it, or are excused."
    )
    halted: bool = Field(
        default=False, description="Whether too many clusters have rolled it back."
    )
    wave: Word = Field(default="", description="The last wave that is open, or else the first.")
    message: Sentence = Field(default="", description="What it waits for, in a sentence.")
    grants: tuple[FleetGrant, ...] = Field(
        default=(), description="The runs that may start or are under way, until they end."
    )
    failures: tuple[FleetFailure, ...] = Field(
        default=(), description="The clusters that have rolled this release back."
    )
    excuses: tuple[FleetExcuse, ...] = Field(
        default=(), description="The clusters that are not waited for."
    )
    approvals: tuple[FleetApproval, ...] = Field(
        default=(), description="The waves that people have opened for this release."
    )
    passed: tuple[WavePassed, ...] = Field(
        default=(), description="The waves that are over, from which the next one's bake counts."
    )
    arrived: tuple[Word, ...] = Field(
        default=(),
        description="The clusters that have reported this release: another one there is newer.",
    )
    former: tuple[Word, ...] = Field(
        default=(),
        description="The releases that were overtaken, the newest first, at most 20.",
    )
    seen_through: tuple[Word, ...] = Field(
        default=(),
        description="The releases that were promoted everywhere, the newest first, at most 10.",
    )

    def grant(self, cluster: str, uid: str, run: int) -> FleetGrant | None:
        """Find the grant of a run."""
        return next((each for each in self.grants if each.is_of(cluster, uid, run)), None)

    @property
    def began(self) -> str:
        """When the release became the newest one, as text; empty where there is none."""
        return self.since.isoformat() if self.since is not None else ""

    def approved(self, wave: str) -> bool:
        """Tell whether a person has opened a wave."""
        return any(each.wave == wave for each in self.approvals)


class FleetPlanStatus(StatusModel):
    """What the coordinator says of a plan, and has granted by it."""

    observed_generation: int = Field(
        default=0, ge=0, description="The generation of the spec that was last decided on."
    )
    canaries: tuple[FleetCanary, ...] = Field(
        default=(), description="Each Canary that a cluster has reported, by name."
    )
    silent: tuple[Word, ...] = Field(
        default=(), description="The clusters that show no sign of life."
    )
    conditions: tuple[Condition, ...] = Field(
        default=(), description="Initialized, Progressing and Halted."
    )

    def find(self, canary: str) -> FleetCanary | None:
        """Find a Canary, written as namespace/name."""
        return next((each for each in self.canaries if each.canary == canary), None)


def read_plan_status(raw: object) -> FleetPlanStatus:
    """Read the status of a plan, giving every part that does not decode its default."""
    return read_leniently(FleetPlanStatus, raw)

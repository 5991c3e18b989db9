"""What the demonstration shows of a Canary at one moment, as one frozen value. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self

from pydantic import ValidationError

from canary.api.analysis_spec import Analysis
from canary.api.kinds import Manifest
from canary.api.status import CanaryStatus, read_status
from canary.core.plan import plan
from tidegate_embedded.outcomes import LoadStats

_KEPT_EVENTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """An event of the Canary, as Kubernetes keeps it."""

    id: str
    at: datetime
    reason: str
    message: str
    warning: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSnapshot:
    """A Canary, what its load sees, and the last events."""

    now: datetime
    namespace: str
    name: str
    status: CanaryStatus = field(default_factory=CanaryStatus)
    plan: tuple[int, ...] = ()
    threshold: int = 0
    load: LoadStats | None = None
    events: tuple[Happening, ...] = ()

    @classmethod
    def of(
        cls,
        canary: Manifest,
        *,
        now: datetime,
        load: LoadStats | None = None,
        events: Iterable[Manifest] = (),
    ) -> Self:
        """Put a snapshot together; `events` are those of the Canary's namespace, in any order."""
        metadata, spec = canary["metadata"], canary.get("spec") or {}
        analysis = _analysis(spec)
        return cls(
            now=now,
            namespace=metadata["namespace"],
            name=metadata["name"],
            status=read_status(canary.get("status")),
            plan=plan(analysis).weights if analysis else (),
            threshold=analysis.threshold if analysis else 0,
            load=load,
            events=_happenings(events, metadata),
        )


def _analysis(spec: Manifest) -> Analysis | None:
    """Read the analysis; one that does not decode is the controller's to complain about."""
    try:
        return Analysis.model_validate(spec.get("analysis") or {})
    except ValidationError:
        return None


def _happenings(events: Iterable[Manifest], metadata: Manifest) -> tuple[Happening, ...]:
    ours = [event for event in events if _about(event, metadata)]
    return tuple(
        Happening(
            id=event["metadata"].get("uid") or event["metadata"]["name"],
            at=_moment(event),
            reason=event.get("reason") or "",
            message=event.get("message") or event.get("note") or "",
            warning=event.get("type") == "Warning",
        )
        for event in sorted(ours, key=_order)[-_KEPT_EVENTS:]
    )


def _about(event: Manifest, metadata: Manifest) -> bool:
    thing = event.get("involvedObject") or event.get("regarding") or {}
    return (
        thing.get("kind") == "Canary"
        and thing.get("name") == metadata["name"]
        and (thing.get("namespace") or metadata["namespace"]) == metadata["namespace"]
    )


def _order(event: Manifest) -> tuple[datetime, int]:
    """Put events in order: their times have no more than seconds, so that many are equal."""
    return _moment(event), int(event["metadata"].get("resourceVersion") or 0)


def _moment(event: Manifest) -> datetime:
    fields = ("eventTime", "lastTimestamp", "deprecatedLastTimestamp", "firstTimestamp")
    text = next((event[field] for field in fields if event.get(field)), None)
    text = text or event["metadata"].get("creationTimestamp")
    return datetime.fromisoformat(text) if text else datetime.min.replace(tzinfo=UTC)

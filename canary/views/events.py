"""The events of a Canary as people and programs read them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import Field, TypeAdapter, ValidationError

from canary.api.annotations import IMAGES, REVISION, STEP, WEIGHT
from canary.api.kinds import Manifest
from canary.api.status import Moment
from canary.views.blocks import Line, Styled
from canary.views.canary import ViewModel
from canary.views.moments import moment

_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


class EventView(ViewModel):
    """What has happened to a Canary."""

    at: Moment | None = Field(description="When it happened last.")
    type: str = Field(description="Normal or Warning.")
    reason: str = Field(description="What happened, in one CamelCase word.")
    message: str = Field(description="What happened, in a sentence.")
    revision: str = Field(description="The revision that it speaks of.")
    images: str = Field(description="The images of that revision, for people.")
    weight: int = Field(description="Percent of traffic that the canary had.")
    step: int = Field(description="The step at that moment.")

    def document(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return self.model_dump(mode="json", by_alias=True)


def event_view(manifest: Manifest) -> EventView:
    """See an event; a field that cannot be read is as if it were absent."""
    metadata = manifest.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    noted = annotations if isinstance(annotations, Mapping) else {}
    return EventView(
        at=_moment(manifest),
        type=str(manifest.get("type") or "Normal"),
        reason=str(manifest.get("reason") or ""),
        message=str(manifest.get("message") or ""),
        revision=str(noted.get(REVISION) or ""),
        images=str(noted.get(IMAGES) or ""),
        weight=_number(noted.get(WEIGHT)),
        step=_number(noted.get(STEP)),
    )


def event_line(event: EventView, now: datetime) -> Line:
    """Say on a line when something happened, what, and more of it."""
    at = moment(event.at, now) if event.at else "–"
    colour = "yellow" if event.type == "Warning" else "green"
    return (f"{at}  ", Styled(event.reason, colour), f"  {event.message}")


def since(events: Iterable[EventView], begin: datetime | None) -> list[EventView]:
    """Keep the events that are no older than a moment, the oldest first."""
    kept = (each for each in events if begin is None or (each.at is not None and each.at >= begin))
    return sorted(kept, key=lambda each: (each.at is not None, each.at))


def of_canary(manifest: Manifest, group: str, name: str) -> bool:
    """Tell whether an event is of a Canary of this group and name."""
    about = manifest.get("involvedObject")
    if not isinstance(about, Mapping):
        return False
    of_group = str(about.get("apiVersion", "")).partition("/")[0] == group
    return of_group and about.get("kind") == "Canary" and about.get("name") == name


def _moment(manifest: Manifest) -> datetime | None:
    for key in ("lastTimestamp", "eventTime", "firstTimestamp"):
        written = manifest.get(key)
        if isinstance(written, str):
            try:
                return _MOMENT.validate_python(written)
            except ValidationError:
                continue
    return None


def _number(text: object) -> int:
    return int(text) if isinstance(text, str) and text.isdecimal() else 0

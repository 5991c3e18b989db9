"""What a hook is sent, and what it answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypedDict

import orjson


class EventMetadata(TypedDict):
    """What `metadata` has besides in a call that tells what has happened."""

    eventMessage: str
    """What has happened, in a sentence."""
    eventType: str
    """`Normal`, or `Warning` where the severity is `warn` or `error`."""
    timestamp: str
    """When it happened: milliseconds since 1970, as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookPayload:
    """The body of a call: which revision it is about, and where its run is."""

    name: str
    """The Canary's name."""
    namespace: str
    """Its namespace."""
    phase: str
    """Its phase, such as `Progressing`, when it was asked or when it happened."""
    checksum: str
    """Identifies a revision with its configs."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """The hook's own `metadata`."""
    weight: int
    """Percent of traffic to the canary."""
    step: int
    """The step of the run, counted from 1; 0 before the first."""
    revision: str
    """The revision in question, as in `status.lastAppliedSpec`."""
    images: str
    """The images of the revision, or what it changes in them, for people."""
    cluster: str
    """The controller's `--cluster-name`; empty where it has none."""

    def as_json(self) -> bytes:
        """Write the body of the call."""
        body = {
            "name": self.name,
            "namespace": self.namespace,
            "phase": str(self.phase),
            "checksum": self.checksum,
            "metadata": dict(self.metadata),
            "weight": self.weight,
            "step": self.step,
            "revision": self.revision,
            "images": self.images,
            "cluster": self.cluster,
        }
        return orjson.dumps(body)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookResult:
    """What a hook answered."""

    passed: bool
    """Whether the answer was any 2xx."""
    status: int | None = None
    """None where no whole answer came."""
    body: str = ""
    """The beginning of the answer's body as one printable line."""
    message: str = ""
    """Why it did not pass, in words; the body where it did."""

    @property
    def broken(self) -> bool:
        """Whether the hook itself has failed, and not only said no."""
        return self.status is None or self.status >= 500

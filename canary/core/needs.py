"""What is missing to decide: a need is returned instead of a decision, answered, and asked once.

A need is a value and the key of its answer. It carries what is asked, so that nothing else has to
be known to answer it, and its type says of what type the answer is.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from analysis.model import Report, Started
from canary.api.metrics import MetricSpec
from canary.api.people import Webhook, WebhookType
from canary.api.status import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The revision that hooks are asked about; at the first gate the status does not name it yet."""

    revision: str
    images: str
    """Its images, or what it changes in them, for people."""
    configs: tuple[tuple[str, str], ...] = ()
    """Checksums of its tracked ConfigMaps and Secrets, by kind/name, in order."""
    run: Run | None = field(default=None, hash=False, compare=False)
    """The run that asks; the same question is put for it alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookAnswer:
    """What the hooks of one type said."""

    passed: bool
    hook: str = ""
    """The hook that did not pass."""
    message: str = ""


AnswerT_co = TypeVar("AnswerT_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need(Generic[AnswerT_co]):
    """What is missing to decide, by the type of its answer."""

    key: str
    """Names this very question: the same after a crash, so that receivers can drop a repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskHooks(Need[HookAnswer]):
    """Call hooks of one type, in their order, up to the first that does not pass."""

    type: WebhookType
    hooks: tuple[Webhook, ...] = field(hash=False)
    """The hooks to call; each has a URL."""
    subject: Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """An earlier release: how long before now it was where the one under test is."""

    ago: timedelta
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Analyse(Need[Report]):
    """Judge metrics once."""

    metrics: tuple[MetricSpec, ...] = field(hash=False)
    """The metrics to judge; none is judged as passed."""
    memories: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    """What the judges have kept so far, by the metric's name; as pairs, in order."""
    count_over: timedelta | None = None
    """Over which time the requests of both sides are counted as well; None for not at all."""
    templates: str = ""
    """The API group of the templates that the metrics name; empty for that of the Canary."""
    since: datetime | None = None
    """From when on judges count that have counted nothing so far."""
    earlier: Earlier | None = None
    """What metrics are compared with that are not compared with the primary."""
    started: tuple[tuple[str, Started], ...] | None = None
    """What stores work on already, by the metric's name; None where nothing that takes long is
    started, because no status would keep it."""

"""A span as it is made here; `controller/otlp.py` writes it in the form of the protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from canary.tracing.context import SpanContext


class SpanKind(StrEnum):
    """What a span is to those around it, by the names of OpenTelemetry."""

    SERVER = "SERVER"
    INTERNAL = "INTERNAL"
    CLIENT = "CLIENT"


Attribute = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanEvent:
    """A moment within a span."""

    name: str
    at: datetime
    attributes: Mapping[str, Attribute]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpan:
    """A part of a run that has ended."""

    context: SpanContext
    parent: SpanContext | None
    """None for a run that is a trace of its own."""
    kind: SpanKind = SpanKind.INTERNAL
    name: str
    start: datetime
    end: datetime
    attributes: Mapping[str, Attribute]
    failure: str = ""
    """Why it failed, in a sentence; empty where it did not."""
    events: tuple[SpanEvent, ...] = ()
    links: tuple[SpanContext, ...] = ()
    """Spans of other traces that have to do with it."""

"""Checks that a store works on for minutes: what finds one again, and what comes of polling it.

A check is started, then polled at each analysis until it has an answer or its time is up. The caller
keeps what finds it again, so that after a restart it goes on with the same check.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from types import MappingProxyType

from analysis.durations import format_duration
from analysis.errors import FailureKind, QueryError
from analysis.model import NoData, Outcome, ProviderSpec, QueryFailure, Started

#: How long a check may take, where nothing else is said.
DEADLINE = timedelta(minutes=10)
#: How long a handle may be: it is kept in the Canary's status.
HANDLE_BYTES = 256
#: After these a check may go on: what is wrong may pass, and was not said of the check itself.
_PASSING = frozenset({*(kind for kind in FailureKind if kind.retryable), FailureKind.REFUSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """The store has no answer yet; `state` is its word for that."""

    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """What is known of a check now, and what it goes on as; None where it is over."""

    outcome: Outcome
    started: Started | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resuming:
    """The checks of one analysis: what keys are made of, and what was started before, by metric."""

    key: str
    started: Mapping[str, Started] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, metric: str, at: datetime) -> Started:
        """Give the check of a metric: the one that was started, or else a new one.

        The key of a new one follows from the analysis, so that the same analysis starts the same
        check again where what it started was not kept.
        """
        digest = sha256(f"{self.key}/{metric}".encode()).hexdigest()
        return self.started.get(metric) or Started(key=digest[:32], since=at)


def handle_of(handle: str, spec: ProviderSpec) -> str:
    """Give a handle that may be kept.

    Raises:
        QueryError: a store has given one that may not be.
    """
    if not 0 < len(handle) <= HANDLE_BYTES or not handle.isascii() or not handle.isprintable():
        raise QueryError(
            f"provider {spec.type} finds its check by a handle that cannot be kept; it must be "
            f"printable ASCII of at most {HANDLE_BYTES} characters"
        )
    if spec.redact(handle) != handle:
        raise QueryError(f"provider {spec.type} finds its check by a handle that holds a secret")
    return handle


def after_start(handle: str, started: Started) -> Resumed:
    """Tell what is known of a check that was just started."""
    return _goes_on(replace(started, handle=handle), "started")


def after_poll(
    answer: Outcome | Working, started: Started, *, at: datetime, deadline: timedelta
) -> Resumed:
    """Tell what is known of a check by what its store says of it.

    What is still worked on when its time is up is an outage of the store.
    """
    if not isinstance(answer, Working):
        return Resumed(outcome=answer)
    if _is_late(started, at, deadline):
        reason = (
            f"the check has had no answer for {format_duration(deadline)} "
            f"(provider.options.deadline): {answer.state}"
        )
        return Resumed(outcome=QueryFailure(reason=reason, kind=FailureKind.PENDING))
    return _goes_on(started, answer.state)


def after_failure(
    failure: QueryFailure, started: Started, *, at: datetime, deadline: timedelta
) -> Resumed:
    """Tell what is known of a check whose store could not start it, or be polled.

    It is kept, as long as it has time, where the failure says nothing about the check itself.
    """
    keeps = failure.kind in _PASSING and not _is_late(started, at, deadline)
    return Resumed(outcome=failure, started=started if keeps else None)


def _is_late(started: Started, at: datetime, deadline: timedelta) -> bool:
    """Tell whether the time of a check is up."""
    return at - started.since >= deadline


def _goes_on(started: Started, state: str) -> Resumed:
    reason = f"the store works on it since {started.since:%H:%M:%S} UTC ({state})"
    return Resumed(outcome=NoData(reason=reason, warming_up=True), started=started)

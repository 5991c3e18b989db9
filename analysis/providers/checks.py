"""Providers whose stores work on an answer for minutes: the protocol they keep beside `Provider`."""

from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from analysis.errors import AnalysisError, QueryError
from analysis.model import Metric, Outcome
from analysis.plugins import PluginTable
from analysis.providers import PROVIDERS, Provider
from analysis.resuming import Working


@runtime_checkable
class Resumable(Protocol):
    """A provider whose answers take longer than a query may: a check is started, and polled.

    A class method `resumes` says for which queries that is so. `query` waits for the answer itself,
    within the time limit of the spec, for callers that keep no handle.
    """

    deadline: timedelta
    """How long a check may take."""

    async def start(self, query: str, at: datetime, interval: timedelta, key: str) -> str:
        """Start a check about a moment, looking back on an interval; gives what finds it again.

        That is printable ASCII without a secret, of `HANDLE_BYTES` at most. Where the store can
        tell, a check that was started by this key before is found, and no other started: the
        answer to the start may have been lost.

        Raises:
            QueryError: as `query` does.
            ProviderUnavailable: as `query` does.
        """

    async def poll(self, handle: str, at: datetime) -> Outcome | Working:
        """Ask how far a check is; an answer, be it a failure, is its last word.

        Raises:
            QueryError: there is no such check, or the store refuses to tell.
            ProviderUnavailable: as `query` does; the check may go on.
        """

    async def cancel(self, handle: str) -> None:
        """End a check where it is at work, and remove what it has left where the store can.

        One that the store does not know is no error.

        Raises:
            QueryError: the store refuses it.
            ProviderUnavailable: the store gives no answer.
        """


def resumes(metric: Metric, table: PluginTable[Provider] = PROVIDERS) -> bool:
    """Tell whether what a metric asks takes its store long; what cannot be loaded is only asked."""
    try:
        told = getattr(table.load(metric.provider.type), "resumes", None)
    except (ImportError, AttributeError, AnalysisError):
        return False
    return told is not None and bool(told(metric.query))


def check_resumed(metric: Metric) -> None:
    """Find out whether a metric asks a store that takes long one thing alone.

    Raises:
        QueryError: it asks more; says what to write.
    """
    if len(metric.asks) > 1 and resumes(metric):
        raise QueryError(
            f"provider {metric.provider.type} answers with one value, of a check that it makes "
            f"itself, and judge {metric.judge} asks for more than one; write judge: threshold or "
            "judge: expression"
        )

"""The spans of what is called for a run: hooks, and the queries of metric stores."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from analysis.model import Ask, Metric, Outcome, QueryFailure
from analysis.secrecy import origin
from canary.api.people import Webhook
from canary.tracing.context import RUN, RunTrace, SpanContext
from canary.tracing.span import Attribute, RunSpan, SpanKind

_NO_ANSWER = "no-answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedCall:
    """A call that has begun, within a part of a run."""

    trace: RunTrace
    within: str = RUN
    """The part of the run that it belongs to."""
    named: str
    """What tells it from the run's other calls that begin at the same moment."""
    began: datetime

    @property
    def context(self) -> SpanContext:
        """Its span. A call that is repeated after a crash is another one."""
        return self.trace.span(f"{self.named}/{self.began.isoformat()}")

    def hook(
        self, hook: Webhook, *, status: int | None, passed: bool, message: str, end: datetime
    ) -> RunSpan:
        """Tell of a call of a hook, its repeats and the wait for its turn included."""
        attributes: dict[str, Attribute] = {
            "http.request.method": "POST",
            "url.full": origin(hook.url or ""),
            "tidegate.hook": hook.name,
        }
        if status is not None:
            attributes["http.response.status_code"] = status
        error = "" if passed else str(status or _NO_ANSWER)
        return self._span(f"hook {hook.type}", attributes, error, "" if passed else message, end)

    def query(self, metric: Metric, outcome: Outcome, end: datetime) -> RunSpan:
        """Tell of a query of a metric store, the wait for its turn included."""
        attributes: dict[str, Attribute] = {"tidegate.metric": metric.name}
        if metric.provider.address:
            attributes["url.full"] = origin(metric.provider.address)
        error, reason = "", ""
        if isinstance(outcome, QueryFailure):
            error, reason = outcome.kind.value, outcome.reason
        return self._span(f"query {metric.provider.type}", attributes, error, reason, end)

    def _span(
        self,
        name: str,
        attributes: Mapping[str, Attribute],
        error: str,
        failure: str,
        end: datetime,
    ) -> RunSpan:
        return RunSpan(
            context=self.context,
            parent=self.trace.span(self.within),
            kind=SpanKind.CLIENT,
            name=name,
            start=min(self.began, end),
            end=end,
            attributes={**attributes, "error.type": error} if error else attributes,
            failure=failure,
        )


def named_query(metric: Metric, ask: Ask) -> str:
    """Tell a question of a metric from the others that are put at the same moment."""
    return f"query/{metric.name}/{ask.arm}/{ask.signal}/{ask.query}"

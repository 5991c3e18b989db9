"""What a Canary refers to and cannot be used: each metric, hook and alert is tried without a call.

MetricTemplates and AlertProviders are in the caches, and a change of one wakes the Canary. Secrets
are not followed: one is read when its Canary is reconciled anyway, and at most once a minute, but
for one that is in the way.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import inf
from time import monotonic

from analysis.errors import AnalysisError
from analysis.providers import PROVIDERS
from canary.api.analysis_spec import VerifyTraffic
from canary.api.kinds import ObjectKey
from canary.api.meta import NamespacedReference, SecretReference
from canary.api.metrics import MetricSpec
from canary.api.people import AlertReference, Webhook
from canary.controller.alerts import AlertSender
from canary.controller.canaries import CanaryKey, CanaryObject, CanaryRecord
from canary.controller.memo import Memo
from canary.controller.queries import QueryBuilder
from canary.controller.secrets import KEPT_SECONDS, SecretReader, presented
from canary.controller.templates import (
    TemplateReader,
    TemplateRecord,
    alert_provider_key,
    templates_of,
)
from canary.core.facts import BrokenReference
from canary.core.phases import RUNNING
from canary.errors import CanaryError, Forbidden, InvalidSpec, NotFound, Problem, Unreachable

BROKEN_SECONDS = 4.0
"""A broken reference is not tried again for this long: a little less than the first retry takes."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    referrer: MetricSpec | Webhook | AlertReference | VerifyTraffic
    field: str
    value: str
    make: Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class _Found:
    broken: tuple[BrokenReference, ...]
    until: float
    """Until when that is relied on; a change of what the caches hold ends it earlier."""


@dataclass(frozen=True, slots=True)
class _Failure:
    provider: TemplateRecord | None
    """Where the alert should have gone: another one has not failed."""
    error: str


class References:
    """Finds what Canaries refer to and cannot be used."""

    def __init__(
        self,
        *,
        templates: TemplateReader,
        queries: QueryBuilder,
        alerts: AlertSender,
        secrets: SecretReader,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._templates = templates
        self._queries = queries
        self._alerts = alerts
        self._secrets = secrets
        self._clock = clock
        self._known: Memo[_Found] = Memo()
        self._failures: defaultdict[CanaryKey, dict[str, _Failure]] = defaultdict(dict)
        """The receivers that did not take the last alert, by the alert's name."""

    async def broken(self, record: CanaryRecord) -> tuple[BrokenReference, ...] | None:
        """Give what can't be used; None where that is not known.

        Raises:
            Unreachable: a Secret can't be read now, and no run is under way that could go on.
        """
        if record.unguided or record.deleting:
            return None
        keys = tuple(templates_of(record))
        if not all(map(self._templates.synced, keys)):
            return None
        records = map(self._templates.record, keys)
        inputs = (record.uid, record.generation or record.resource_version, *records)
        known = self._known.recall(record.key, inputs)
        if known is None or self._clock() >= known.until:
            try:
                known = await self._look(record, keys)
            except Unreachable:
                if record.status.phase in RUNNING:
                    return None
                raise
            self._known.keep(record.key, inputs, known)
        return (*known.broken, *self._not_taken(record, known.broken))

    def refused(self, record: CanaryObject, alert: AlertReference, error: Exception) -> None:
        """Take note that an alert could not be delivered for good."""
        provider = self._provider(record.key, alert)
        self._failures[record.key][alert.name] = _Failure(provider, str(error))
        # Its Secret may be what is wrong: that is found, and found to be mended, by looking at it.
        self._known.forget(record.key)

    def taken(self, key: CanaryKey, alert: AlertReference) -> bool:
        """Take note that an alert was delivered; tell whether that is news."""
        return self._failures.get(key, {}).pop(alert.name, None) is not None

    def forget(self, key: CanaryKey) -> None:
        """Drop what is known of a Canary."""
        self._known.forget(key)
        self._failures.pop(key, None)

    async def _look(self, record: CanaryRecord, keys: tuple[ObjectKey, ...]) -> _Found:
        broken = []
        for attempt in self._attempts(record):
            try:
                await attempt.make()
            except Unreachable:
                raise
            except (CanaryError, AnalysisError) as error:
                problem = Problem(attempt.field, attempt.value, remedy_of(error, attempt.value))
                broken.append(BrokenReference(referrer=attempt.referrer, problem=problem))
        secrets = tuple(self._secrets_of(record, keys))
        if not broken:
            return _Found((), self._clock() + KEPT_SECONDS if secrets else inf)
        for namespace, reference in secrets:
            self._secrets.forget(namespace, reference)
        return _Found(tuple(broken), self._clock() + BROKEN_SECONDS)

    def _attempts(self, record: CanaryRecord) -> Iterator[_Attempt]:
        """List what is tried, in the order of the spec."""
        key, analysis = record.key, record.canary.spec.analysis
        for path, metric in analysis.placed_metrics():
            part, value = source(key, metric)
            asked = partial(self._metric, record, metric)
            yield _Attempt(metric, f"{path}.{part}", value, asked)
        if verify := analysis.verify_traffic:
            counted = partial(self._queries.requests, record, verify.interval)
            field, router = "spec.analysis.verifyTraffic", record.provider
            yield _Attempt(verify, field, f"by {router}", counted)
        for path, hook in analysis.placed_webhooks():
            if hook.secret_ref is not None:
                sent = partial(presented, self._secrets, key.namespace, hook)
                yield _Attempt(hook, f"{path}.secretRef", hook.secret_ref.name, sent)
        for place, alert in enumerate(analysis.alerts):
            value = named(key, alert.provider_ref)
            yield _Attempt(
                alert, alert_field(place), value, partial(self._alerts.check, key, alert)
            )

    async def _metric(self, record: CanaryRecord, metric: MetricSpec) -> None:
        PROVIDERS.check((await self._queries.metric(record, metric)).provider.type)

    def _secrets_of(
        self, record: CanaryRecord, keys: tuple[ObjectKey, ...]
    ) -> Iterator[tuple[str, SecretReference]]:
        """Name the Secrets that a Canary leads to."""
        for _, hook in record.canary.spec.analysis.placed_webhooks():
            if hook.secret_ref is not None:
                yield record.key.namespace, hook.secret_ref
        for key in keys:
            found = self._templates.record(key)
            secret = found.secret if found is not None else None
            if secret is not None:
                yield key.namespace, secret

    def _not_taken(
        self, record: CanaryRecord, broken: tuple[BrokenReference, ...]
    ) -> Iterator[BrokenReference]:
        """Give the receivers that did not take the last alert, and have not changed since."""
        failures = self._failures.get(record.key)
        if not failures:
            return
        told = [each.referrer for each in broken]
        for place, alert in enumerate(record.canary.spec.analysis.alerts):
            failure = failures.get(alert.name)
            if failure is None:
                continue
            if alert in told or failure.provider != self._provider(record.key, alert):
                del failures[alert.name]
                continue
            remedy = f"the last alert was not delivered: {failure.error}"
            value = named(record.key, alert.provider_ref)
            yield BrokenReference(
                referrer=alert, problem=Problem(alert_field(place), value, remedy)
            )

    def _provider(self, key: CanaryKey, alert: AlertReference) -> TemplateRecord | None:
        return self._templates.record(alert_provider_key(key, alert.provider_ref))


def source(key: CanaryKey, metric: MetricSpec) -> tuple[str, str]:
    """Name the field that says where a metric comes from, and its value."""
    if metric.template_ref is not None:
        return "templateRef", named(key, metric.template_ref)
    return ("query", metric.query) if metric.query else ("name", metric.name)


def named(key: CanaryKey, reference: NamespacedReference) -> str:
    """Write what a Canary refers to, with its namespace."""
    return f"{reference.namespace or key.namespace}/{reference.name}"


def alert_field(place: int) -> str:
    """Name the field that says where an alert goes."""
    return f"spec.analysis.alerts[{place}].providerRef"


def remedy_of(error: Exception, value: str) -> str:
    """Say what is wrong, and what to do where the error itself does not."""
    if isinstance(error, InvalidSpec):
        # Who names a Secret is not told its name twice.
        return "; ".join(p.remedy if p.value == value else str(p) for p in error.problems)
    if isinstance(error, NotFound):
        return f"{error}; create it, or name another"
    if isinstance(error, Forbidden):
        return f"{error}; let the controller read it, or name another"
    return str(error)

"""MetricTemplates and AlertProviders as the shell keeps them: parsed once when they change."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from canary.api.alertprovider import AlertProvider
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.api.meta import VERSION, NamespacedReference, SecretReference
from canary.api.metrictemplate import MetricTemplate
from canary.api.validation import parse_alert_provider, parse_metric_template
from canary.cluster.cache import CacheSet
from canary.controller.canaries import CanaryKey, CanaryRecord
from canary.errors import ClusterError, InvalidSpec, NotFound


@cache
def metric_template_kind(group: str) -> Kind:
    """Give the kind of the MetricTemplates of an API group."""
    return Kind(group=group, versions=(VERSION,), kind="MetricTemplate", plural="metrictemplates")


@cache
def alert_provider_kind(group: str) -> Kind:
    """Give the kind of the AlertProviders of an API group."""
    return Kind(group=group, versions=(VERSION,), kind="AlertProvider", plural="alertproviders")


def metric_template_key(canary: CanaryKey, reference: NamespacedReference) -> ObjectKey:
    """Tell which MetricTemplate a Canary means."""
    namespace = reference.namespace or canary.namespace
    kind = metric_template_kind(canary.group)
    return ObjectKey(kind=kind, namespace=namespace, name=reference.name)


def alert_provider_key(canary: CanaryKey, reference: NamespacedReference) -> ObjectKey:
    """Tell which AlertProvider a Canary means."""
    namespace = reference.namespace or canary.namespace
    kind = alert_provider_kind(canary.group)
    return ObjectKey(kind=kind, namespace=namespace, name=reference.name)


def templates_of(record: CanaryRecord) -> Iterator[ObjectKey]:
    """Name the MetricTemplates and AlertProviders that a Canary refers to."""
    analysis = record.canary.spec.analysis
    for _, metric in analysis.placed_metrics():
        if metric.template_ref is not None:
            yield metric_template_key(record.key, metric.template_ref)
    for alert in analysis.alerts:
        yield alert_provider_key(record.key, alert.provider_ref)


class AlertProviders(Protocol):
    """Where AlertProviders are found."""

    def alert_provider(self, group: str, namespace: str, name: str) -> AlertProvider:
        """Find an AlertProvider.

        Raises:
            NotFound: there is none of this name.
            InvalidSpec: it can't be used as it is.
        """

    def unknown(self, key: ObjectKey) -> bool:
        """Tell whether an object may exist that is not known yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateRecord:
    """A parsed object, or why it can't be used."""

    parsed: MetricTemplate | AlertProvider | None
    invalid: InvalidSpec | None = None

    @property
    def secret(self) -> SecretReference | None:
        """The Secret that it names."""
        match self.parsed:
            case MetricTemplate(spec=spec):
                return spec.provider.secret_ref
            case AlertProvider(spec=spec):
                return spec.secret_ref
            case _:
                return None


def metric_template_record(manifest: Manifest) -> TemplateRecord:
    """Read a MetricTemplate, whatever it holds."""
    try:
        return TemplateRecord(parsed=parse_metric_template(manifest))
    except InvalidSpec as invalid:
        return TemplateRecord(parsed=None, invalid=invalid)


def alert_provider_record(manifest: Manifest) -> TemplateRecord:
    """Read an AlertProvider, whatever it holds."""
    try:
        return TemplateRecord(parsed=parse_alert_provider(manifest))
    except InvalidSpec as invalid:
        return TemplateRecord(parsed=None, invalid=invalid)


class TemplateReader:
    """Finds the templates and alert providers that Canaries name."""

    def __init__(self, caches: CacheSet) -> None:
        self._caches = caches

    def metric_template(self, group: str, namespace: str, name: str) -> MetricTemplate:
        """Find a template.

        Raises:
            NotFound: there is none of this name.
            InvalidSpec: it can't be used as it is.
            ClusterError: templates can't be read there.
        """
        parsed = self._find(metric_template_kind(group), namespace, name)
        assert isinstance(parsed, MetricTemplate)
        return parsed

    def alert_provider(self, group: str, namespace: str, name: str) -> AlertProvider:
        """Find an alert provider.

        Raises:
            NotFound: there is none of this name.
            InvalidSpec: it can't be used as it is.
        """
        parsed = self._find(alert_provider_kind(group), namespace, name)
        assert isinstance(parsed, AlertProvider)
        return parsed

    def synced(self, key: ObjectKey) -> bool:
        """Tell whether it is known that an object exists, or that it does not."""
        return self._caches.synced(key.kind, key.namespace)

    def unknown(self, key: ObjectKey) -> bool:
        """Tell whether an object may exist that is not known yet."""
        return not self.synced(key) and not self._caches.absent(key.kind)

    def record(self, key: ObjectKey) -> TemplateRecord | None:
        """Look an object up; None where there is none."""
        record = self._caches.get(key.kind, key.namespace, key.name)
        return record if isinstance(record, TemplateRecord) else None

    def _find(self, kind: Kind, namespace: str, name: str) -> MetricTemplate | AlertProvider:
        record = self.record(ObjectKey(kind=kind, namespace=namespace, name=name))
        if record is None:
            if reason := self._caches.obstacle(kind, namespace):
                raise ClusterError(reason, asked=f"{kind.kind} {namespace}/{name}")
            raise NotFound(f"{kind.kind} {namespace}/{name} does not exist")
        if record.invalid is not None:
            raise record.invalid
        assert record.parsed is not None
        return record.parsed

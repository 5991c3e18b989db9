"""MetricTemplates and AlertProviders as the shell keeps them: parsed once when they change."""

from dataclasses import dataclass

from canary.api.alertprovider import AlertProvider
from canary.api.kinds import Kind, Manifest
from canary.api.meta import VERSION
from canary.api.metrictemplate import MetricTemplate
from canary.api.validation import parse_alert_provider, parse_metric_template
from canary.controller.cache import CacheSet
from canary.errors import InvalidSpec, NotFound


def metric_template_kind(group: str) -> Kind:
    """Give the kind of the MetricTemplates of an API group."""
    return Kind(group=group, versions=(VERSION,), kind="MetricTemplate", plural="metrictemplates")


def alert_provider_kind(group: str) -> Kind:
    """Give the kind of the AlertProviders of an API group."""
    return Kind(group=group, versions=(VERSION,), kind="AlertProvider", plural="alertproviders")


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateRecord:
    """A parsed object, or why it can't be used."""

    parsed: MetricTemplate | AlertProvider | None
    invalid: InvalidSpec | None = None


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

    def _find(self, kind: Kind, namespace: str, name: str) -> MetricTemplate | AlertProvider:
        record = self._caches.get(kind, namespace, name)
        if not isinstance(record, TemplateRecord):
            raise NotFound(f"{kind.kind} {namespace}/{name} does not exist")
        if record.invalid is not None:
            raise record.invalid
        assert record.parsed is not None
        return record.parsed

"""Which plug-ins the names in an object stand for: those that are not installed are its problems.

The API takes any name; whether a plug-in has it is known here, where plug-ins are loaded.
"""

from collections.abc import Callable, Iterator

from analysis.errors import UnknownPlugin
from analysis.judges import JUDGES
from analysis.providers import PROVIDERS
from canary.api.alertprovider import AlertProvider
from canary.api.canary import Canary
from canary.api.metrictemplate import MetricTemplate
from canary.api.unsupported import not_installed
from canary.errors import Problem
from canary.notifiers import NOTIFIERS
from canary.notifiers.settings import refused_settings
from canary.routers import router_for
from canary.scalers import SCALERS
from canary.targets import TARGETS


def missing_plugins(
    resource: Canary | MetricTemplate | AlertProvider, *, default_router: str = ""
) -> Iterator[Problem]:
    """Name the plug-ins that an object names and that are not installed, with those that are."""
    for field, name, check in _named(resource, default_router):
        try:
            check(name)
        except UnknownPlugin as unknown:
            yield not_installed(field, unknown)


def provider_problems(provider: AlertProvider) -> Iterator[Problem]:
    """Name what no notifier knows of an AlertProvider: its type, or what was chosen of it."""
    missing = tuple(missing_plugins(provider))
    yield from missing or refused_settings(provider.spec.type, provider.spec.settings)


def _named(
    resource: Canary | MetricTemplate | AlertProvider, default_router: str
) -> Iterator[tuple[str, str, Callable[[str], object]]]:
    match resource:
        case Canary(spec=spec):
            yield "spec.provider", spec.provider or default_router, router_for
            yield "spec.targetRef.kind", spec.target_ref.kind, TARGETS.check
            if spec.autoscaler_ref is not None:
                yield "spec.autoscalerRef.kind", spec.autoscaler_ref.kind, SCALERS.check
            for path, metric in spec.analysis.placed_metrics():
                yield f"{path}.judge", metric.judge, JUDGES.check
        case MetricTemplate(spec=template):
            yield "spec.provider.type", template.provider.type, PROVIDERS.check
        case AlertProvider(spec=receiver):
            yield "spec.type", receiver.type, NOTIFIERS.check

"""What the schema has and this version does not act on yet: one row each, until it does.

A row is deleted by the change that makes its field work.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from canary.api.alertprovider import AlertProvider, AlertProviderType
from canary.api.canary import AutoscalerKind, Canary, TargetKind
from canary.api.metrictemplate import MetricProviderType, MetricTemplate
from canary.api.shown import shown
from canary.errors import Problem

METRIC_PROVIDERS = (MetricProviderType.PROMETHEUS, MetricProviderType.SCRAPE)
ALERT_PROVIDERS = (AlertProviderType.SLACK, AlertProviderType.WEBHOOK)

Resource = Canary | MetricTemplate | AlertProvider


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A field that has no effect yet."""

    field: str
    instead: str
    """What to do about it, after "this version does not support …"."""
    read: Callable[[Any], object]
    what: str = "this"
    """What the field asks for, where its name does not say so."""
    #: The values that do have an effect, beside "not set".
    supported: Iterable[object] = ()


_OTHER_ROUTER = "remove it and name a router of this version in spec.provider"


def _unless_routed(canary: Canary, reference: object) -> object:
    """Give a reference that another router needs; by a router that is named it is ignored."""
    return None if canary.spec.provider else reference


def _blue_green(canary: Canary) -> int | None:
    """Give the iterations of blue/green; with match they belong to A/B testing, which has a row of its own."""
    analysis = canary.spec.analysis
    return None if analysis.match else analysis.iterations


_CANARY = (
    _Row(
        field="spec.targetRef.kind",
        read=lambda canary: canary.spec.target_ref.kind,
        supported=(TargetKind.DEPLOYMENT,),
        instead="name a Deployment",
    ),
    _Row(
        field="spec.autoscalerRef.kind",
        read=lambda canary: canary.spec.autoscaler_ref and canary.spec.autoscaler_ref.kind,
        supported=(AutoscalerKind.HORIZONTAL_POD_AUTOSCALER,),
        instead="name a HorizontalPodAutoscaler",
    ),
    _Row(
        field="spec.ingressRef",
        read=lambda canary: _unless_routed(canary, canary.spec.ingress_ref),
        instead=_OTHER_ROUTER,
    ),
    _Row(
        field="spec.routeRef",
        read=lambda canary: _unless_routed(canary, canary.spec.route_ref),
        instead=_OTHER_ROUTER,
    ),
    _Row(
        field="spec.upstreamRef",
        read=lambda canary: _unless_routed(canary, canary.spec.upstream_ref),
        instead=_OTHER_ROUTER,
    ),
    _Row(
        field="spec.service.mirror",
        read=lambda canary: canary.spec.service.mirror,
        what="mirroring",
        instead="remove it and mirror in a route of your own",
    ),
    _Row(
        field="spec.analysis.iterations",
        read=_blue_green,
        what="blue/green (iterations without match)",
        instead="replace it with stepWeight or stepWeights, which move traffic in steps",
    ),
    _Row(
        field="spec.analysis.match",
        read=lambda canary: canary.spec.analysis.match,
        what="A/B testing (match)",
        instead="leave this workload to Flagger for now: without match the canary would get a "
        "share of everyone's requests",
    ),
    _Row(
        field="spec.analysis.mirror",
        read=lambda canary: canary.spec.analysis.mirror,
        what="mirroring",
        instead="remove it and begin with a small stepWeight",
    ),
    _Row(
        field="spec.analysis.sessionAffinity",
        read=lambda canary: canary.spec.analysis.session_affinity,
        what="session affinity",
        instead="remove it, or leave this workload to Flagger for now",
    ),
)
_METRIC_TEMPLATE = (
    _Row(
        field="spec.provider.type",
        read=lambda template: template.spec.provider.type,
        supported=METRIC_PROVIDERS,
        instead=f"name one of {', '.join(METRIC_PROVIDERS)}",
    ),
)
_ALERT_PROVIDER = (
    _Row(
        field="spec.type",
        read=lambda provider: provider.spec.type,
        supported=ALERT_PROVIDERS,
        instead=f"name one of {', '.join(ALERT_PROVIDERS)}",
    ),
)
_ROWS: dict[type[Resource], tuple[_Row, ...]] = {
    Canary: _CANARY,
    MetricTemplate: _METRIC_TEMPLATE,
    AlertProvider: _ALERT_PROVIDER,
}


def unsupported(resource: Resource) -> tuple[Problem, ...]:
    """Name everything that an object asks for and that this version does not act on."""
    values = [(row, row.read(resource)) for row in _ROWS[type(resource)]]
    return tuple(
        Problem(
            row.field,
            shown(value),
            f"this version does not support {row.what}; {row.instead}",
        )
        for row, value in values
        if value not in (None, False, (), {}) and value not in row.supported
    )

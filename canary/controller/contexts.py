"""What the functions of a query template stand for, in the queries of a Canary."""

from dataclasses import replace
from datetime import timedelta

from analysis.model import Arm
from analysis.template import TemplateContext
from canary.api.metrics import MetricSpec
from canary.api.metrictemplate import MetricTemplate
from canary.controller.canaries import CanaryRecord


def context_of(
    record: CanaryRecord, spec: MetricSpec, template: MetricTemplate | None
) -> TemplateContext:
    """Give the context of a metric's query, with its variables."""
    foreign = template is not None and template.metadata.namespace != record.key.namespace
    patterns = template.spec.variables if template is not None and foreign else {}
    return replace(
        context_over(record, spec.interval),
        variables=spec.template_variables,
        patterns={name: variable.pattern for name, variable in patterns.items()},
        confined=foreign,
    )


def context_over(record: CanaryRecord, interval: timedelta) -> TemplateContext:
    """Give the context of a query that looks back on a time."""
    canary = record.canary.spec
    return TemplateContext(
        name=record.key.name,
        namespace=record.key.namespace,
        target=canary.target_ref.name,
        service=canary.service_name,
        ingress=canary.ingress_ref.name if canary.ingress_ref else canary.target_ref.name,
        route=canary.route_ref.name if canary.route_ref else canary.target_ref.name,
        interval=interval,
        revision=record.status.last_applied_spec,
    )


def sides(
    record: CanaryRecord, context: TemplateContext
) -> tuple[tuple[Arm, TemplateContext], ...]:
    """Give the context of each side: its workload and its Service."""
    spec = record.canary.spec
    return (
        (
            Arm.CANARY,
            replace(context, target=spec.target_ref.name, service=spec.canary_service_name),
        ),
        (
            Arm.PRIMARY,
            replace(
                context,
                target=spec.primary_name,
                service=spec.primary_service_name,
                revision=record.status.last_promoted_spec,
            ),
        ),
    )

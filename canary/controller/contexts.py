"""What the functions of a query template stand for, in the queries of a Canary."""

from dataclasses import replace
from datetime import timedelta

from analysis.model import Arm
from analysis.template import TemplateContext
from canary.api.metrics import MetricSpec
from canary.api.metrictemplate import MetricTemplate
from canary.controller.canaries import CanaryRecord
from canary.routers import ClusterState


def nothing_routed(_record: CanaryRecord) -> ClusterState:
    """Show no objects of a route, where no cluster is asked."""
    return ClusterState(existing={}, served={})


def context_of(
    record: CanaryRecord,
    routes: ClusterState,
    spec: MetricSpec,
    template: MetricTemplate | None,
    *,
    cluster: str,
) -> TemplateContext:
    """Give the context of a metric's query, with its variables."""
    foreign = template is not None and template.metadata.namespace != record.key.namespace
    patterns = template.spec.variables if template is not None and foreign else {}
    return replace(
        context_over(record, routes, spec.interval),
        cluster=cluster,
        variables=spec.template_variables,
        patterns={name: variable.pattern for name, variable in patterns.items()},
        confined=foreign,
    )


def context_over(
    record: CanaryRecord, routes: ClusterState, interval: timedelta
) -> TemplateContext:
    """Give the context of a query about the canary that looks back on a time."""
    canary = record.canary.spec
    route, _ = _routes(record, routes)
    return TemplateContext(
        name=record.key.name,
        namespace=record.key.namespace,
        target=canary.canary_name,
        kind=canary.target_ref.kind,
        service=canary.service_name,
        ingress=next(iter(canary.ingress_names), canary.target_ref.name),
        route=route,
        interval=interval,
        revision=record.status.last_applied_spec,
    )


def sides(
    record: CanaryRecord, routes: ClusterState, context: TemplateContext
) -> tuple[tuple[Arm, TemplateContext], ...]:
    """Give the context of each side: its workload, its Service and its route."""
    spec = record.canary.spec
    return (
        (Arm.CANARY, replace(context, service=spec.canary_service_name)),
        (
            Arm.PRIMARY,
            replace(of_primary(record, routes, context), service=spec.primary_service_name),
        ),
    )


def of_primary(
    record: CanaryRecord, routes: ClusterState, context: TemplateContext
) -> TemplateContext:
    """Give the context of a query about the canary as one about the primary.

    `service` goes on to be the apex Service, as queries expect that add `-canary` to it.
    """
    _, route = _routes(record, routes)
    return replace(
        context,
        target=record.canary.spec.primary_name,
        side=Arm.PRIMARY,
        route=route,
        revision=record.status.last_promoted_spec,
    )


def of_baseline(
    record: CanaryRecord, routes: ClusterState, context: TemplateContext
) -> TemplateContext:
    """Give the context of a query about the canary as one about the baseline."""
    primary = of_primary(record, routes, context)
    return replace(primary, target=record.canary.spec.baseline_name, side="baseline")


def sides_with_baseline(
    record: CanaryRecord, routes: ClusterState, context: TemplateContext
) -> tuple[tuple[Arm, TemplateContext], ...]:
    """Give the context of each side where the baseline stands in the place of the primary.

    The primary is the second one that runs the same.
    """
    canary, (_, primary) = sides(record, routes, context)
    service = record.canary.spec.baseline_service_name
    baseline = replace(of_baseline(record, routes, context), service=service)
    return (canary, (Arm.PRIMARY, baseline), (Arm.SECOND, primary))


def _routes(record: CanaryRecord, routes: ClusterState) -> tuple[str, str]:
    """Name the route to the canary and to the primary; the target's where no router has them."""
    if record.router is None:
        return record.target, record.target
    return record.router.query_routes(record.canary, routes)

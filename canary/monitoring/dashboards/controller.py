"""The controller itself: who acts, what waits, and what it asks of others."""

from canary.monitoring.panels import (
    RATE,
    STACKED,
    GrafanaDashboard,
    GrafanaPanel,
    PanelQuery,
    PanelRow,
    summed,
)


def _latency(name: str, *labels: str, q: float = 0.99) -> str:
    by = ", ".join(("le", *labels))
    return (
        f"histogram_quantile({q}, sum by ({by}) "
        f"(rate(tidegate_{name}_duration_seconds_bucket{RATE})))"
    )


def _calls(title: str, name: str, label: str) -> PanelRow:
    """Show one kind of call: how many, how many fail, and how long they take."""
    failed = f"rate(tidegate_{name}_errors_total{RATE})"
    by = (label,) if label else ()
    legend = f"{{{{{label}}}}}" if label else title.lower()
    return PanelRow(
        title=title,
        panels=(
            GrafanaPanel(
                title=f"{title}: a second",
                unit="ops",
                queries=(
                    PanelQuery(
                        expression=summed(
                            f"rate(tidegate_{name}_duration_seconds_count{RATE})", *by
                        ),
                        legend=legend,
                    ),
                ),
            ),
            GrafanaPanel(
                title=f"{title}: errors a second",
                unit="ops",
                queries=(
                    PanelQuery(expression=summed(failed, *by, "reason"), legend="{{reason}}"),
                ),
            ),
            GrafanaPanel(
                title=f"{title}: 99th percentile",
                unit="s",
                queries=(PanelQuery(expression=_latency(name, *by), legend=legend),),
            ),
        ),
    )


CONTROLLER = GrafanaDashboard(
    name="controller",
    title="controller",
    rows=(
        PanelRow(
            title="Who acts",
            panels=(
                GrafanaPanel(
                    title="Replicas that act",
                    queries=(
                        PanelQuery(expression="sum(tidegate_leader)", legend="act"),
                        PanelQuery(expression="count(tidegate_leader)", legend="run"),
                        PanelQuery(expression="max(tidegate_members)", legend="share"),
                    ),
                ),
                GrafanaPanel(
                    title="Canaries by replica",
                    custom=STACKED,
                    queries=(
                        PanelQuery(expression="tidegate_canaries_owned", legend="{{instance}}"),
                    ),
                ),
                GrafanaPanel(
                    title="Waiting for their turn",
                    queries=(
                        PanelQuery(expression="sum(tidegate_queue_depth)", legend="Canaries"),
                        PanelQuery(
                            expression="sum by (kind) (tidegate_calls_waiting)",
                            legend="calls: {{kind}}",
                        ),
                    ),
                ),
                GrafanaPanel(
                    title="Lag",
                    unit="s",
                    text="How long a Canary waits for a worker: median and 99th percentile.",
                    queries=tuple(
                        PanelQuery(
                            expression=f"histogram_quantile({q}, sum by (le) "
                            f"(rate(tidegate_reconcile_lag_seconds_bucket{RATE})))",
                            legend=f"p{round(q * 100)}",
                        )
                        for q in (0.5, 0.99)
                    ),
                ),
                GrafanaPanel(
                    title="Memory",
                    unit="bytes",
                    queries=(
                        PanelQuery(
                            expression="process_resident_memory_bytes and on (instance) tidegate_leader",
                            legend="{{instance}}",
                        ),
                    ),
                ),
                GrafanaPanel(
                    title="CPU",
                    queries=(
                        PanelQuery(
                            expression=f"rate(process_cpu_seconds_total{RATE}) and on (instance) tidegate_leader",
                            legend="{{instance}}",
                        ),
                    ),
                ),
            ),
        ),
        PanelRow(
            title="Objects",
            panels=(
                GrafanaPanel(
                    title="Objects",
                    text="How many there are of each kind: the Canaries', and others'.",
                    queries=(
                        PanelQuery(
                            expression="max by (kind, owner) (tidegate_objects)",
                            legend="{{kind}}: {{owner}}",
                        ),
                    ),
                ),
                GrafanaPanel(
                    title="Objects in the fullest namespace",
                    text="Of the kinds that a namespace has a limit of.",
                    queries=(
                        PanelQuery(
                            expression="max by (kind, namespace) (tidegate_objects_fullest_namespace)",
                            legend="{{kind}}: {{namespace}}",
                        ),
                    ),
                ),
            ),
        ),
        _calls("Work on Canaries", "reconcile", ""),
        _calls("Kubernetes API", "api_request", "resource"),
        _calls("Queries", "query", "provider"),
        _calls("Hooks", "webhook", "type"),
        _calls("Notifications", "notification", "type"),
    ),
)

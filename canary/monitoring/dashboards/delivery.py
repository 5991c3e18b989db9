"""Delivery, as DORA counts it."""

from canary.api.status import Outcome
from canary.monitoring.panels import (
    NAMESPACES,
    STACKED,
    GrafanaDashboard,
    GrafanaPanel,
    PanelQuery,
    PanelRow,
)

_FLEET = 'namespace=~"$namespace"'
_FAILURES = f'outcome=~"{Outcome.ROLLED_BACK}|{Outcome.PROMOTION_FAILED}"'

DELIVERY = GrafanaDashboard(
    name="delivery",
    title="delivery",
    variables=(NAMESPACES,),
    since="now-30d",
    rows=(
        PanelRow(
            title="DORA",
            panels=(
                GrafanaPanel(
                    title="Deployments a day",
                    width=12,
                    custom=STACKED,
                    queries=(
                        PanelQuery(
                            expression="sum by (namespace) (tidegate:runs:increase1d"
                            f'{{{_FLEET}, outcome="{Outcome.PROMOTED}"}})',
                            legend="{{namespace}}",
                        ),
                    ),
                ),
                GrafanaPanel(
                    title="Change failure rate",
                    width=12,
                    unit="percentunit",
                    text="Runs of a day that were rolled back, or whose promotion failed.",
                    queries=(
                        PanelQuery(
                            expression="sum by (namespace) (tidegate:runs:increase1d"
                            f"{{{_FLEET}, {_FAILURES}}}) / "
                            f"(sum by (namespace) (tidegate:runs:increase1d{{{_FLEET}}}) > 0)",
                            legend="{{namespace}}",
                        ),
                    ),
                ),
                GrafanaPanel(
                    title="Lead time",
                    width=12,
                    unit="s",
                    text="From a commit to its promotion, over a day; of targets that say when their "
                    "commit was made (tidegate.dev/committed-at).",
                    queries=tuple(
                        PanelQuery(
                            expression=f"histogram_quantile({q}, sum by (le) "
                            "(increase(tidegate_canary_lead_time_seconds_bucket[1d])))",
                            legend=f"p{round(q * 100)}",
                        )
                        for q in (0.5, 0.9)
                    ),
                ),
                GrafanaPanel(
                    title="How long a release takes",
                    width=12,
                    unit="s",
                    text="From a new revision to its promotion, over a day.",
                    queries=tuple(
                        PanelQuery(
                            expression=f"histogram_quantile({q}, sum by (le) "
                            "(increase(tidegate_canary_run_duration_seconds_bucket"
                            f'{{outcome="{Outcome.PROMOTED}"}}[1d])))',
                            legend=f"p{round(q * 100)}",
                        )
                        for q in (0.5, 0.9)
                    ),
                ),
                GrafanaPanel(
                    title="How long it takes to roll back",
                    width=12,
                    unit="s",
                    text="From a new revision to its rollback, over a day.",
                    queries=tuple(
                        PanelQuery(
                            expression=f"histogram_quantile({q}, sum by (le) "
                            "(increase(tidegate_canary_run_duration_seconds_bucket"
                            f'{{outcome="{Outcome.ROLLED_BACK}"}}[1d])))',
                            legend=f"p{round(q * 100)}",
                        )
                        for q in (0.5, 0.9)
                    ),
                ),
            ),
        ),
    ),
)

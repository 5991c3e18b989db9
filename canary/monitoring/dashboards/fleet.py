"""The fleet: which Canaries need a person, and where all of them are."""

from types import MappingProxyType

from canary.api.status import Phase
from canary.monitoring.panels import (
    NAMESPACES,
    STACKED,
    GrafanaDashboard,
    GrafanaPanel,
    PanelQuery,
    PanelRow,
    summed,
)

_FLEET = 'namespace=~"$namespace"'
_AS_TABLE = (
    MappingProxyType(
        {
            "id": "organize",
            "options": {"excludeByName": {"Time": True}, "renameByName": {"Value": "seconds"}},
        }
    ),
)

FLEET = GrafanaDashboard(
    name="fleet",
    title="fleet",
    variables=(NAMESPACES,),
    since="now-24h",
    rows=(
        PanelRow(
            title="Who needs a person",
            panels=(
                GrafanaPanel(
                    title="Gates that are shut",
                    kind="table",
                    unit="s",
                    text="Since when each Canary has waited at its gate.",
                    queries=(
                        PanelQuery(
                            expression="time() - max by (namespace, name, reason) "
                            "(tidegate_canary_waiting_since_timestamp_seconds"
                            f'{{{_FLEET}, reason=~".*Gate"}})',
                            instant=True,
                        ),
                    ),
                    transformations=_AS_TABLE,
                ),
                GrafanaPanel(
                    title="Failed, invalid and paused",
                    kind="table",
                    text="The last release has failed, the spec cannot be acted on, or a person "
                    "has paused the run.",
                    queries=(
                        PanelQuery(
                            expression="max by (namespace, name, phase) (tidegate_canary_phase"
                            f'{{{_FLEET}, phase="{Phase.FAILED}"}} == 1)',
                            instant=True,
                        ),
                        PanelQuery(
                            expression=f"max by (namespace, name) (tidegate_canary_invalid{{{_FLEET}}})",
                            instant=True,
                        ),
                        PanelQuery(
                            expression=f"max by (namespace, name) (tidegate_canary_paused{{{_FLEET}}})",
                            instant=True,
                        ),
                    ),
                    transformations=(MappingProxyType({"id": "merge", "options": {}}),),
                ),
                GrafanaPanel(
                    title="Longest waits",
                    kind="table",
                    unit="s",
                    queries=(
                        PanelQuery(
                            expression="topk(10, time() - max by (namespace, name, reason) "
                            "(tidegate_canary_waiting_since_timestamp_seconds"
                            f'{{{_FLEET}, reason!="AnalysisDue"}}))',
                            instant=True,
                        ),
                    ),
                    transformations=_AS_TABLE,
                ),
            ),
        ),
        PanelRow(
            title="Phases and runs",
            panels=(
                GrafanaPanel(
                    title="Canaries by phase",
                    width=12,
                    custom=STACKED,
                    queries=(
                        PanelQuery(
                            expression=summed(f"tidegate_canary_phase{{{_FLEET}}}", "phase")
                            + " > 0",
                            legend="{{phase}}",
                        ),
                    ),
                ),
                GrafanaPanel(
                    title="Runs that ended, by outcome",
                    width=12,
                    custom=STACKED,
                    queries=(
                        PanelQuery(
                            expression=summed(
                                f"increase(tidegate_canary_runs_total{{{_FLEET}}}[1h])", "outcome"
                            ),
                            legend="{{outcome}}",
                        ),
                    ),
                ),
                GrafanaPanel(
                    title="Deadlines of waits",
                    width=12,
                    unit="s",
                    text="Until a wait ends with the failure of the run.",
                    queries=(
                        PanelQuery(
                            expression="min by (namespace, name, reason) "
                            f"(tidegate_canary_deadline_timestamp_seconds{{{_FLEET}}}) - time()",
                            legend="{{namespace}}/{{name}}: {{reason}}",
                        ),
                    ),
                ),
                GrafanaPanel(
                    title="Traffic of canaries",
                    width=12,
                    unit="percent",
                    queries=(
                        PanelQuery(
                            expression="max by (namespace, name) (tidegate_canary_weight"
                            f'{{{_FLEET}, side="canary"}}) > 0',
                            legend="{{namespace}}/{{name}}",
                        ),
                    ),
                ),
            ),
        ),
    ),
)

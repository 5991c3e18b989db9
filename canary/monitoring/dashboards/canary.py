"""One Canary: its run, each check against its bounds, and the primary beside the canary."""

from types import MappingProxyType

from canary.api.status import Phase
from canary.monitoring.panels import (
    RATE,
    GrafanaDashboard,
    GrafanaPanel,
    PanelQuery,
    PanelRow,
    PickedVariable,
    TimeMark,
)

_ONE = 'namespace="$namespace", name="$name"'


def _states(names: list[tuple[str, str]]) -> MappingProxyType[str, object]:
    """Map the places of states to their names and colours."""
    return MappingProxyType(
        {
            "type": "value",
            "options": {
                str(place): {"text": name, "color": color, "index": place}
                for place, (name, color) in enumerate(names)
            },
        }
    )


_COLORS = {
    Phase.FAILED: "red",
    Phase.SUCCEEDED: "green",
    Phase.INITIALIZED: "green",
    Phase.PROGRESSING: "blue",
}
_PHASES = [(phase.value or "New", _COLORS.get(phase, "yellow")) for phase in Phase]
_VERDICTS = [("pass", "green"), ("fail", "red"), ("inconclusive", "yellow")]


def _numbered(metric: str, where: str, label: str, values: list[str], by: str) -> str:
    """Tell which of several series is 1, as the place of its label's value in a list."""
    parts = (
        f'max by ({by}) ({metric}{{{where}, {label}="{value}"}} == 1) * 0 + {place}'
        for place, value in enumerate(values)
    )
    return " or ".join(f"({each})" for each in parts)


#: As the built-in metric has it: a call of gRPC that failed has the HTTP status 200.
_GOOD = ', response_code!~"5..", grpc_response_status!~"2|4|12|13|14|15"'


def _served(metric: str, where: str = "") -> str:
    """Give the rate of what Istio's proxies have counted at the pods of both sides."""
    matchers = (
        'reporter="destination", destination_workload_namespace="$namespace", '
        f'destination_workload=~"$target(-primary)?"{where}'
    )
    return f"rate({metric}{{{matchers}}}{RATE})"


def _traffic() -> tuple[GrafanaPanel, ...]:
    by, legend = "sum by (destination_workload)", "{{destination_workload}}"
    requests = f"{by} ({_served('istio_requests_total')})"
    good = f"{by} ({_served('istio_requests_total', _GOOD)})"
    durations = _served("istio_request_duration_milliseconds_bucket")
    return (
        GrafanaPanel(
            title="Requests",
            unit="reqps",
            queries=(PanelQuery(expression=requests, legend=legend),),
        ),
        GrafanaPanel(
            title="Requests without an error of the server",
            unit="percent",
            queries=(PanelQuery(expression=f"100 * {good} / {requests}", legend=legend),),
        ),
        GrafanaPanel(
            title="Duration",
            unit="ms",
            queries=tuple(
                PanelQuery(
                    expression=f"histogram_quantile({q}, sum by (le, destination_workload) "
                    f"({durations}))",
                    legend=f"{legend} p{round(q * 100)}",
                )
                for q in (0.5, 0.9, 0.99)
            ),
        ),
    )


def _pods() -> tuple[GrafanaPanel, ...]:
    pods = 'namespace="$namespace", pod=~"$target(-primary)?-.*"'
    cpu = f'rate(container_cpu_usage_seconds_total{{{pods}, container!=""}}{RATE})'
    memory = f'container_memory_working_set_bytes{{{pods}, container!=""}}'
    restarts = f"increase(kube_pod_container_status_restarts_total{{{pods}}}[5m])"
    return tuple(
        GrafanaPanel(
            title=title,
            unit=unit,
            queries=(PanelQuery(expression=f"sum by (pod) ({text})", legend="{{pod}}"),),
        )
        for title, unit, text in (
            ("CPU", "short", cpu),
            ("Memory", "bytes", memory),
            ("Restarts", "short", restarts),
        )
    )


CANARY = GrafanaDashboard(
    name="canary",
    title="canary",
    variables=(
        PickedVariable(name="namespace", selector="tidegate_canary_phase", label="namespace"),
        PickedVariable(
            name="name", selector='tidegate_canary_phase{namespace="$namespace"}', label="name"
        ),
        PickedVariable(name="target", selector=f"tidegate_canary_info{{{_ONE}}}", label="target"),
    ),
    marks=(
        TimeMark(
            name="starts",
            expression=f"tidegate_canary_steps{{{_ONE}}} unless tidegate_canary_steps{{{_ONE}}} "
            "offset 1m",
            text="a run begins",
            color="blue",
        ),
        TimeMark(
            name="runs",
            expression=f"time() - tidegate_canary_last_run_timestamp_seconds{{{_ONE}}} < 60",
            text="{{outcome}}",
            color="orange",
        ),
        TimeMark(
            name="gates",
            expression="time() - tidegate_canary_waiting_since_timestamp_seconds"
            f'{{{_ONE}, reason=~".*Gate"}} < 60',
            text="{{reason}}",
            color="purple",
        ),
    ),
    rows=(
        PanelRow(
            title="The run",
            panels=(
                GrafanaPanel(
                    title="Phase",
                    kind="state-timeline",
                    width=24,
                    height=4,
                    mappings=(_states(_PHASES),),
                    queries=(
                        PanelQuery(
                            expression=_numbered(
                                "tidegate_canary_phase",
                                _ONE,
                                "phase",
                                [name for name, _ in _PHASES],
                                "namespace, name",
                            ),
                            legend="phase",
                        ),
                    ),
                ),
                GrafanaPanel(
                    title="Traffic of the canary",
                    unit="percent",
                    queries=(
                        PanelQuery(
                            # At rest there is no weight, and none of the traffic is the canary's.
                            expression=f'max(tidegate_canary_weight{{{_ONE}, side="canary"}}) '
                            f"or max(tidegate_canary_phase{{{_ONE}}}) * 0",
                            legend="asked",
                        ),
                        PanelQuery(
                            expression=(
                                f'max(tidegate_canary_observed_weight{{{_ONE}, side="canary"}})'
                            ),
                            legend="seen",
                        ),
                    ),
                ),
                GrafanaPanel(
                    title="Step",
                    queries=(
                        PanelQuery(
                            expression=f"max(tidegate_canary_step{{{_ONE}}})", legend="step"
                        ),
                        PanelQuery(
                            expression=f"max(tidegate_canary_steps{{{_ONE}}})", legend="steps"
                        ),
                    ),
                ),
                GrafanaPanel(
                    title="Failed checks",
                    queries=(
                        PanelQuery(
                            expression=f"max(tidegate_canary_failed_checks{{{_ONE}}})",
                            legend="failed checks",
                        ),
                    ),
                ),
                GrafanaPanel(
                    title="Waiting",
                    width=24,
                    height=5,
                    unit="s",
                    queries=(
                        PanelQuery(
                            expression="time() - max by (reason) "
                            f"(tidegate_canary_waiting_since_timestamp_seconds{{{_ONE}}})",
                            legend="{{reason}}",
                        ),
                    ),
                ),
            ),
        ),
        PanelRow(
            title="Checks",
            panels=(
                GrafanaPanel(
                    title="Values and bounds",
                    width=12,
                    text="Each value must lie between its bounds.",
                    queries=(
                        PanelQuery(
                            expression=f"max by (metric) (tidegate_canary_check_value{{{_ONE}}})",
                            legend="{{metric}}",
                        ),
                        PanelQuery(
                            expression="max by (metric, side) "
                            f"(tidegate_canary_check_bound{{{_ONE}}})",
                            legend="{{metric}} {{side}}",
                        ),
                    ),
                ),
                GrafanaPanel(
                    title="Verdicts",
                    kind="state-timeline",
                    width=12,
                    mappings=(_states(_VERDICTS),),
                    queries=(
                        PanelQuery(
                            expression=_numbered(
                                "tidegate_canary_check_verdict",
                                _ONE,
                                "verdict",
                                [name for name, _ in _VERDICTS],
                                "metric",
                            ),
                            legend="{{metric}}",
                        ),
                    ),
                ),
            ),
        ),
        PanelRow(
            title="Evidence of judges that count or compare",
            panels=(
                GrafanaPanel(
                    title="Evidence that the canary is worse",
                    width=12,
                    text="1 is none. A run is rolled back where it reaches the limit that its check "
                    "says, 100 for one metric where nothing else is chosen.",
                    queries=(
                        PanelQuery(
                            expression=f"max by (metric) (tidegate_canary_evidence{{{_ONE}}})",
                            legend="{{metric}}",
                        ),
                    ),
                    custom=MappingProxyType({"scaleDistribution": {"type": "log", "log": 10}}),
                ),
                GrafanaPanel(
                    title="Bad requests of the canary, as a multiple of the primary's",
                    width=12,
                    text="The multiple lies between low and high, by 95 %; 1 is as good. It proves "
                    "nothing by itself: the judge goes by its evidence.",
                    queries=(
                        PanelQuery(
                            expression="max by (metric, bound) "
                            f"(tidegate_canary_evidence_ratio{{{_ONE}}})",
                            legend="{{metric}} {{bound}}",
                        ),
                    ),
                    custom=MappingProxyType({"scaleDistribution": {"type": "log", "log": 10}}),
                ),
            ),
        ),
        PanelRow(title="Primary beside canary, with Istio", panels=_traffic()),
        PanelRow(title="Pods of both sides", panels=_pods()),
    ),
)

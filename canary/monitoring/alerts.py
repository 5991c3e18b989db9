"""The alert and recording rules, each alert with a runbook in `docs/runbooks`.

Where a gauge can tell, an alert reads no counter: it holds after a restart of the controller, and
for the first event of a Canary.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from canary.api.people import WebhookType
from canary.api.status import Outcome, Phase, Stage
from canary.core import waits
from canary.monitoring.limits import CLUSTER_LIMITS, NAMESPACE_LIMITS, WARNED_AT

RUNBOOKS = "docs/runbooks"
"""Where the runbooks are, beside this project's other pages."""

_PATIENT_STAGES = frozenset({Stage.GATED, Stage.WITHHELD, Stage.PAUSED, Stage.SUSPENDED})
_PATIENT = "|".join(
    (
        waits.ANALYSIS_DUE,
        waits.CHECKS_FAILING,
        *(
            w
            for w in waits.MEANINGS
            if waits.stage_of(w, Phase.PROGRESSING) in _PATIENT_STAGES and w not in waits.WRONG
        ),
    )
)
"""What may be waited for as long as it takes: an analysis, a person, a gate, another Canary."""
_GATES = "|".join(
    each for each in waits.MEANINGS if waits.stage_of(each, Phase.PROGRESSING) is Stage.GATED
)
_FAILURES = f"{Outcome.ROLLED_BACK}|{Outcome.PROMOTION_FAILED}"
_DAYS_TO_RENEW = 3
"""cert-manager renews a certificate of 90 days a month before its end."""
#: Hooks that answer "not yet" or "all is well" with what looks like an error.
_ANSWERS = "|".join(sorted({*(each for each in WebhookType if each.is_gate), "rollback"}))


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """A rule that calls a person; `after` is how long it must hold first."""

    name: str
    expression: str
    after: str
    severity: str
    summary: str
    """One sentence, with `{{ $labels.… }}` for what the expression tells apart."""

    def rule(self, runbooks: str) -> dict[str, Any]:
        """Write it as Prometheus reads it; `runbooks` is the address of the folder of runbooks."""
        return {
            "alert": self.name,
            "expr": self.expression,
            "for": self.after,
            "labels": {"severity": self.severity},
            "annotations": {
                "summary": self.summary,
                "runbook_url": f"{runbooks.rstrip('/')}/{self.name}.md",
            },
        }


def _by_canary(name: str, where: str = "", *labels: str) -> str:
    """Read a gauge of Canaries, whichever replica shows it."""
    by, matchers = ", ".join(("namespace", "name", *labels)), f"{{{where}}}" if where else ""
    return f"max by ({by}) (tidegate_canary_{name}{matchers})"


def _often(errors: str, calls: str, *labels: str) -> str:
    """Tell that over 20 % of the calls of ten minutes have failed, and more than 5."""
    by = f"by ({', '.join(labels)})"
    failed = f"sum {by} (increase(tidegate_{errors}[10m]))"
    made = f"sum {by} (increase(tidegate_{calls}_duration_seconds_count[10m]))"
    return f"{failed} > 5 and {failed} > 0.2 * {made}"


def _near(limits: Mapping[str, int], counted: str) -> str:
    """Tell which kinds have come near their limit; `counted` is how many there are of a kind.

    Every replica counts all objects, those of the others' Canaries too: the highest number counts.
    """
    return " or ".join(
        f"{counted.format(kind=kind)} > {WARNED_AT} * {limit}" for kind, limit in limits.items()
    )


_OF_THE_CANARY = "{{ $labels.namespace }}/{{ $labels.name }}"

ALERTS: tuple[AlertRule, ...] = (
    AlertRule(
        name="TidegateDown",
        expression="absent(tidegate_info)",
        after="5m",
        severity="critical",
        summary="Prometheus finds no tidegate controller.",
    ),
    AlertRule(
        name="TidegateNobodyActs",
        expression="sum(tidegate_leader) == 0",
        after="2m",
        severity="critical",
        summary="tidegate runs, and no replica of it acts.",
    ),
    AlertRule(
        name="TidegateCanariesUnowned",
        # Canaries that are deleted have an owner no more: a process must be missing as well. One that
        # changes hands may be counted twice between two scrapes: what lasted is compared with.
        expression="sum(tidegate_canaries_owned) < "
        "0.9 * max_over_time(min_over_time(sum(tidegate_canaries_owned)[5m:])[1h:]) "
        "and max(tidegate_members) < max_over_time(max(tidegate_members)[1h:])",
        after="5m",
        severity="critical",
        summary="A replica of tidegate is gone, and no other has taken over its Canaries.",
    ),
    AlertRule(
        name="TidegateCertificateEnds",
        expression="min(tidegate_admission_certificate_end_timestamp_seconds) - time() "
        f"< {_DAYS_TO_RENEW} * 86400",
        after="10m",
        severity="warning",
        summary="The certificate of tidegate's admission webhook ends within "
        f"{_DAYS_TO_RENEW} days, or has ended.",
    ),
    AlertRule(
        name="TidegateRunFailed",
        expression=_by_canary("phase", f'phase="{Phase.FAILED}"') + " == 1",
        after="0m",
        severity="warning",
        summary=f"The last release of {_OF_THE_CANARY} has failed.",
    ),
    AlertRule(
        name="TidegatePromotionFailed",
        expression="time() - "
        + _by_canary("last_run_timestamp_seconds", f'outcome="{Outcome.PROMOTION_FAILED}"')
        + " < 900",
        after="0m",
        severity="critical",
        summary=f"The promotion of {_OF_THE_CANARY} has failed.",
    ),
    AlertRule(
        name="TidegateGateWaits",
        expression="time() - "
        + _by_canary("waiting_since_timestamp_seconds", f'reason=~"{_GATES}"', "reason")
        + " > 3600",
        after="0m",
        severity="info",
        summary=f"{_OF_THE_CANARY} has waited at a gate for an hour: {{{{ $labels.reason }}}}.",
    ),
    AlertRule(
        name="TidegateGateEnds",
        expression=_by_canary("deadline_timestamp_seconds", f'reason=~"{_GATES}"', "reason")
        + " - time() < 3600",
        after="0m",
        severity="warning",
        summary=f"{_OF_THE_CANARY} is rolled back within an hour unless its gate is answered: "
        "{{ $labels.reason }}.",
    ),
    AlertRule(
        name="TidegateStuck",
        expression="time() - "
        + _by_canary("waiting_since_timestamp_seconds", f'reason!~"{_PATIENT}"', "reason")
        + " > 1800",
        after="0m",
        severity="warning",
        summary=f"{_OF_THE_CANARY} has waited for half an hour: {{{{ $labels.reason }}}}.",
    ),
    AlertRule(
        name="TidegateNoVerdict",
        expression=_by_canary("check_verdict", 'verdict="inconclusive"', "metric")
        + " == 1 and on (namespace, name) "
        + _by_canary("phase", f'phase="{Phase.PROGRESSING}"')
        + " == 1",
        after="15m",
        severity="warning",
        summary=f"The metric {{{{ $labels.metric }}}} of {_OF_THE_CANARY} gives no verdict.",
    ),
    AlertRule(
        name="TidegateInvalid",
        expression=_by_canary("invalid") + " == 1",
        after="15m",
        severity="warning",
        summary=f"The spec of {_OF_THE_CANARY} cannot be acted on.",
    ),
    AlertRule(
        name="TidegateQueriesFail",
        expression=_often("query_errors_total", "query", "provider"),
        after="0m",
        severity="warning",
        summary="Queries of metric stores fail: {{ $labels.provider }}.",
    ),
    AlertRule(
        name="TidegateHooksFail",
        expression=_often(f'webhook_errors_total{{type!~"{_ANSWERS}"}}', "webhook", "type"),
        after="0m",
        severity="warning",
        summary="Calls of hooks fail: {{ $labels.type }}.",
    ),
    AlertRule(
        name="TidegateApiFails",
        expression=_often('api_request_errors_total{reason!="409"}', "api_request", "resource"),
        after="0m",
        severity="warning",
        summary="The Kubernetes API refuses or fails requests for {{ $labels.resource }}.",
    ),
    AlertRule(
        name="TidegateNotificationsLost",
        expression="sum(increase(tidegate_notifications_given_up_total[1h])) > 0",
        after="0m",
        severity="warning",
        summary="Notifications were not delivered within their time, and are lost.",
    ),
    AlertRule(
        name="TidegateBehind",
        expression="histogram_quantile(0.99, sum by (le) "
        "(rate(tidegate_reconcile_lag_seconds_bucket[5m]))) > 10",
        after="10m",
        severity="warning",
        summary="Canaries wait more than 10 s for a worker of the controller.",
    ),
    AlertRule(
        name="TidegateClusterFills",
        expression=_near(
            CLUSTER_LIMITS,
            'sum by (kind) (max by (kind, owner) (tidegate_objects{{kind="{kind}"}}))',
        ),
        after="15m",
        severity="warning",
        summary="The cluster has 80 % of the {{ $labels.kind }} that Kubernetes is tested with.",
    ),
    AlertRule(
        name="TidegateNamespaceFills",
        expression=_near(
            NAMESPACE_LIMITS,
            'max by (kind, namespace) (tidegate_objects_fullest_namespace{{kind="{kind}"}})',
        ),
        after="15m",
        severity="warning",
        summary="Namespace {{ $labels.namespace }} has 80 % of the {{ $labels.kind }} that "
        "Kubernetes is tested with.",
    ),
    AlertRule(
        name="TidegateRollbacksHigh",
        expression="tidegate:runs:failure_ratio1d > 0.3 and on () sum(tidegate:runs:increase1d) >= 10",
        after="0m",
        severity="info",
        summary="More than 30 % of the runs of a day have failed.",
    ),
)

_FAILED_IN_A_DAY = f'sum(tidegate:runs:increase1d{{outcome=~"{_FAILURES}"}}) or vector(0)'
RECORDINGS: tuple[tuple[str, str], ...] = (
    (
        "tidegate:runs:increase1d",
        "sum by (namespace, outcome) (increase(tidegate_canary_runs_total[1d]))",
    ),
    (
        "tidegate:runs:failure_ratio1d",
        f"({_FAILED_IN_A_DAY}) / (sum(tidegate:runs:increase1d) > 0)",
    ),
)
"""What is recorded, by name, in the order in which it is computed."""


def rules(runbooks: str = RUNBOOKS) -> dict[str, Any]:
    """Write all rules as a file of Prometheus has them, and a PrometheusRule under its `spec`."""
    recorded = [{"record": name, "expr": expression} for name, expression in RECORDINGS]
    return {
        "groups": [
            {"name": "tidegate-runs", "interval": "1m", "rules": recorded},
            {"name": "tidegate", "rules": [each.rule(runbooks) for each in ALERTS]},
        ]
    }

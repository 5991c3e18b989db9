"""MetricTemplates as users of Flagger have them, of every type, each with its Secret.

Written in the forms that Flagger's users keep: addresses left out where the store has one of its
own, keys as Flagger names them, queries broken into lines.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Manifest = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Template:
    """The provider and the query of a template, and what its Secret holds."""

    provider: Mapping[str, object]
    query: str
    secret: Mapping[str, str] = field(default_factory=dict)
    address: str
    """Where it is asked."""

    @property
    def manifest(self) -> Manifest:
        """The object."""
        reference = {"secretRef": {"name": "login"}} if self.secret else {}
        return {
            "apiVersion": "flagger.app/v1beta1",
            "kind": "MetricTemplate",
            "metadata": {"name": "errors", "namespace": "test"},
            "spec": {"provider": {**self.provider, **reference}, "query": self.query},
        }


TEMPLATES: Mapping[str, Template] = {
    "prometheus": Template(
        provider={"type": "prometheus", "address": "http://prometheus.monitoring:9090"},
        query="sum(rate(http_requests_total{status=~'5..', app='{{ target }}'}[{{ interval }}]))",
        secret={"username": "shop", "password": "s3cr3t"},
        address="http://prometheus.monitoring:9090",
    ),
    "datadog": Template(
        provider={"type": "datadog"},
        query="""
            100 - (
              sum:http.errors{service:{{ target }}, cluster:{{ variables.cluster }}}.as_count() /
              sum:http.hits{service:{{ target }}}.as_count()
            ) * 100
        """,
        secret={"datadog_api_key": "key", "datadog_application_key": "app-key"},
        address="https://api.datadoghq.com",
    ),
    "datadog in Europe": Template(
        provider={"type": "datadog", "address": "https://api.datadoghq.eu"},
        query="avg:http.errors{service:{{ target }}}",
        secret={"datadog_api_key": "key", "datadog_application_key": "app-key"},
        address="https://api.datadoghq.eu",
    ),
    "newrelic": Template(
        provider={"type": "newrelic"},
        query="""
            SELECT filter(count(*), WHERE status >= 500) / count(*) * 100 AS result
            FROM Metric WHERE appName = '{{ target }}'
        """,
        secret={"newrelic_account_id": "12345", "newrelic_query_key": "key"},
        address="https://insights-api.newrelic.com",
    ),
    "influxdb": Template(
        provider={"type": "influxdb", "address": "http://influxdb.monitoring:8086"},
        query="""
            from(bucket: "default")
              |> range(start: -{{ interval }})
              |> filter(fn: (r) => r["service"] == "{{ target }}")
              |> group() |> count()
        """,
        secret={"token": "t0ken", "org": "shop"},
        address="http://influxdb.monitoring:8086",
    ),
    "graphite": Template(
        provider={"type": "graphite", "address": "http://graphite.monitoring"},
        query="""
            target=summarize(
              asPercent(
                sumSeries(app.{{ target }}.status.5*.count), sumSeries(app.{{ target }}.count)
              ),
              {{ interval }}, 'avg'
            )
        """,
        secret={"username": "shop", "password": "s3cr3t"},
        address="http://graphite.monitoring",
    ),
    "dynatrace": Template(
        provider={"type": "dynatrace", "address": "https://abc12345.live.dynatrace.com"},
        query="""
            builtin:service.errors.total.rate:filter(in("dt.entity.service",
              entitySelector("type(SERVICE),entityName.contains({{ target }})"))):avg
        """,
        secret={"dynatrace_token": "t0ken"},
        address="https://abc12345.live.dynatrace.com",
    ),
    "cloudwatch": Template(
        provider={"type": "cloudwatch", "region": "eu-west-1"},
        query="""
            [
              {"id": "e1", "expression": "m1 / m2", "label": "ErrorRate"},
              {
                "id": "m1",
                "metricStat": {
                  "metric": {
                    "namespace": "Shop",
                    "metricName": "Errors",
                    "dimensions": [{"name": "appName", "value": "{{ name }}.{{ namespace }}"}]
                  },
                  "period": 60, "stat": "Sum", "unit": "Count"
                },
                "returnData": false
              }
            ]
        """,
        address="https://monitoring.eu-west-1.amazonaws.com",
    ),
    "stackdriver": Template(
        provider={"type": "stackdriver"},
        query="""
            fetch k8s_container
            | metric 'istio.io/service/server/request_count'
            | filter (metric.destination_service_name == '{{ service }}-canary')
            | align rate(1m)
            | every 1m
            | group_by [], [sum(val())]
        """,
        secret={"project": "shop-1"},
        address="https://monitoring.googleapis.com",
    ),
    "splunk": Template(
        provider={"type": "splunk", "address": "https://api.us1.signalfx.com"},
        query="""
            total = data('requests', filter=filter('service', '{{ target }}')).sum().publish(enable=False)
            bad = data('errors', filter=filter('service', '{{ target }}')).sum().publish(enable=False)
            (bad / total * 100).publish()
        """,
        secret={"sf_token_key": "t0ken"},
        address="https://api.us1.signalfx.com",
    ),
    "externalmetrics": Template(
        provider={"type": "externalmetrics"},
        query="{{ namespace }}/queue?labelSelector=app={{ target }}",
        address="https://10.0.0.1:443",
    ),
    "externalmetrics of an adapter": Template(
        provider={"type": "externalmetrics", "address": "https://adapter.monitoring"},
        query="{{ namespace }}/queue",
        secret={"token": "t0ken"},
        address="https://adapter.monitoring",
    ),
    "keptn": Template(
        provider={"type": "keptn"},
        query="keptnmetric/{{ namespace }}/errors",
        address="https://10.0.0.1:443",
    ),
}

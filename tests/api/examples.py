"""Objects that users write: good ones, and bad ones with what is said about them."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

JsonObject = dict[str, Any]
GONE = object()

PEM = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIU+/=\n-----END CERTIFICATE-----\n"


def a_canary() -> JsonObject:
    """Build the Canary of a first-time user."""
    return {
        "apiVersion": "tidegate.dev/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
            "service": {"port": 9898},
            "analysis": {
                "interval": "30s",
                "threshold": 5,
                "maxWeight": 50,
                "stepWeight": 10,
                "metrics": [
                    {"name": "request-success-rate", "thresholdRange": {"min": 99}},
                    {"name": "request-duration", "thresholdRange": {"max": 500}},
                ],
                "webhooks": [{"name": "load", "type": "rollout", "url": "http://loadtester.test/"}],
            },
        },
    }


def a_template() -> JsonObject:
    """Build a MetricTemplate for Prometheus."""
    return {
        "apiVersion": "tidegate.dev/v1beta1",
        "kind": "MetricTemplate",
        "metadata": {"name": "errors", "namespace": "test"},
        "spec": {
            "provider": {"type": "prometheus", "address": "http://prometheus.monitoring:9090"},
            "query": "sum(rate(errors_total{job='{{ target }}'}[{{ interval }}]))",
        },
    }


def a_receiver() -> JsonObject:
    """Build an AlertProvider for Slack."""
    return {
        "apiVersion": "tidegate.dev/v1beta1",
        "kind": "AlertProvider",
        "metadata": {"name": "on-call", "namespace": "test"},
        "spec": {"type": "slack", "secretRef": {"name": "slack"}},
    }


def a_delivery_policy() -> JsonObject:
    """Build a DeliveryPolicy that stops some Canaries."""
    return {
        "apiVersion": "tidegate.dev/v1beta1",
        "kind": "DeliveryPolicy",
        "metadata": {"name": "incident", "namespace": "tidegate-system"},
        "spec": {
            "namespaces": ["shop-*"],
            "selector": {"matchLabels": {"tier": "one"}},
            "stop": {"mode": "Hold", "reason": "INC-4711"},
        },
    }


def patched(obj: JsonObject, changes: Mapping[str, object]) -> JsonObject:
    """Copy an object with values set at paths below its spec; GONE removes one."""
    copy = deepcopy(obj)
    for path, value in changes.items():
        *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")]
        node: Any = copy["spec"]
        for parent in parents:
            node = node.setdefault(parent, {}) if isinstance(parent, str) else node[parent]
        if value is GONE:
            del node[last]
        elif isinstance(node, list) and last == len(node):
            node.append(value)
        else:
            node[last] = value
    return copy


WEIGHTED = {"analysis/stepWeight": GONE, "analysis/maxWeight": GONE}

_EVERY_SERVICE_FIELD: JsonObject = {
    "name": "podinfo-web",
    "port": 80,
    "portName": "http-web",
    "targetPort": "web",
    "appProtocol": "http",
    "trafficDistribution": "PreferClose",
    "portDiscovery": True,
    "headless": True,
    "timeout": "15s",
    "backendTimeout": "5s",
    "gateways": ["mesh", "istio-system/public"],
    "gatewayRefs": [
        {
            "group": "gateway.networking.k8s.io",
            "kind": "Gateway",
            "name": "public",
            "namespace": "ingress",
            "sectionName": "https",
            "port": 443,
        }
    ],
    "hosts": ["podinfo.example.com", "*"],
    "delegation": False,
    "trafficPolicy": {
        "connectionPool": {"tcp": {"maxConnections": 10}, "http": {"http2MaxRequests": 5}},
        "portLevelSettings": [{"port": {"number": 80}}],
        "tls": {"mode": "ISTIO_MUTUAL"},
    },
    "match": [
        {
            "name": "api",
            "uri": {"prefix": "/api"},
            "scheme": {"exact": "https"},
            "method": {"exact": "GET"},
            "authority": {"suffix": ".example.com"},
            "headers": {"x-user": {"regex": ".*beta.*"}},
            "withoutHeaders": {"x-robot": {"exact": "1"}},
            "queryParams": {"beta": {"exact": "1"}},
            "sourceLabels": {"app": "front"},
            "sourceNamespace": "web",
            "gateways": ["mesh"],
            "port": 80,
            "ignoreUriCase": True,
        }
    ],
    "rewrite": {"uri": "/", "authority": "podinfo", "type": "ReplacePrefixMatch"},
    "retries": {"attempts": 3, "perTryTimeout": "1s", "retryOn": "gateway-error"},
    "headers": {
        "request": {"add": {"x-a": "1"}, "set": {"x-b": "2"}, "remove": ["x-c"]},
        "response": {"add": {"x-d": "3"}, "set": {"x-e": "4"}, "remove": ["x-f"]},
    },
    "mirror": [
        {
            "backendRef": {
                "group": "",
                "kind": "Service",
                "name": "shadow",
                "namespace": "lab",
                "port": 80,
            }
        }
    ],
    "corsPolicy": {
        "allowOrigin": ["https://example.com"],
        "allowOrigins": [{"exact": "https://a.example"}, {"regex": "https://.*"}],
        "allowMethods": ["GET"],
        "allowHeaders": ["x-token"],
        "exposeHeaders": ["x-id"],
        "maxAge": "24h",
        "allowCredentials": True,
    },
    "meshName": "global",
    "backends": ["backend.test", "arn:aws:appmesh:eu-west-1:1:mesh/m/virtualService/b"],
    "apex": {"labels": {"a": "1"}, "annotations": {"b": "2"}},
    "primary": {"labels": {"a": "1"}, "annotations": {"b": "2"}},
    "canary": {"labels": {"a": "1"}, "annotations": {"b": "2"}},
    "unmanagedMetadata": {"labels": ["team"], "annotations": ["cost-centre"]},
}

_EVERY_SPEC_FIELD: JsonObject = {
    "provider": "istio",
    "metricsServer": "http://prometheus.monitoring:9090",
    "targetRef": {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "podinfo"},
    "autoscalerRef": {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "name": "podinfo",
        "primaryScalerQueries": {"rps": "sum(rate(requests_total[1m]))"},
        "primaryScalerReplicas": {"minReplicas": 2, "maxReplicas": 8},
    },
    "ingressRef": {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "podinfo"},
    "managedRoutes": [
        {
            "kind": "VirtualService",
            "name": "shop",
            "rules": [{"name": "api"}, {"port": 3306}, {"sniHost": "db.example.com"}],
        },
        {"kind": "HTTPRoute", "name": "shop"},
    ],
    "ingressRefs": [
        {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "podinfo-admin"}
    ],
    "routeRef": {"apiVersion": "apisix.apache.org/v2", "kind": "ApisixRoute", "name": "podinfo"},
    "upstreamRef": {
        "apiVersion": "gloo.solo.io/v1",
        "kind": "Upstream",
        "name": "podinfo",
        "namespace": "gloo",
    },
    "progressDeadlineSeconds": 120,
    "skipAnalysis": True,
    "revertOnDeletion": False,
    "deletionPolicy": "orphan",
    "suspend": True,
    "priority": -1000,
    "dependsOn": [{"name": "db"}, {"name": "auth", "namespace": "platform"}],
    "group": {"name": "checkout", "onFailure": "Alone"},
    "service": _EVERY_SERVICE_FIELD,
    "analysis": {
        "interval": "1m30s",
        "threshold": 3,
        "maxWeight": 80,
        "stepWeights": [1, 5, 50, 100],
        "stepWeightPromotion": 50,
        "bakeTime": "1h",
        "advanceOnProof": True,
        "rollbackWindow": {"duration": "24h", "revisions": 3},
        "score": {"pass": 95, "marginal": 75},
        "mirror": True,
        "mirrorWeight": 10,
        "primaryReadyThreshold": 90,
        "canaryReadyThreshold": 80,
        "onPodFailure": "deadline",
        "holdTimeout": "30m",
        "scaleDownDelay": "15m",
        "stepWeightRollback": 25,
        "canaryScale": {"percent": 50},
        "match": [{"headers": {"cookie": {"regex": "canary=always"}}}],
        "metrics": [
            {"name": "request-success-rate", "threshold": 99.5, "interval": "1m"},
            {
                "name": "error rate",
                "interval": "2h",
                "templateRef": {"name": "errors", "namespace": "metrics"},
                "templateVariables": {"path": "/api"},
                "thresholdRange": {"min": 0, "max": 0.5},
                "onNoData": "pass",
                "onError": "fail",
            },
            {"name": "queue", "query": "max(queue_length)", "thresholdRange": {"max": 10}},
            {
                "name": "paid orders",
                "templateRef": {"name": "paid", "namespace": "metrics"},
                "judge": "sequential",
                "judgeOptions": {"alpha": "0.05", "equalRatio": "1.2"},
                "minRequests": 200,
                "failureLimit": 3,
                "consecutiveFailures": 2,
                "consecutiveErrors": 5,
                "inconclusiveLimit": 10,
                "warmUp": "1m",
                "critical": True,
                "weight": 40,
                "onInconclusive": "hold",
                "holdLimit": {"after": "45m", "then": "advance"},
                "shadow": True,
            },
        ],
        "alerts": [
            {
                "name": "on call",
                "severity": "",
                "providerRef": {"name": "on-call", "namespace": "chat"},
            }
        ],
        "webhooks": [
            {"name": "by hand", "type": "confirm-rollout", "deadline": "24h", "approvals": 2},
            {
                "name": "load",
                "type": "",
                "url": "https://user:password@hooks.example.com:8443/start?now",
                "muteAlert": True,
                "timeout": "500ms",
                "retries": 3,
                "disableTLS": True,
                "metadata": {"cmd": "hey -z 1m http://podinfo-canary"},
                "headers": {"X-Team": "payments"},
                "secretRef": {"name": "hook-token"},
            },
        ],
        "verifyTraffic": {"tolerance": 5, "minRequests": 500, "interval": "2m"},
        "sessionAffinity": {
            "cookieName": "canary",
            "primaryCookieName": "primary",
            "domain": "example.com",
            "path": "/",
            "maxAge": 3600,
            "httpOnly": True,
            "secure": True,
            "partitioned": True,
            "sameSite": "Strict",
        },
    },
}

STEPS: list[JsonObject] = [
    {"name": "smoke test", "mirror": 10, "duration": "5m"},
    {
        "name": "our own people",
        "weight": 100,
        "match": [{"headers": {"x-insider": {"exact": "yes"}}}],
        "passes": 3,
        "approval": True,
        "scale": {"matchTrafficWeight": True},
    },
    {
        "weight": 10,
        "metrics": [{"name": "orders", "query": "orders", "thresholdRange": {"min": 1}}],
        "webhooks": [
            {"name": "more load", "type": "rollout", "url": "http://hooks.test/"},
            {"name": "may we", "type": "confirm-traffic-increase"},
        ],
    },
]

GOOD_CANARIES: dict[str, JsonObject] = {
    "the first Canary of a new user": a_canary(),
    "an object of the peer's group": a_canary() | {"apiVersion": "flagger.app/v1beta1"},
    "every field at once": a_canary() | {"spec": _EVERY_SPEC_FIELD},
    "A/B by iterations": patched(a_canary(), WEIGHTED | {"analysis/iterations": 10}),
    "rules of a route of the user's instead of a parent": patched(
        a_canary(),
        {"provider": "gatewayapi", "managedRoutes": [{"kind": "HTTPRoute", "name": "shop"}]},
    ),
    "a list of weights": patched(a_canary(), WEIGHTED | {"analysis/stepWeights": [1, 2, 100]}),
    "steps one by one, with every field": patched(a_canary(), WEIGHTED | {"analysis/steps": STEPS}),
    "a whole number written as 10.0": patched(a_canary(), {"analysis/stepWeight": 10.0}),
    "a threshold of 0, which counts as 1": patched(a_canary(), {"analysis/threshold": 0}),
    "an interval of one second": patched(a_canary(), {"analysis/interval": "1s"}),
    "a maxWeight of 0, which counts as 100": patched(a_canary(), {"analysis/maxWeight": 0}),
    "a hook that may take 90 minutes": patched(a_canary(), {"analysis/webhooks/0/timeout": "90m"}),
    "a metric without a bound whose judge needs none": patched(
        a_canary(),
        {"analysis/metrics/0": {"name": "request-success-rate", "judge": "sequential"}},
    ),
    "a threshold beside a thresholdRange": patched(
        a_canary(), {"analysis/metrics/0/threshold": 99}
    ),
    "a long Go duration": patched(a_canary(), {"analysis/interval": "1h2m3.5s"}),
    "no metrics and no webhooks": patched(
        a_canary(), {"analysis/metrics": [], "analysis/webhooks": []}
    ),
    "a Knative target without a service": patched(
        a_canary(),
        {
            "service": GONE,
            "targetRef": {
                "apiVersion": "serving.knative.dev/v1",
                "kind": "Service",
                "name": "podinfo",
            },
        },
    ),
    "a target port by number": patched(a_canary(), {"service/targetPort": 8080}),
    "a target port of 0, which is unset": patched(a_canary(), {"service/targetPort": 0}),
    "a target whose name is as long as its services allow": patched(
        a_canary(), {"targetRef/name": "n" * 55}
    ),
    "a target with the longest name, and a service of its own name": patched(
        a_canary(), {"targetRef/name": "n" * 234, "service/name": "short"}
    ),
    "a target with dots in its name, and a service of its own name": patched(
        a_canary(), {"targetRef/name": "v1.podinfo", "service/name": "podinfo"}
    ),
    "a Gateway API route with a Service as parent": patched(
        a_canary(),
        {
            "provider": "gatewayapi:v1",
            "service/gatewayRefs": [{"group": "core", "kind": "Service", "name": "podinfo"}],
        },
    ),
    "delegation without hosts and gateways": patched(a_canary(), {"service/delegation": True}),
    "delegation with empty lists": patched(
        a_canary(), {"service/delegation": True, "service/hosts": [], "service/gateways": []}
    ),
    "a router that nobody has heard of, by its schema": patched(a_canary(), {"provider": "acme"}),
    "an address with an IPv6 host": patched(a_canary(), {"metricsServer": "http://[::1]:9090/p"}),
    "text in many languages": patched(
        a_canary(),
        {
            "analysis/webhooks/0/name": "нагрузка 負荷 🚀",
            "analysis/webhooks/0/metadata": {"ключ": "значение", "a": "x" * 65_523},
        },
    ),
    "annotations as long as an API server takes": a_canary()
    | {"metadata": {"name": "podinfo", "annotations": {"note": "x" * (256 * 1024 - 4)}}},
}

GOOD_TEMPLATES: dict[str, JsonObject] = {
    "a Prometheus template": a_template(),
    "a template of the peer's group": a_template() | {"apiVersion": "flagger.app/v1beta1"},
    "every field of a template": patched(
        a_template(),
        {
            "provider": {
                "type": "prometheus",
                "address": "https://mimir.example.com/prometheus",
                "headers": {"X-Scope-OrgID": ["a", "b"]},
                "secretRef": {"name": "mimir"},
                "region": "eu-west-1",
                "insecureSkipVerify": True,
                "caBundle": PEM + PEM,
                "timeout": "10s",
                "options": {"reduce": "sum", "settle": "2m"},
            }
        },
    ),
    "a store of the cloud without an address": patched(
        a_template(), {"provider": {"type": "cloudwatch", "region": "eu-west-1"}}
    ),
    "reading proxies directly": patched(a_template(), {"provider": {"type": "scrape"}}),
}

GOOD_RECEIVERS: dict[str, JsonObject] = {
    "Slack by a Secret": a_receiver(),
    "a receiver of the peer's group": a_receiver() | {"apiVersion": "flagger.app/v1beta1"},
    "every other field of a receiver": patched(
        a_receiver(),
        {
            "type": "webhook",
            "secretRef": GONE,
            "address": "https://hooks.example.com/x",
            "channel": "releases",
            "username": "gate",
            "proxy": "socks5://proxy.example.com:1080",
            "threads": True,
            "reasons": ["Promoted", "RolledBack"],
            "template": {
                "title": "{{ name }}: {{ reason }}",
                "message": "{{- /* for people */}}{{ message }} ({{ weight }} %)",
                "fields": {"Runbook": "https://wiki.example.com/{{ name }}"},
            },
            "links": {
                "logs": "https://grafana.example.com/explore?app={{ target }}",
                "runbook": "https://wiki.example.com",
            },
            "settings": {"pageOnGates": True, "version": 2, "format": "cdevents"},
        },
    ),
}


@dataclass(frozen=True, kw_only=True)
class Bad:
    """A bad object, and what is said about it."""

    obj: JsonObject
    field: str
    value: str
    remedy: str
    refused: Literal["schema", "rule", "unknown", "parse"]
    """By the schema's keywords, by a CEL rule, by pruning and strict validation, or by us only."""


def _bad(
    changes: Mapping[str, object],
    field: str,
    value: str,
    remedy: str,
    refused: Literal["schema", "rule", "unknown", "parse"] = "schema",
) -> Bad:
    obj = patched(a_canary(), changes)
    at = f"spec{field}" if field.startswith("[") else f"spec.{field}"
    return Bad(obj=obj, field=at, value=value, remedy=remedy, refused=refused)


def _bounded(name: str) -> JsonObject:
    return {"name": name, "query": "1", "thresholdRange": {"max": 1}}


BAD_CANARIES: dict[str, Bad] = {
    # types
    "a fraction where a whole number belongs": _bad(
        {"analysis/stepWeight": 2.5}, "analysis.stepWeight", "2.5", "write a whole number"
    ),
    "a quoted number": _bad(
        {"analysis/stepWeight": "10"}, "analysis.stepWeight", "'10'", "write a whole number"
    ),
    "true where a number belongs": _bad(
        {"analysis/threshold": True}, "analysis.threshold", "true", "write a whole number"
    ),
    "a number where a yes or no belongs": _bad(
        {"suspend": 1}, "suspend", "1", "write true or false"
    ),
    "text where a yes or no belongs": _bad(
        {"skipAnalysis": "yes"}, "skipAnalysis", "'yes'", "write true or false"
    ),
    "text where a bound belongs": _bad(
        {"analysis/metrics/0/thresholdRange/min": "99%"},
        "analysis.metrics[0].thresholdRange.min",
        "'99%'",
        "write a number, not quoted",
    ),
    "true where a bound belongs": _bad(
        {"analysis/metrics/0/thresholdRange/min": True},
        "analysis.metrics[0].thresholdRange.min",
        "true",
        "write a number, not quoted",
    ),
    "a number where text belongs": _bad(
        {"targetRef/name": 7}, "targetRef.name", "7", "write text; quote it"
    ),
    "a list where an object belongs": _bad(
        {"service": [80]}, "service", "a list of 1", "write an object"
    ),
    "an object where a list belongs": _bad(
        {"analysis/webhooks": {"name": "x"}}, "analysis.webhooks", "an object", "write a list"
    ),
    "text where a list belongs": _bad(
        {"service/hosts": "a.example"}, "service.hosts", "'a.example'", "write a list"
    ),
    "text where a map belongs": _bad(
        {"service/apex": {"labels": "a=1"}}, "service.apex.labels", "'a=1'", "write an object"
    ),
    "text where Istio's own object belongs": _bad(
        {"service/trafficPolicy": "tls"}, "service.trafficPolicy", "'tls'", "write an object"
    ),
    "a number in the metadata of a hook": _bad(
        {"analysis/webhooks/0/metadata": {"retries": 3}},
        "analysis.webhooks[0].metadata.retries",
        "(hidden)",
        "write text; quote it",
    ),
    "names where dependencies belong": _bad(
        {"dependsOn": ["db"]}, "dependsOn[0]", "'db'", "write an object with named fields"
    ),
    "a single dependency where a list belongs": _bad(
        {"dependsOn": {"name": "db"}}, "dependsOn", "an object", "write a list"
    ),
    "a name where a group belongs": _bad(
        {"group": "checkout"}, "group", "'checkout'", "write an object with named fields"
    ),
    "a yes where the traffic's bounds belong": _bad(
        {"analysis/verifyTraffic": True},
        "analysis.verifyTraffic",
        "true",
        "write an object with named fields",
    ),
    "a tolerance with a percent sign": _bad(
        {"analysis/verifyTraffic": {"tolerance": "5%"}},
        "analysis.verifyTraffic.tolerance",
        "'5%'",
        "write a whole number, not quoted",
    ),
    # what must be there
    "no target": _bad({"targetRef": GONE}, "targetRef", "missing", "add this field"),
    "no analysis": _bad({"analysis": GONE}, "analysis", "missing", "add this field"),
    "a service without a port": _bad({"service": {}}, "service.port", "missing", "add this field"),
    "a null is as good as nothing": _bad(
        {"service/port": None}, "service.port", "missing", "add this field"
    ),
    "an alert that names nobody": _bad(
        {"analysis/alerts": [{"name": "a"}]},
        "analysis.alerts[0].providerRef",
        "missing",
        "add this field",
    ),
    "a dependency that names no Canary": _bad(
        {"dependsOn": [{"namespace": "shop"}]}, "dependsOn[0].name", "missing", "add this field"
    ),
    "a group without a name": _bad({"group": {}}, "group.name", "missing", "add this field"),
    "a metric with an empty name": _bad(
        {"analysis/metrics/0/name": ""},
        "analysis.metrics[0].name",
        "''",
        "write at least 1 character",
    ),
    # unknown names
    "a dependency with a kind": _bad(
        {"dependsOn": [{"name": "db", "kind": "Canary"}]},
        "dependsOn[0].kind",
        "(hidden)",
        "no such field; remove it",
        "unknown",
    ),
    "a mistyped tolerance": _bad(
        {"analysis/verifyTraffic": {"tolerence": 5}},
        "analysis.verifyTraffic.tolerence",
        "5",
        "did you mean tolerance?",
        "unknown",
    ),
    "another way out of a group that fails": _bad(
        {"group": {"name": "checkout", "onFailure": "alone"}},
        "group.onFailure",
        "'alone'",
        "write 'Together' or 'Alone'",
    ),
    "a dependency whose name no Canary can have": _bad(
        {"dependsOn": [{"name": "Data Base"}]},
        "dependsOn[0].name",
        "'Data Base'",
        "lower-case letters, digits, hyphens and dots",
        "rule",
    ),
    "a dependency in a namespace that none can be": _bad(
        {"dependsOn": [{"name": "db", "namespace": "shop.eu"}]},
        "dependsOn[0].namespace",
        "'shop.eu'",
        "lower-case letters, digits and hyphens",
        "rule",
    ),
    "a group whose name no label can have": _bad(
        {"group": {"name": "check out"}},
        "group.name",
        "'check out'",
        "lower-case letters, digits, hyphens and dots",
        "rule",
    ),
    "more dependencies than a Canary may have": _bad(
        {"dependsOn": [{"name": f"db-{number}"} for number in range(17)]},
        "dependsOn",
        "a list of 17",
        "give at most 16 entries",
    ),
    "a tolerance that no share can miss": _bad(
        {"analysis/verifyTraffic": {"tolerance": 51}},
        "analysis.verifyTraffic.tolerance",
        "51",
        "at most 50",
    ),
    "a tolerance that no share can meet": _bad(
        {"analysis/verifyTraffic": {"tolerance": 0}},
        "analysis.verifyTraffic.tolerance",
        "0",
        "at least 1",
    ),
    "a share of no requests": _bad(
        {"analysis/verifyTraffic": {"minRequests": 0}},
        "analysis.verifyTraffic.minRequests",
        "0",
        "at least 1",
    ),
    "requests counted over half a second": _bad(
        {"analysis/verifyTraffic": {"interval": "500ms"}},
        "analysis.verifyTraffic.interval",
        "'500ms'",
        "write a duration from 1s to 8760h",
        "rule",
    ),
    "a mistyped field": _bad(
        {"analysis/stepWieght": 10},
        "analysis.stepWieght",
        "10",
        "did you mean stepWeight?",
        "unknown",
    ),
    "a field in another spelling": _bad(
        {"analysis/step_weight": 10},
        "analysis.step_weight",
        "10",
        "did you mean stepWeight?",
        "unknown",
    ),
    "a field in another case": _bad(
        {"analysis/metrics/0/thresholdrange": {}},
        "analysis.metrics[0].thresholdrange",
        "an object",
        "did you mean thresholdRange?",
        "unknown",
    ),
    "a mistyped field inside a map": _bad(
        {"service/match": [{"headers": {"x-user": {"exact": "a", "preffix": "b"}}}]},
        "service.match[0].headers.x-user.preffix",
        "(hidden)",
        "did you mean prefix?",
        "unknown",
    ),
    "a field that is none": _bad(
        {"canaryAnalysis": {}}, "canaryAnalysis", "an object", "no such field", "unknown"
    ),
    "a field with a name of one megabyte": _bad(
        {"w" * 1_000_000: 1},
        f"['{'w' * 63}…']",
        "1",
        "no such field; remove it",
        "unknown",
    ),
    # ranges
    "a weight above 100": _bad(
        {"analysis/stepWeight": 101}, "analysis.stepWeight", "101", "at most 100"
    ),
    "a weight of 0, which never ends": _bad(
        {"analysis/stepWeight": 0}, "analysis.stepWeight", "0", "at least 1"
    ),
    "a highest weight above 100": _bad(
        {"analysis/maxWeight": 150}, "analysis.maxWeight", "150", "at most 100"
    ),
    "a negative threshold": _bad(
        {"analysis/threshold": -1}, "analysis.threshold", "-1", "at least 0"
    ),
    "a number that fits no computer": _bad(
        {"analysis/threshold": 10**50}, "analysis.threshold", "a huge number", "at most 2147483647"
    ),
    "a port above 65535": _bad({"service/port": 70000}, "service.port", "70000", "at most 65535"),
    "a readiness above 100 %": _bad(
        {"analysis/primaryReadyThreshold": 101},
        "analysis.primaryReadyThreshold",
        "101",
        "at most 100",
    ),
    "a deadline of no time": _bad(
        {"progressDeadlineSeconds": 0}, "progressDeadlineSeconds", "0", "at least 1"
    ),
    "no weight in a list of weights": _bad(
        WEIGHTED | {"analysis/stepWeights": []},
        "analysis.stepWeights",
        "a list of 0",
        "give at least 1 entry",
    ),
    "more metrics than anyone reads": _bad(
        {"analysis/metrics": [_bounded(f"m{n}") for n in range(51)]},
        "analysis.metrics",
        "a list of 51",
        "give at most 50 entries",
    ),
    # forms
    "an interval that is no duration": _bad(
        {"analysis/interval": "soon"}, "analysis.interval", "'soon'", "such as 90s", "rule"
    ),
    "an interval without a unit": _bad(
        {"analysis/interval": "60"}, "analysis.interval", "'60'", "such as 90s", "rule"
    ),
    "an interval as a number": _bad(
        {"analysis/interval": 60}, "analysis.interval", "60", "such as 90s"
    ),
    "an interval below one second": _bad(
        {"analysis/interval": "900ms"}, "analysis.interval", "'900ms'", "from 1s", "rule"
    ),
    "an interval of many years": _bad(
        {"analysis/interval": "10000h"},
        "analysis.interval",
        "'10000h'",
        "to 8760h",
        "rule",
    ),
    "an interval that goes on": _bad(
        {"analysis/interval": "1m" * 20}, "analysis.interval", f"'{'1m' * 20}'", "such as 90s"
    ),
    "a route's time limit that is no duration": _bad(
        {"service/timeout": "15"}, "service.timeout", "'15'", "such as 500ms, 15s", "rule"
    ),
    "a router's name in capitals": _bad(
        {"provider": "Istio"}, "provider", "'Istio'", "write the name of a router", "rule"
    ),
    "a kind of workload in small letters": _bad(
        {"targetRef/kind": "deployment"},
        "targetRef.kind",
        "'deployment'",
        "write the kind of a workload, such as Deployment",
        "rule",
    ),
    "an Ingress of another kind": _bad(
        {"ingressRef": {"apiVersion": "v1", "kind": "Route", "name": "a"}},
        "ingressRef.kind",
        "'Route'",
        "write 'Ingress'",
    ),
    "a managed rule that is named twice": _bad(
        {
            "managedRoutes": [
                {"kind": "VirtualService", "name": "shop", "rules": [{"name": "a", "port": 1}]}
            ]
        },
        "managedRoutes[0].rules[0]",
        "an object",
        "set exactly one of name, port and sniHost",
        "rule",
    ),
    "a managed rule by no name": _bad(
        {"managedRoutes": [{"kind": "VirtualService", "name": "shop", "rules": [{"name": "-"}]}]},
        "managedRoutes[0].rules[0].name",
        "'-'",
        "write the name of a rule",
        "rule",
    ),
    "a managed route that is named twice": _bad(
        {"managedRoutes": [{"kind": "VirtualService", "name": "shop"}] * 2},
        "managedRoutes[1].name",
        "'shop'",
        "name each route once, with all of its rules",
        "rule",
    ),
    "a managed route of a kind without rules": _bad(
        {"managedRoutes": [{"kind": "Ingress", "name": "shop"}]},
        "managedRoutes[0].kind",
        "'Ingress'",
        "write 'VirtualService'",
    ),
    "an API version with a space": _bad(
        {"targetRef/apiVersion": "apps v1"},
        "targetRef.apiVersion",
        "'apps v1'",
        "a group and version such as apps/v1",
        "rule",
    ),
    "a hook of an unknown type": _bad(
        {"analysis/webhooks/0/type": "gate"},
        "analysis.webhooks[0].type",
        "'gate'",
        "'confirm-rollout'",
    ),
    "a severity of an unknown name": _bad(
        {"analysis/alerts": [{"name": "a", "severity": "fatal", "providerRef": {"name": "b"}}]},
        "analysis.alerts[0].severity",
        "'fatal'",
        "write 'info', 'warn' or 'error'",
    ),
    "a target port by a name that is none": _bad(
        {"service/targetPort": "Web Port"},
        "service.targetPort",
        "'Web Port'",
        "write a port number",
        "parse",
    ),
    "a quoted target port": _bad(
        {"service/targetPort": "8080"}, "service.targetPort", "'8080'", "(not quoted)", "parse"
    ),
    "a target port beyond all ports": _bad(
        {"service/targetPort": 65536}, "service.targetPort", "65536", "write a port number", "parse"
    ),
    "true as a target port": _bad(
        {"service/targetPort": True}, "service.targetPort", "true", "write a port number"
    ),
    "an address without a scheme": _bad(
        {"metricsServer": "prometheus:9090"},
        "metricsServer",
        "'prometheus:9090'",
        "begins with http:// or https://",
        "rule",
    ),
    "an address of another scheme": _bad(
        {"metricsServer": "ftp://prometheus/metrics"},
        "metricsServer",
        "'ftp://prometheus/…'",
        "begins with http:// or https://",
        "rule",
    ),
    "a hook at an address that is none": _bad(
        {"analysis/webhooks/0/url": "loadtester.test:80"},
        "analysis.webhooks[0].url",
        "'loadtester.test:80'",
        "begins with http:// or https://",
        "rule",
    ),
    "a gate at an address without a host": _bad(
        {"analysis/webhooks/0": {"name": "gate", "type": "confirm-rollout", "url": "http:///x"}},
        "analysis.webhooks[0].url",
        "(hidden)",
        "names a host",
        "rule",
    ),
    "a header's name with a space": _bad(
        {"analysis/webhooks/0/headers": {"X Team": "token"}},
        "analysis.webhooks[0].headers['X Team']",
        "(hidden)",
        "write the name of an HTTP header",
        "parse",
    ),
    "a header's value on two lines": _bad(
        {"analysis/webhooks/0/headers": {"X-Team": "a\nb"}},
        "analysis.webhooks[0].headers.X-Team",
        "(hidden)",
        "on one line",
        "rule",
    ),
    "a value of one megabyte": _bad(
        {"analysis/metrics/0/query": "q" * 1_000_000},
        "analysis.metrics[0].query",
        f"'{'q' * 63}…'",
        "write at most 65536 characters",
    ),
    "a service's name that is too long with its suffix": _bad(
        {"service/name": "n" * 56}, "service.name", f"'{'n' * 56}'", "write at most 55 characters"
    ),
    "a service's name that begins with a digit": _bad(
        {"service/name": "1st"}, "service.name", "'1st'", "a letter first", "rule"
    ),
    "a target's name that no object can have": _bad(
        {"targetRef/name": "Podinfo", "service/name": "a"},
        "targetRef.name",
        "'Podinfo'",
        "write the name of an object",
        "rule",
    ),
    "a target's name without room for its primary's": _bad(
        {"targetRef/name": "n" * 235, "service/name": "a"},
        "targetRef.name",
        f"'{'n' * 63}…'",
        "write at most 234 characters",
    ),
    # rules between fields
    "two ways to step": _bad(
        {"analysis/iterations": 5}, "analysis", "an object", "set exactly one of", "rule"
    ),
    "steps beside weights": _bad(
        {"analysis/steps": STEPS}, "analysis", "an object", "set exactly one of", "rule"
    ),
    "steps beside a match for the whole run": _bad(
        WEIGHTED | {"analysis/steps": STEPS, "analysis/match": [{"port": 80}]},
        "analysis.match",
        "a list of 1",
        "move match and mirror into the steps",
        "rule",
    ),
    "a marginal score above the one that passes": _bad(
        {"analysis/score": {"pass": 75, "marginal": 95}},
        "analysis.score.marginal",
        "95",
        "write a marginal that is not above pass",
        "rule",
    ),
    "a score without a pass mark": _bad(
        {"analysis/score": {"marginal": 50}},
        "analysis.score.pass",
        "missing",
        "add this field",
    ),
    "a match without a weight": _bad(
        WEIGHTED | {"analysis/steps": [{"match": [{"port": 80}]}]},
        "analysis.steps[0].weight",
        "missing",
        "say which weight",
        "rule",
    ),
    "two steps of one name": _bad(
        WEIGHTED | {"analysis/steps": [{"name": "few"}, {"name": "few", "weight": 10}]},
        "analysis.steps[1].name",
        "'few'",
        "give each step its own name",
        "rule",
    ),
    "a step's hook that is for the whole run": _bad(
        WEIGHTED
        | {
            "analysis/steps": [
                {"webhooks": [{"name": "go", "type": "pre-rollout", "url": "http://hooks.test/"}]}
            ]
        },
        "analysis.steps[0].webhooks[0].type",
        "'pre-rollout'",
        "belongs to the whole run",
        "rule",
    ),
    "a step's metric with the name of one of the run": _bad(
        WEIGHTED
        | {
            "analysis/steps": [
                {"metrics": [{"name": "request-duration", "thresholdRange": {"max": 9}}]}
            ]
        },
        "analysis.steps[0].metrics[0].name",
        "'request-duration'",
        "another name than what belongs to the whole run",
        "rule",
    ),
    "a rollback window without an end": _bad(
        {"analysis/rollbackWindow": {}},
        "analysis.rollbackWindow",
        "an object",
        "set duration, revisions or both",
        "rule",
    ),
    "a scale that says nothing": _bad(
        {"analysis/canaryScale": {"matchTrafficWeight": False}},
        "analysis.canaryScale",
        "an object",
        "set one of replicas, percent and matchTrafficWeight",
        "rule",
    ),
    "a scale of a step that says two things": _bad(
        WEIGHTED | {"analysis/steps": [{"weight": 10, "scale": {"replicas": 2, "percent": 50}}]},
        "analysis.steps[0].scale",
        "an object",
        "set one of replicas, percent and matchTrafficWeight",
        "rule",
    ),
    "a deletion that restores and does not": _bad(
        {"deletionPolicy": "orphan", "revertOnDeletion": True},
        "deletionPolicy",
        "'orphan'",
        "remove revertOnDeletion",
        "rule",
    ),
    "a ramp for pods that are replaced": _bad(
        {"analysis/stepWeightRestart": 20},
        "analysis.stepWeightRestart",
        "20",
        "set keepTarget: true",
        "rule",
    ),
    "weights that fall": _bad(
        WEIGHTED | {"analysis/stepWeights": [10, 50, 20]},
        "analysis.stepWeights[2]",
        "20",
        "the lowest first",
        "rule",
    ),
    "weights that repeat": _bad(
        WEIGHTED | {"analysis/stepWeights": [10, 10]},
        "analysis.stepWeights[1]",
        "10",
        "list each weight once",
        "rule",
    ),
    "a metric that is not built in and asks nothing": _bad(
        {"analysis/metrics/0/name": "request-sucess-rate"},
        "analysis.metrics[0].name",
        "'request-sucess-rate'",
        "(request-success-rate or request-duration)",
        "rule",
    ),
    "a metric with two sources": _bad(
        {"analysis/metrics/0/templateRef": {"name": "t"}, "analysis/metrics/0/query": "up"},
        "analysis.metrics[0].query",
        "'up'",
        "keep either templateRef or query",
        "rule",
    ),
    "a metric without a bound": _bad(
        {"analysis/metrics/0/thresholdRange": GONE},
        "analysis.metrics[0].thresholdRange",
        "missing",
        "a metric needs a bound to be judged",
        "rule",
    ),
    "a metric without a bound whose judge is named and needs one": _bad(
        {"analysis/metrics/0/thresholdRange": GONE, "analysis/metrics/0/judge": "threshold"},
        "analysis.metrics[0].thresholdRange",
        "missing",
        "a metric needs a bound to be judged",
        "rule",
    ),
    "a limit of holds for a judge that always decides": _bad(
        {"analysis/metrics/0/holdLimit": {"after": "5m"}},
        "analysis.metrics[0].holdLimit",
        "an object",
        "name a judge that looks for a proof",
        "rule",
    ),
    "a judge's option that is no text": _bad(
        {"analysis/metrics/0/judgeOptions": {"alpha": 0.05}},
        "analysis.metrics[0].judgeOptions.alpha",
        "0.05",
        "write text",
    ),
    "a warm-up of a day": _bad(
        {"analysis/metrics/0/warmUp": "24h"},
        "analysis.metrics[0].warmUp",
        "'24h'",
        "from 0s to 1h",
        "rule",
    ),
    "less than no requests": _bad(
        {"analysis/metrics/0/minRequests": -1},
        "analysis.metrics[0].minRequests",
        "-1",
        "write a number that is at least 0",
    ),
    "a metric whose range has no bound": _bad(
        {"analysis/metrics/0/thresholdRange": {}},
        "analysis.metrics[0].thresholdRange",
        "an object",
        "add thresholdRange with a min, a max or both",
        "rule",
    ),
    "a metric whose range has no bound, beside a threshold": _bad(
        {"analysis/metrics/0/thresholdRange": {}, "analysis/metrics/0/threshold": 99},
        "analysis.metrics[0].thresholdRange",
        "an object",
        "add thresholdRange with a min, a max or both",
        "rule",
    ),
    "a range in which no value lies": _bad(
        {"analysis/metrics/0/thresholdRange": {"min": 2, "max": 1}},
        "analysis.metrics[0].thresholdRange.min",
        "2",
        "not above max",
        "rule",
    ),
    "two metrics of one name": _bad(
        {"analysis/metrics/1/name": "request-success-rate"},
        "analysis.metrics[1].name",
        "'request-success-rate'",
        "its own name",
        "rule",
    ),
    "two hooks of one name": _bad(
        {"analysis/webhooks/1": {"name": "load", "url": "http://other.test/"}},
        "analysis.webhooks[1].name",
        "'load'",
        "its own name",
        "rule",
    ),
    "a hook that calls nobody": _bad(
        {"analysis/webhooks/0/url": GONE},
        "analysis.webhooks[0].url",
        "missing",
        "only a confirm-* gate works without one",
        "rule",
    ),
    "a deadline for what does not wait": _bad(
        {"analysis/webhooks/0/deadline": "1h"},
        "analysis.webhooks[0].deadline",
        "'1h'",
        "only a confirm-* gate waits",
        "rule",
    ),
    "metadata of a hook that is too much in all": _bad(
        {"analysis/webhooks/0/metadata": {"a": "x" * 40_000, "b": "y" * 25_535}},
        "analysis.webhooks[0].metadata",
        "an object",
        "write at most 65,536 characters in all",
        "rule",
    ),
    "a hook of a step that leads nowhere": _bad(
        WEIGHTED | {"analysis/steps": [{"weight": 10, "webhooks": [{"name": "check"}]}]},
        "analysis.steps[0].webhooks[0].url",
        "missing",
        "add a url",
        "rule",
    ),
    "approvals of what no person opens": _bad(
        {"analysis/webhooks/0/approvals": 2},
        "analysis.webhooks[0].approvals",
        "2",
        "people approve only a confirm-* gate without a url",
        "rule",
    ),
    "approvals of nobody": _bad(
        {"analysis/webhooks/0": {"name": "gate", "type": "confirm-rollout", "approvals": 0}},
        "analysis.webhooks[0].approvals",
        "0",
        "1",
    ),
    "a cookie with a variable for its proxy": _bad(
        {"analysis/sessionAffinity": {"cookieName": "c%PATH%"}},
        "analysis.sessionAffinity.cookieName",
        "'c%PATH%'",
        "write the name of a cookie, without %",
        "rule",
    ),
    "a cookie's path that ends the attribute": _bad(
        {"analysis/sessionAffinity": {"cookieName": "c", "path": "/; Secure"}},
        "analysis.sessionAffinity.path",
        "'/; Secure'",
        "write a path that begins with /",
        "rule",
    ),
    "a cookie's domain that is none": _bad(
        {"analysis/sessionAffinity": {"cookieName": "c", "domain": "example.com; Secure"}},
        "analysis.sessionAffinity.domain",
        "'example.com; Secure'",
        "write a domain such as example.com",
        "rule",
    ),
    "two cookies of one name": _bad(
        {"analysis/sessionAffinity": {"cookieName": "c", "primaryCookieName": "c"}},
        "analysis.sessionAffinity.primaryCookieName",
        "'c'",
        "a different name from the canary's",
        "rule",
    ),
    "delegation with hosts": _bad(
        {"service/delegation": True, "service/hosts": ["a.example"]},
        "service.hosts",
        "a list of 1",
        "remove hosts and gateways",
        "rule",
    ),
    "delegation with gateways": _bad(
        {"service/delegation": True, "service/gateways": ["mesh"]},
        "service.gateways",
        "a list of 1",
        "remove hosts and gateways",
        "rule",
    ),
    "a Gateway API route without a Gateway": _bad(
        {"provider": "gatewayapi:v1"},
        "service.gatewayRefs",
        "missing",
        "name at least one Gateway",
        "rule",
    ),
    "a Gateway API route with an empty list of Gateways": _bad(
        {"provider": "gatewayapi", "service/gatewayRefs": []},
        "service.gatewayRefs",
        "a list of 0",
        "name at least one Gateway",
        "rule",
    ),
    "a target too long to name its services after": _bad(
        {"targetRef/name": "n" * 56}, "targetRef.name", f"'{'n' * 56}'", "set service.name", "rule"
    ),
    "a target with dots to name its services after": _bad(
        {"targetRef/name": "v1.podinfo"},
        "targetRef.name",
        "'v1.podinfo'",
        "set service.name",
        "rule",
    ),
    "no service for a Deployment": _bad(
        {"service": GONE}, "service", "missing", "add service with its port", "rule"
    ),
    "our own primary as the target": _bad(
        {"targetRef/name": "podinfo-primary"},
        "targetRef.name",
        "'podinfo-primary'",
        "name the workload that you edit",
        "rule",
    ),
    "more replicas at least than at most": _bad(
        {
            "autoscalerRef": {
                "apiVersion": "autoscaling/v2",
                "kind": "HorizontalPodAutoscaler",
                "name": "podinfo",
                "primaryScalerReplicas": {"minReplicas": 3, "maxReplicas": 2},
            }
        },
        "autoscalerRef.primaryScalerReplicas.minReplicas",
        "3",
        "not above maxReplicas",
        "rule",
    ),
    "a condition that matches in two ways": _bad(
        {"service/match": [{"uri": {"exact": "/", "prefix": "/"}}]},
        "service.match[0].uri",
        "an object",
        "set exactly one of exact",
        "rule",
    ),
    "a condition that matches in no way": _bad(
        {"analysis/match": [{"headers": {"x-user": {}}}]},
        "analysis.match[0].headers.x-user",
        "an object",
        "set exactly one of exact",
        "rule",
    ),
    # the object itself
    "another kind": Bad(
        obj=a_canary() | {"kind": "Rollout"},
        field="kind",
        value="'Rollout'",
        remedy="write 'Canary'",
        refused="parse",
    ),
    "another version": Bad(
        obj=a_canary() | {"apiVersion": "tidegate.dev/v1"},
        field="apiVersion",
        value="'tidegate.dev/v1'",
        remedy="'tidegate.dev/v1beta1'",
        refused="parse",
    ),
    "no spec": Bad(
        obj={key: value for key, value in a_canary().items() if key != "spec"},
        field="spec",
        value="missing",
        remedy="add this field",
        refused="schema",
    ),
    "a moment that is none": Bad(
        obj=a_canary() | {"metadata": {"name": "a", "creationTimestamp": "{yesterday}"}},
        field="metadata.creationTimestamp",
        value="'{yesterday}'",
        remedy="valid datetime",
        refused="parse",
    ),
    "metadata without a name": Bad(
        obj=a_canary() | {"metadata": {}},
        field="metadata.name",
        value="missing",
        remedy="add this field",
        refused="parse",
    ),
}


def _bad_template(
    changes: Mapping[str, object],
    field: str,
    value: str,
    remedy: str,
    refused: Literal["schema", "rule"] = "schema",
) -> Bad:
    obj = patched(a_template(), changes)
    return Bad(obj=obj, field=f"spec.{field}", value=value, remedy=remedy, refused=refused)


BAD_TEMPLATES: dict[str, Bad] = {
    "a metric store with a name that is none": _bad_template(
        {"provider/type": "Prometheus!"},
        "provider.type",
        "'Prometheus!'",
        "such as prometheus",
        "rule",
    ),
    "an empty query": _bad_template({"query": ""}, "query", "''", "write at least 1 character"),
    "nothing to ask": _bad_template(
        {"query": GONE}, "query", "missing", "add query, or counts", "rule"
    ),
    "counts of the bad and of the good": _bad_template(
        {"counts": {"requests": "increase(a)", "bad": "increase(b)", "good": "increase(c)"}},
        "counts.bad",
        "'increase(b)'",
        "set exactly one of bad and good",
        "rule",
    ),
    "counts without a part": _bad_template(
        {"counts": {"requests": "increase(a)"}},
        "counts.bad",
        "missing",
        "set exactly one of bad and good",
        "rule",
    ),
    "certificates that are none": _bad_template(
        {"provider/caBundle": "MIIB"}, "provider.caBundle", "'MIIB'", "as PEM text", "rule"
    ),
    "a header with one value that is not in a list": _bad_template(
        {"provider/headers": {"X-Scope-OrgID": "tenant"}},
        "provider.headers.X-Scope-OrgID",
        "(hidden)",
        "write a list",
    ),
    "an option that is no text": _bad_template(
        {"provider/options": {"reduce": 1}}, "provider.options.reduce", "1", "write text"
    ),
    "a time limit of no time": Bad(
        obj=patched(a_template(), {"provider/timeout": "0s"}),
        field="spec.provider.timeout",
        value="'0s'",
        remedy="from 1ms to 5m",
        refused="rule",
    ),
    "Prometheus at no address": Bad(
        obj=patched(a_template(), {"provider/address": GONE}),
        field="spec.provider.address",
        value="missing",
        remedy="add the address of Prometheus",
        refused="rule",
    ),
}

BAD_RECEIVERS: dict[str, Bad] = {
    "a reason that is none": Bad(
        obj=patched(a_receiver(), {"reasons": ["rolled back"]}),
        field="spec.reasons[0]",
        value="'rolled back'",
        remedy="such as RolledBack",
        refused="rule",
    ),
    "a template that names what no alert has": Bad(
        obj=patched(a_receiver(), {"template": {"title": "{{ colour }}"}}),
        field="spec.template.title",
        value="'{{ colour }}'",
        remedy="Known names: reason, cause, message",
        refused="parse",
    ),
    "a template that is not closed": Bad(
        obj=patched(a_receiver(), {"template": {"fields": {"Run": "{{ run"}}}),
        field="spec.template.fields.Run",
        value="'{{ run'",
        remedy="close it with }}",
        refused="parse",
    ),
    "a receiver with a name that is none": Bad(
        obj=patched(a_receiver(), {"type": "Slack!"}),
        field="spec.type",
        value="'Slack!'",
        remedy="such as slack",
        refused="rule",
    ),
    "a secret as the name of its Secret": Bad(
        obj=patched(a_receiver(), {"secretRef": {"name": "xoxb-12-Ab"}}),
        field="spec.secretRef.name",
        value="(hidden)",
        remedy="write the name of an object",
        refused="rule",
    ),
    "a proxy that is none": Bad(
        obj=patched(a_receiver(), {"proxy": "user:secret@proxy"}),
        field="spec.proxy",
        value="(hidden)",
        remedy="socks5://",
        refused="rule",
    ),
    "a link to a host that is filled in": Bad(
        obj=patched(a_receiver(), {"links": {"runbook": "https://{{ name }}.example.com"}}),
        field="spec.links.runbook",
        value="(hidden)",
        remedy="names a host",
        refused="rule",
    ),
    "a setting with a name that is none": Bad(
        obj=patched(a_receiver(), {"settings": {"page-on-gates": True}}),
        field="spec.settings.page-on-gates",
        value="'page-on-gates'",
        remedy="change the key: write the name of a setting",
        refused="parse",
    ),
    "a setting that is an object": Bad(
        obj=patched(a_receiver(), {"settings": {"retry": {"times": 3}}}),
        field="spec.settings.retry",
        value="an object",
        remedy="write true, false, a whole number, or a text",
        refused="parse",
    ),
    "no address": Bad(
        obj=patched(a_receiver(), {"secretRef": GONE}),
        field="spec.address",
        value="missing",
        remedy="set address, or secretRef",
        refused="rule",
    ),
}

_BUDGET: JsonObject = {
    "name": "error-budget",
    "templateRef": {"name": "budget"},
    "thresholdRange": {"min": 20},
}
_OFFICE: JsonObject = {"name": "office", "kind": "Allow", "from": "08:00", "to": "16:00"}
_ONCE: JsonObject = {"name": "once", "kind": "Deny", "since": "2026-12-20T00:00"}


def _windows(*windows: JsonObject) -> JsonObject:
    return {"timeZone": "Europe/Berlin", "windows": list(windows)}


GOOD_POLICIES: dict[str, JsonObject] = {
    "a policy that stops some Canaries": a_delivery_policy(),
    "a policy that says nothing": a_delivery_policy() | {"spec": {}},
    "every other field of a policy": patched(
        a_delivery_policy(),
        {
            "namespaces": ["*", "shop"],
            "selector/matchExpressions": [
                {"key": "example.com/team", "operator": "In", "values": ["a", ""]},
                {"key": "tier", "operator": "NotIn", "values": ["three"]},
                {"key": "team", "operator": "Exists"},
                {"key": "old", "operator": "DoesNotExist", "values": []},
            ],
            "stop": {"mode": "RollBack", "reason": "x", "by": "alice"},
            "timeZone": "America/Argentina/Buenos_Aires",
            "spread": "10m",
            "maxConcurrent": 200,
            "budget": {
                "metric": _BUDGET
                | {
                    "interval": "5m",
                    "thresholdRange": {"min": 0.5, "max": 100},
                    "templateRef": {"name": "budget", "namespace": "monitoring"},
                    "templateVariables": {"slo": "shop-requests"},
                    "onNoData": "pass",
                    "onError": "hold",
                }
            },
            "windows": [
                _OFFICE | {"days": ["Mon", "Thu"], "covers": ["Start", "Advance", "Promote"]},
                {
                    "name": "end of 2026",
                    "kind": "Deny",
                    "since": "2026-12-20T00:00",
                    "until": "2027-01-03T00:00",
                },
            ],
        },
    ),
}


def _bad_policy(
    changes: Mapping[str, object],
    field: str,
    value: str,
    remedy: str,
    refused: Literal["schema", "rule", "unknown", "parse"] = "rule",
) -> Bad:
    obj = patched(a_delivery_policy(), changes)
    return Bad(obj=obj, field=f"spec.{field}", value=value, remedy=remedy, refused=refused)


BAD_POLICIES: dict[str, Bad] = {
    "a stop without a reason": _bad_policy(
        {"stop": {"mode": "Hold"}}, "stop.reason", "missing", "add this field", "schema"
    ),
    "a stop with an empty reason": _bad_policy(
        {"stop/reason": ""}, "stop.reason", "''", "write at least 1 character", "schema"
    ),
    "a stop of another mode": _bad_policy(
        {"stop/mode": "Pause"}, "stop.mode", "'Pause'", "write 'Hold' or 'RollBack'", "schema"
    ),
    "a namespace that is none": _bad_policy(
        {"namespaces": ["Shop"]}, "namespaces[0]", "'Shop'", "with * for any part of it"
    ),
    "a label's key that is none": _bad_policy(
        {"selector/matchExpressions": [{"key": "-", "operator": "Exists"}]},
        "selector.matchExpressions[0].key",
        "'-'",
        "write the key of a label",
    ),
    "a label's value that is none": _bad_policy(
        {"selector/matchLabels": {"tier": "one two"}},
        "selector.matchLabels.tier",
        "'one two'",
        "write the value of a label",
    ),
    "no values to compare a label with": _bad_policy(
        {"selector/matchExpressions": [{"key": "tier", "operator": "In"}]},
        "selector.matchExpressions[0].values",
        "missing",
        "give values to In and NotIn",
    ),
    "a window that begins and does not end": _bad_policy(
        _windows({"name": "office", "kind": "Allow", "from": "08:00"}),
        "windows[0]",
        "an object",
        "give from and to, with days",
    ),
    "a window on days and once": _bad_policy(
        _windows(_ONCE | {"until": "2027-01-03T00:00", "days": ["Mon"]}),
        "windows[0]",
        "an object",
        "or since and until for once",
    ),
    "a window that ends before it begins": _bad_policy(
        _windows(_ONCE | {"until": "2026-12-19T00:00"}),
        "windows[0].until",
        "'2026-12-19T00:00'",
        "write a time that is later than since",
    ),
    "a window on a day that no calendar has": _bad_policy(
        _windows(_ONCE | {"until": "2027-02-30T00:00"}),
        "windows[0].until",
        "'2027-02-30T00:00'",
        "write a local time of this century",
        "parse",
    ),
    "a window at a time that no clock shows": _bad_policy(
        _windows(_OFFICE | {"to": "24:00"}),
        "windows[0].to",
        "'24:00'",
        "write a time such as 08:00",
    ),
    "a window that covers nothing": _bad_policy(
        _windows(_OFFICE | {"covers": []}),
        "windows[0].covers",
        "a list of 0",
        "give at least 1 entry",
        "schema",
    ),
    "a limit that lets nothing run": _bad_policy(
        {"maxConcurrent": 0}, "maxConcurrent", "0", "write a number that is at least 1", "schema"
    ),
    "a budget that nothing says the rest of": _bad_policy(
        {"budget": {"metric": {each: _BUDGET[each] for each in ("name", "thresholdRange")}}},
        "budget.metric.templateRef",
        "missing",
        "add this field",
        "schema",
    ),
    "a budget without a bound": _bad_policy(
        {"budget": {"metric": _BUDGET | {"thresholdRange": {}}}},
        "budget.metric.thresholdRange",
        "an object",
        "add a min, a max or both",
    ),
    "a budget that no value could pass": _bad_policy(
        {"budget": {"metric": _BUDGET | {"thresholdRange": {"min": 20, "max": 10}}}},
        "budget.metric.thresholdRange.min",
        "20",
        "write a min that is not above max",
    ),
    "a budget with a word of metrics for what it has no way to do": _bad_policy(
        {"budget": {"metric": _BUDGET | {"onNoData": "fail"}}},
        "budget.metric.onNoData",
        "'fail'",
        "write 'hold' or 'pass'",
        "schema",
    ),
    "a budget with a limit of failed checks": _bad_policy(
        {"budget": {"metric": _BUDGET | {"failureLimit": 3}}},
        "budget.metric.failureLimit",
        "3",
        "remove it",
        "unknown",
    ),
    "windows without a time zone": _bad_policy(
        {"windows": [_OFFICE]}, "timeZone", "missing", "add the IANA time zone of the windows"
    ),
    "starts that are spread without windows": _bad_policy(
        {"spread": "5m"}, "spread", "'5m'", "remove it, or add windows"
    ),
    "values where only the label counts": _bad_policy(
        {"selector/matchExpressions": [{"key": "tier", "operator": "Exists", "values": ["one"]}]},
        "selector.matchExpressions[0].values",
        "a list of 1",
        "give values to In and NotIn",
    ),
}

GOOD = {**GOOD_CANARIES, **GOOD_TEMPLATES, **GOOD_RECEIVERS, **GOOD_POLICIES}
BAD = {**BAD_CANARIES, **BAD_TEMPLATES, **BAD_RECEIVERS, **BAD_POLICIES}

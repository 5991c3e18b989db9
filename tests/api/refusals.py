"""The table of refusals: every bad object, and what its author is told about it.

It is `tests/golden/refusals.yaml`: the words of the API server, of a real one and of the embedded
one alike, and those of tidegate's own validation. The objects are in `examples.py`.
`--update-golden` writes tidegate's words in `tests/api/test_refusals.py`, and in
`tests/conformance/test_refusals.py` those of the API server that it runs against.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

import yaml

from canary.api.validation import parse_alert_provider, parse_metric_template
from canary.controller.installed import missing_plugins, provider_problems
from canary.controller.policies import policy_problems
from canary.controller.reading import CanaryReader
from canary.errors import InvalidSpec, Problem
from tests.api.examples import (
    BAD,
    GONE,
    JsonObject,
    a_canary,
    a_delivery_policy,
    a_receiver,
    a_template,
    patched,
)

TABLE = Path(__file__).parents[1] / "golden" / "refusals.yaml"
API_SERVER, TIDEGATE = "api server", "tidegate"
ADMITTED = "(takes it)"

_JUDGES: Mapping[str, Callable[[JsonObject], Iterable[Problem]]] = {
    "Canary": CanaryReader("istio").problems,
    "MetricTemplate": lambda obj: missing_plugins(parse_metric_template(obj)),
    "AlertProvider": lambda obj: provider_problems(parse_alert_provider(obj)),
    "DeliveryPolicy": policy_problems,
}

#: What an API server says of any object, whatever its kind.
OF_ANY_KIND = {
    "annotations of one megabyte": {"name": "podinfo", "annotations": {"note": "x" * 1_000_000}},
    "a name with one letter too many": {"name": "n" * 254},
    "a name that is none": {"name": "Podinfo"},
}

OBJECTS: dict[str, JsonObject] = {
    # An object of another kind or version reaches no resource of ours, and is refused unread.
    **{name: bad.obj for name, bad in BAD.items() if bad.field.startswith("spec")},
    "no way to step": patched(a_canary(), {"analysis/stepWeight": GONE}),
    "a router between Revisions, for a target without any": patched(
        a_canary(), {"provider": "knative"}
    ),
    "a router of an old version of Gateway API, which this version does not act on": patched(
        a_canary(), {"provider": "gatewayapi:v1alpha2", "service/gatewayRefs": [{"name": "g"}]}
    ),
    "a StatefulSet with a router that needs a second workload": patched(
        a_canary(), {"targetRef/kind": "StatefulSet"}
    ),
    "a StatefulSet whose last step leaves nothing to go back to": patched(
        a_canary(),
        {
            "provider": "kubernetes:replicas",
            "targetRef/kind": "StatefulSet",
            "analysis/maxWeight": 100,
        },
    ),
    "a StatefulSet with blue/green": patched(
        a_canary(),
        {
            "provider": "kubernetes:replicas",
            "targetRef/kind": "StatefulSet",
            "analysis": {"interval": "1m", "threshold": 2, "iterations": 3},
        },
    ),
    "a StatefulSet with an autoscaler": patched(
        a_canary(),
        {
            "provider": "kubernetes:replicas",
            "targetRef/kind": "StatefulSet",
            "analysis/maxWeight": 60,
            "autoscalerRef": {
                "apiVersion": "autoscaling/v2",
                "kind": "HorizontalPodAutoscaler",
                "name": "podinfo",
            },
        },
    ),
    "a DaemonSet that shall be kept": patched(
        a_canary(), {"targetRef/kind": "DaemonSet", "keepTarget": True}
    ),
    "a kept target with an autoscaler, which is left behind": patched(
        a_canary(),
        {
            "keepTarget": True,
            "deletionPolicy": "orphan",
            "autoscalerRef": {
                "apiVersion": "autoscaling/v2",
                "kind": "HorizontalPodAutoscaler",
                "name": "podinfo",
            },
        },
    ),
    "a kept target that is left behind, in Flagger's words": patched(
        a_canary(), {"keepTarget": True, "revertOnDeletion": False}
    ),
    "a kept target with shares by the number of pods": patched(
        a_canary(), {"keepTarget": True, "provider": "kubernetes:replicas"}
    ),
    "a kept target with a router that has no services of the sides": patched(
        a_canary(), {"keepTarget": True, "provider": "istio:subsets"}
    ),
    "a target that is a Service, with a router that has no services of the sides": patched(
        a_canary(),
        {"targetRef/kind": "Service", "targetRef/apiVersion": "v1", "provider": "istio:subsets"},
    ),
    "a Service of Knative as a target, with another router and another apex service": patched(
        a_canary(),
        {
            "provider": "istio",
            "targetRef/kind": "Service",
            "targetRef/apiVersion": "serving.knative.dev/v1",
            "service/name": "web",
        },
    ),
    "a Service of another group as a target": patched(
        a_canary(),
        {"targetRef/kind": "Service", "targetRef/apiVersion": "example.com/v1"},
    ),
    "a target that is a Service, and another apex service": patched(
        a_canary(),
        {"targetRef/kind": "Service", "targetRef/apiVersion": "v1", "service/name": "web"},
    ),
    "a target that is a Service, with a router that is the apex service": patched(
        a_canary(),
        {
            "targetRef/kind": "Service",
            "targetRef/apiVersion": "v1",
            "provider": "kubernetes",
        },
    ),
    "an autoscaler that is not installed": patched(
        a_canary(),
        {"autoscalerRef": {"apiVersion": "a.b/v1", "kind": "Autopilot", "name": "podinfo"}},
    ),
    "an autoscaler for a DaemonSet": patched(
        a_canary(),
        {
            "targetRef/kind": "DaemonSet",
            "autoscalerRef": {
                "apiVersion": "autoscaling/v2",
                "kind": "HorizontalPodAutoscaler",
                "name": "podinfo",
            },
        },
    ),
    "an autoscaler where replicas decide the shares": patched(
        a_canary(),
        {
            "provider": "kubernetes:replicas",
            "autoscalerRef": {
                "apiVersion": "autoscaling/v2",
                "kind": "HorizontalPodAutoscaler",
                "name": "podinfo",
            },
        },
    ),
    "a DaemonSet where replicas decide the shares": patched(
        a_canary(), {"provider": "kubernetes:replicas", "targetRef/kind": "DaemonSet"}
    ),
    "clients that prefer pods near them where replicas decide the shares": patched(
        a_canary(),
        {"provider": "kubernetes:replicas", "service/trafficDistribution": "PreferClose"},
    ),
    "a judge that is not installed": patched(
        a_canary(),
        {
            "analysis/metrics": [
                {
                    "name": "errors",
                    "query": "up",
                    "thresholdRange": {"min": 1},
                    "judge": "patient",
                }
            ]
        },
    ),
    "an unknown metric store": patched(a_template(), {"provider/type": "promethus"}),
    "a time zone that does not exist": patched(a_delivery_policy(), {"timeZone": "Europe/Bonn"}),
    "an unknown receiver": patched(a_receiver(), {"type": "pager"}),
    "a setting that its receiver does not know": patched(
        a_receiver(), {"settings": {"pageOnGates": True}}
    ),
    **{name: a_canary() | {"metadata": metadata} for name, metadata in OF_ANY_KIND.items()},
}


def said_by_tidegate(obj: JsonObject) -> str:
    """Give what the condition Invalid says of an object."""
    try:
        problems = _JUDGES[obj["kind"]](obj)
    except InvalidSpec as invalid:
        problems = invalid.problems
    return "; ".join(map(str, problems)) or ADMITTED


def said_by_api_server(code: int, answer: JsonObject) -> str:
    """Give what an API server says of an object, without what it says of every refused one."""
    if code == 201:
        return ADMITTED
    _, _, words = answer["message"].partition(": ")
    # What stands there a thousand times is as clear when its length is told.
    return re.sub(r"(.)\1{99,}", lambda run: f"{run[1]}×{len(run[0])}", words)


@cache
def table() -> dict[str, dict[str, str]]:
    """Read the table."""
    return yaml.load(TABLE.read_text(encoding="utf-8"), yaml.CSafeLoader) or {}


def write(name: str, column: str, words: str) -> None:
    """Write one cell of the table, in the order of the objects."""
    rows = table()
    rows[name] = {API_SERVER: "", TIDEGATE: "", **rows.get(name, {}), column: words}
    ordered = {each: rows[each] for each in OBJECTS if each in rows}
    text = yaml.safe_dump(ordered, sort_keys=False, width=100, allow_unicode=True)
    TABLE.write_text(text, encoding="utf-8")
    table.cache_clear()

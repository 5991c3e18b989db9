"""What the peer's own CRDs, on a real API server, make of objects in its format.

The CRDs are read from the peer's Go module at test time, and are no part of this project.
"""

import json
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml

from canary.api.validation import parse_alert_provider, parse_canary, parse_metric_template
from canary.controller.installed import missing_plugins
from tests.routers.published import FLAGGER
from tests.testbed.build import found_programs, provide_programs
from tests.testbed.control_plane import ControlPlane
from tests.testbed.modules import module_files
from tests.testbed.test_control_plane import eventually

pytestmark = pytest.mark.control_plane

FILE = "artifacts/flagger/crd.yaml"
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
PLURALS = {
    "Canary": "canaries",
    "MetricTemplate": "metrictemplates",
    "AlertProvider": "alertproviders",
}
PARSERS: dict[str, Any] = {
    "Canary": parse_canary,
    "MetricTemplate": parse_metric_template,
    "AlertProvider": parse_alert_provider,
}
STATUSES = [
    {
        "phase": phase,
        "canaryWeight": 50,
        "failedChecks": 1,
        "iterations": 0,
        "lastAppliedSpec": "6b9d4cbd7c",
        "lastPromotedSpec": "54c95cf677",
        "lastTransitionTime": "2026-01-02T03:04:05Z",
        "trackedConfigs": {"configmap/podinfo": "58a4"},
        "conditions": [
            {
                "type": "Promoted",
                "status": "Unknown",
                "reason": phase,
                "message": "as the phase says",
                "lastTransitionTime": "2026-01-02T03:04:05Z",
                "lastUpdateTime": "2026-01-02T03:04:05Z",
            }
        ],
    }
    for phase in ("Initializing", "Initialized", "Progressing", "Promoting", "Succeeded", "Failed")
]


def a_peer(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "flagger.app/v1beta1",
        "kind": kind,
        "metadata": {"name": "podinfo", "namespace": "default"},
        "spec": spec,
    }


def a_canary(**analysis: Any) -> dict[str, Any]:
    stepped = {"maxWeight": 50, "stepWeight": 10}
    return a_peer(
        "Canary",
        {
            "provider": "istio",
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
            "progressDeadlineSeconds": 60,
            "service": {"port": 9898, "targetPort": 9898, "hosts": ["app.example.com"]},
            "analysis": {"interval": "30s", "threshold": 5} | (analysis or stepped),
        },
    )


WEIGHTED = {"maxWeight": 50, "stepWeight": 10}
METRICS = [
    {"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "1m"},
    {"name": "request-duration", "threshold": 500, "interval": "30s"},
    {
        "name": "errors",
        "templateRef": {"name": "podinfo", "namespace": "default"},
        "thresholdRange": {"max": 1},
        "interval": "1m",
    },
]
SERVED = {
    "weights": a_canary(**WEIGHTED),
    "metrics with a threshold and with ranges": a_canary(**WEIGHTED, metrics=METRICS),
    "webhooks and alerts": a_canary(
        **WEIGHTED,
        webhooks=[
            {"name": "test", "type": "pre-rollout", "url": "http://tester/", "timeout": "30s"},
            {"name": "load", "url": "http://tester/", "metadata": {"cmd": "hey -z 1m"}},
            {"name": "gate", "type": "confirm-promotion", "url": "http://tester/gate"},
        ],
        alerts=[{"name": "team", "severity": "error", "providerRef": {"name": "podinfo"}}],
    ),
    "sticky sessions": a_canary(
        **WEIGHTED, sessionAffinity={"cookieName": "insider", "maxAge": 60}
    ),
    "blue/green with a mirror": a_canary(iterations=10, mirror=True),
    "A/B by cookie": a_canary(iterations=10, match=[{"headers": {"cookie": {"exact": "insider"}}}]),
    "a MetricTemplate": a_peer(
        "MetricTemplate",
        {
            "provider": {"type": "prometheus", "address": "http://prometheus:9090"},
            "query": 'sum(rate(errors_total{app="{{ target }}"}[{{ interval }}]))',
        },
    ),
    "an AlertProvider": a_peer(
        "AlertProvider",
        {"type": "slack", "channel": "releases", "secretRef": {"name": "slack"}},
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlane]:
    """A control plane of our own: elsewhere the group `flagger.app` has tidegate's CRDs."""
    wanted = os.environ.get("TIDEGATE_CONTROL_PLANE") == "1"
    programs = provide_programs(PROGRAMS) if wanted else found_programs(PROGRAMS)
    if programs is None:
        pytest.skip("no control plane is built: make control-plane")
    async with ControlPlane(programs, logs=tmp_path_factory.mktemp("peer")) as plane:
        yield plane


@pytest.fixture(scope="module")
def api(plane: ControlPlane) -> Iterator[httpx.Client]:
    """An API server that has the peer's CRDs."""
    headers = {"Authorization": f"Bearer {plane.token}"}
    with httpx.Client(
        base_url=plane.url, headers=headers, verify=plane.tls, timeout=120.0
    ) as client:
        for crd in published_crds():
            created = client.post(DEFINITIONS, json=crd)
            assert created.status_code == 201, created.text
        for plural in PLURALS.values():
            path = f"/apis/flagger.app/v1beta1/{plural}"
            eventually(lambda path=path: client.get(path).status_code == 200, f"{path} is served")
        yield client


def published_crds() -> list[dict[str, Any]]:
    crds = list(yaml.safe_load_all(module_files(FLAGGER, FILE)[FILE]))
    assert {crd["spec"]["names"]["kind"] for crd in crds} == set(PLURALS)
    return crds


def path_of(obj: dict[str, Any]) -> str:
    return f"/apis/flagger.app/v1beta1/namespaces/default/{PLURALS[obj['kind']]}"


@pytest.mark.parametrize("obj", SERVED.values(), ids=SERVED)
def test_what_the_peer_takes_is_stored_whole_and_acted_on(api, obj):
    created = api.post(
        path_of(obj), json=obj, params={"dryRun": "All", "fieldValidation": "Strict"}
    )
    assert created.status_code == 201, created.text
    assert created.json()["spec"] == obj["spec"]
    parsed = PARSERS[obj["kind"]](created.json())
    assert [*missing_plugins(parsed, default_router="istio")] == []


@pytest.mark.parametrize("status", STATUSES, ids=[each["phase"] for each in STATUSES])
def test_a_status_survives_the_pruning_of_the_peers_crd(api, status):
    obj = a_canary()
    created = api.post(path_of(obj), json=obj)
    assert created.status_code == 201, created.text
    try:
        written = api.patch(
            f"{path_of(obj)}/podinfo/status",
            content=json.dumps({"status": status}),
            headers={"Content-Type": "application/merge-patch+json"},
            params={"fieldValidation": "Strict"},
        )
        assert written.status_code == 200, written.text
        assert written.json()["status"] == status
    finally:
        assert api.delete(f"{path_of(obj)}/podinfo").status_code == 200

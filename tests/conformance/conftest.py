"""The target of the conformance suite: a Kubernetes API, embedded by default.

`TIDEGATE_CONFORMANCE_KUBECONFIG` (a kubeconfig with a token) or `TIDEGATE_CONFORMANCE_URL` (with
`TIDEGATE_CONFORMANCE_TOKEN`) points it at another one; garbage collection and the end of
namespaces need the controller manager there.
"""

import asyncio
import base64
import json
import os
import secrets
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from canary.api.meta import API_VERSION, GROUP
from canary.api.schema import crds
from tests.reviewers import Guarded, reviewing
from tidegate_embedded.apiserver import EmbeddedApiServer
from tidegate_embedded.controllers import Controllers

DEADLINE_SECONDS = 180.0

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


@dataclass(frozen=True)
class Target:
    url: str
    headers: dict[str, str]
    verify: ssl.SSLContext | bool
    kubeconfig: Path


class Api:
    """A plain HTTP client with the paths of the Kubernetes API."""

    def __init__(self, target: Target, namespace: str) -> None:
        self.client = httpx.Client(
            base_url=target.url,
            headers={"User-Agent": "conformance/1.0", **target.headers},
            verify=target.verify,
            timeout=120.0,
        )
        self.namespace = namespace

    def path(self, resource: str, name: str = "", *, namespace: str | None = None) -> str:
        """Return a namespaced path: `configmaps`, `apps/v1/deployments`, with a name."""
        group_version, _, plural = resource.rpartition("/")
        root = f"/apis/{group_version}" if group_version else "/api/v1"
        path = f"{root}/namespaces/{namespace or self.namespace}/{plural}"
        return f"{path}/{name}" if name else path

    def get(self, path: str, *, accept: str = "application/json", **query: Any) -> httpx.Response:
        return self.client.get(path, params=query, headers={"Accept": accept})

    def post(self, path: str, item: Any, **query: Any) -> httpx.Response:
        return self.client.post(path, json=item, params=query)

    def put(self, path: str, item: Any, **query: Any) -> httpx.Response:
        return self.client.put(path, json=item, params=query)

    def patch(self, path: str, kind: str, changes: Any, **query: Any) -> httpx.Response:
        content = json.dumps(changes).encode()
        return self.client.patch(
            path, content=content, headers={"Content-Type": kind}, params=query
        )

    def apply(self, path: str, item: Any, manager: str = "tester", **query: Any) -> httpx.Response:
        return self.patch(path, APPLY_PATCH, item, fieldManager=manager, **query)

    def delete(self, path: str, options: Any = None, **query: Any) -> httpx.Response:
        return self.client.request("DELETE", path, json=options, params=query)

    def create(self, resource: str, item: Any, **query: Any) -> dict[str, Any]:
        """Create an object that must be accepted, and return it."""
        response = self.post(self.path(resource), item, **query)
        assert response.status_code == 201, response.text
        return response.json()

    def read(self, resource: str, name: str) -> dict[str, Any]:
        """Read an object that must be there."""
        response = self.get(self.path(resource, name))
        assert response.status_code == 200, response.text
        return response.json()

    @contextmanager
    def watch(
        self, path: str, *, accept: str = "application/json", **query: Any
    ) -> Iterator[Iterator[dict[str, Any]]]:
        """Open a watch; yields its events. It ends by itself after some seconds."""
        query.setdefault("timeoutSeconds", 10)
        with self.client.stream(
            "GET", path, params={"watch": "true", **query}, headers={"Accept": accept}
        ) as response:
            if response.status_code != 200:
                response.read()
            assert response.status_code == 200, response.text
            yield (json.loads(line) for line in response.iter_lines() if line)


def eventually(holds: Callable[[], Any], what: str) -> Any:
    """Wait until something holds, and return it."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (result := holds()):
        if time.monotonic() > deadline:
            pytest.fail(f"did not happen in {DEADLINE_SECONDS:.0f} s: {what}")
        threading.Event().wait(0.02)
    return result


def _embedded(folder: Path, ready: threading.Event, stop: list[Any]) -> None:
    async def serve() -> None:
        stopped = asyncio.Event()
        async with EmbeddedApiServer() as server, Controllers(server):
            server.kubeconfig(folder / "kubeconfig")
            stop.extend([asyncio.get_running_loop(), stopped, server.url])
            ready.set()
            await stopped.wait()

    asyncio.run(serve())


@pytest.fixture(scope="session")
def target(tmp_path_factory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("conformance")
    given = os.environ.get("TIDEGATE_CONFORMANCE_KUBECONFIG")
    url = os.environ.get("TIDEGATE_CONFORMANCE_URL")
    if given:
        yield _from_kubeconfig(Path(given))
    elif url:
        token = os.environ.get("TIDEGATE_CONFORMANCE_TOKEN", "")
        yield _from_url(url, token, folder)
    else:
        ready, stop = threading.Event(), []
        thread = threading.Thread(target=_embedded, args=(folder, ready, stop), daemon=True)
        thread.start()
        assert ready.wait(DEADLINE_SECONDS), "the embedded API server did not start"
        loop, stopped, address = stop
        yield Target(address, {}, True, folder / "kubeconfig")
        loop.call_soon_threadsafe(stopped.set)
        thread.join(DEADLINE_SECONDS)
        assert not thread.is_alive(), "the embedded API server did not stop"


def _from_kubeconfig(path: Path) -> Target:
    config = yaml.safe_load(path.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    verify: ssl.SSLContext | bool = not cluster.get("insecure-skip-tls-verify", False)
    if "certificate-authority-data" in cluster:
        data = base64.b64decode(cluster["certificate-authority-data"]).decode()
        verify = ssl.create_default_context(cadata=data)
    elif "certificate-authority" in cluster:
        verify = ssl.create_default_context(cafile=cluster["certificate-authority"])
    headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
    return Target(cluster["server"], headers, verify, path)


def _from_url(url: str, token: str, folder: Path) -> Target:
    user = {"token": token} if token else {}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "target", "cluster": {"server": url}}],
        "users": [{"name": "target", "user": user}],
        "contexts": [{"name": "target", "context": {"cluster": "target", "user": "target"}}],
        "current-context": "target",
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(config))
    return _from_kubeconfig(folder / "kubeconfig")


@pytest.fixture
def api(target) -> Iterator[Api]:
    """A client with a namespace of its own, which is deleted afterwards."""
    api = Api(target, f"conformance-{secrets.token_hex(4)}")
    created = api.post("/api/v1/namespaces", {"metadata": {"name": api.namespace}})
    assert created.status_code == 201, created.text
    yield api
    api.delete(f"/api/v1/namespaces/{api.namespace}")
    api.client.close()


WIDGET_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "x-kubernetes-validations": [
                {
                    "rule": "!has(self.low) || self.low <= self.size",
                    "message": "low must not exceed size",
                },
                {
                    "rule": "self.color == oldSelf.color || oldSelf.color != 'black'",
                    "message": "black stays black",
                },
            ],
            "properties": {
                "size": {"type": "integer", "minimum": 1, "maximum": 100},
                "low": {"type": "integer"},
                "color": {
                    "type": "string",
                    "enum": ["black", "red", "white"],
                    "default": "red",
                },
                "code": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
                "share": {"x-kubernetes-int-or-string": True},
                "ratio": {"type": "number"},
                "active": {"type": "boolean"},
                "note": {"type": "string", "nullable": True},
                "extra": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "steps": {
                    "type": "array",
                    "maxItems": 3,
                    "items": {"type": "integer"},
                },
                "parts": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {
                            "name": {"type": "string"},
                            "weight": {"type": "integer", "default": 1},
                        },
                    },
                },
                "tags": {
                    "type": "array",
                    "x-kubernetes-list-type": "set",
                    "items": {"type": "string"},
                },
                "replicas": {"type": "integer", "default": 1},
            },
        },
        "status": {
            "type": "object",
            "properties": {
                "phase": {"type": "string"},
                "replicas": {"type": "integer"},
                "selector": {"type": "string"},
                "conditions": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "type": {"type": "string"},
                            "status": {"type": "string"},
                        },
                    },
                },
            },
        },
    },
}


def widget_definition(group: str) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {
                "kind": "Widget",
                "plural": "widgets",
                "shortNames": ["wg"],
                "categories": ["gadgets"],
            },
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": WIDGET_SCHEMA},
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.replicas",
                            "statusReplicasPath": ".status.replicas",
                            "labelSelectorPath": ".status.selector",
                        },
                    },
                    "additionalPrinterColumns": [
                        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                        {
                            "name": "Ready",
                            "type": "string",
                            "jsonPath": '.status.conditions[?(@.type=="Ready")].status',
                        },
                        {
                            "name": "Color",
                            "type": "string",
                            "jsonPath": ".spec.color",
                            "priority": 1,
                        },
                        {
                            "name": "Age",
                            "type": "date",
                            "jsonPath": ".metadata.creationTimestamp",
                        },
                    ],
                },
                {
                    "name": "v1beta1",
                    "served": True,
                    "storage": False,
                    "deprecated": True,
                    "schema": {"openAPIV3Schema": WIDGET_SCHEMA},
                    "subresources": {"status": {}},
                },
            ],
        },
    }


DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@dataclass(frozen=True)
class Widgets:
    group: str

    @property
    def resource(self) -> str:
        return f"{self.group}/v1/widgets"

    def widget(self, name: str = "one", **spec: Any) -> dict[str, Any]:
        return {
            "apiVersion": f"{self.group}/v1",
            "kind": "Widget",
            "metadata": {"name": name},
            "spec": {"size": 3, **spec},
        }


def until_served(api: Api, group: str, resource: str) -> None:
    """Wait until a kind is served, and everything is told of it that clients ask for."""
    group_version, _, _ = resource.rpartition("/")

    def served() -> bool:
        # The real server publishes resources, discovery and schemas one after the other.
        index = api.get("/openapi/v3").json()["paths"]
        return (
            api.get(api.path(resource)).status_code == 200
            and f"apis/{group_version}" in index
            and api.get(f"/apis/{group}").status_code == 200
        )

    eventually(served, f"{resource} is served")


@pytest.fixture(scope="session")
def widgets(target) -> Iterator[Widgets]:
    """A custom kind, registered for the session."""
    group = f"c{secrets.token_hex(3)}.tidegate.dev"
    api = Api(target, "default")
    created = api.post(DEFINITIONS, widget_definition(group))
    assert created.status_code == 201, created.text
    kinds = Widgets(group)
    until_served(api, group, kinds.resource)
    yield kinds
    api.delete(f"{DEFINITIONS}/widgets.{group}")
    api.client.close()


@pytest.fixture(scope="session")
def kinds(target) -> Iterator[Api]:
    """Our own kinds, registered for the session."""
    api = Api(target, "default")
    for crd in crds().values():
        created = api.post(DEFINITIONS, crd)
        assert created.status_code == 201, created.text
        assert "Warning" not in created.headers
    for crd in crds().values():
        until_served(api, GROUP, f"{API_VERSION}/{crd['spec']['names']['plural']}")
    yield api
    for crd in crds().values():
        api.delete(f"{DEFINITIONS}/{crd['metadata']['name']}")
    api.client.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


@pytest.fixture
def kubectl(target, api, folder):
    """Run kubectl in the test's namespace; returns its output, fails on an error."""
    beside_python = Path(sys.executable).with_name("kubectl")
    binary = str(beside_python) if beside_python.exists() else shutil.which("kubectl")
    assert binary, "kubectl is missing: install the development dependencies"

    def run(*arguments: str, given: str | None = None, fails: bool = False) -> str:
        result = subprocess.run(
            [
                binary,
                f"--kubeconfig={target.kubeconfig}",
                f"--cache-dir={folder}/cache",
                f"--namespace={api.namespace}",
                *arguments,
            ],
            input=given,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        said = result.stdout + result.stderr
        assert (result.returncode != 0) is fails, said
        return said

    return run


@pytest.fixture
def guarded(api) -> Iterator[Guarded]:
    """The namespace of a test, and webhooks that are asked about what is written to it."""
    with reviewing() as reviewers:
        guarded = Guarded(api, eventually, reviewers)
        yield guarded
        for path in guarded.created:
            assert api.delete(path).status_code == 200


@pytest.fixture(scope="session")
def conformance() -> Any:
    """Functions that the tests share, for test modules cannot import this one."""
    return _Shared


class _Shared:
    eventually = staticmethod(eventually)
    widget_definition = staticmethod(widget_definition)
    definitions = DEFINITIONS

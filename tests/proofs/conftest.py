"""What the proofs share: the real API server, and the tools' own code."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from canary.api.kinds import Manifest
from canary.routers import router_for
from tests.proofs.routes import HTTP
from tests.routers.published import PublishedSchemas
from tests.testbed.conftest import programs
from tests.testbed.control_plane import ControlPlane
from tests.testbed.modules import module_files
from tests.testbed.test_control_plane import eventually, install

Tool = Callable[..., Any]
NAMESPACE = "test"


@pytest.fixture(params=sorted(HTTP))
def kind(request: pytest.FixtureRequest) -> str:
    """Give the kind of a user's route, of each that there is."""
    return str(request.param)


@pytest.fixture(scope="session")
def gitopscheck() -> Tool:
    """Run Flux's and kstatus's code on what is given as JSON, and give what it prints."""
    return _tool("gitopscheck")


@pytest.fixture(scope="session")
def argocheck() -> Tool:
    """Run Argo CD's code on what is given as JSON, and give what it prints."""
    return _tool("argocheck")


def _tool(name: str) -> Tool:
    program = programs(name)[name]

    def ran(given: object, *arguments: str | Path) -> Any:
        done = subprocess.run(
            [program, *arguments],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return ran


@pytest.fixture(scope="session")
def api(control_plane: ControlPlane) -> Iterator[httpx.Client]:
    """Connect to an API server that knows VirtualServices and HTTPRoutes as published."""

    kinds = {router_for(name).kinds[0] for name in ("istio", "gatewayapi")}
    headers = {"Authorization": f"Bearer {control_plane.token}"}
    with httpx.Client(
        base_url=control_plane.url, headers=headers, verify=control_plane.tls, timeout=120.0
    ) as client:
        published = PublishedSchemas(lambda module, path: module_files(module, path)[path])
        for crd in published.definitions(kinds):
            install(client, crd).raise_for_status()
        for kind in kinds:
            path = f"/apis/{kind.group}/{kind.versions[0]}/{kind.plural}"
            eventually(lambda path=path: client.get(path).status_code == 200, path)
        client.post("/api/v1/namespaces", json={"metadata": {"name": NAMESPACE}}).raise_for_status()
        yield client


@pytest.fixture
def flux(gitopscheck: Tool, control_plane: ControlPlane) -> Callable[[Manifest], str]:
    """Apply an object as Flux's kustomize-controller does, and tell what it did."""

    def applied(obj: Manifest) -> str:
        (done,) = gitopscheck([obj], "apply", control_plane.kubeconfig).values()
        return str(done)

    return applied


@pytest.fixture
def argo_cd(argocheck: Tool, control_plane: ControlPlane) -> Callable[..., bool]:
    """Tell whether Argo CD sees a difference between Git and the cluster, under rules to ignore."""

    def differs(git: Manifest, live: Manifest, *rules: Manifest) -> bool:
        asked = {"git": git, "live": live, "ignored": rules}
        return bool(argocheck(asked, control_plane.kubeconfig)["differs"])

    return differs

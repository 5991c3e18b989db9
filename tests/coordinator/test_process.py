"""The coordinator's process, and the manifests that run it in a hub."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
import yaml

from canary.api.hub import FLEET_PLAN
from canary.api.schema import hub_crds
from canary.cli.fleet import run
from canary.cluster.cluster import Cluster
from canary.coordinator.process import coordinate
from canary.demo import manifests
from canary.demo.embedded import CRD, NAMESPACE
from canary.errors import CanaryError
from tests.cli.running import tidegate
from tests.controller.running import until
from tests.delivery.dockerfile import instructions
from tests.testbed.tools import ROOT
from tidegate_embedded.apiserver import EmbeddedApiServer
from tidegate_embedded.network import free_port

PLACE = "releases"
HUB = ROOT / "deploy/hub"
MANIFESTS = tuple(yaml.safe_load_all((HUB / "coordinator/coordinator.yaml").read_text()))


@asynccontextmanager
async def coordinating(kubeconfig: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Run the process, and give a client of what it serves."""
    listen = f"127.0.0.1:{free_port()}"
    running = asyncio.create_task(
        coordinate(
            kubeconfig=str(kubeconfig),
            context=None,
            lease_namespace=PLACE,
            listen=listen,
            version="1.2.3",
        )
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://{listen}", trust_env=False) as client:
            yield client
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def answered(client: httpx.AsyncClient, path: str) -> tuple[int, str]:
    """Ask; 0 where nobody listens yet."""
    try:
        answer = await client.get(path)
    except httpx.ConnectError:
        return 0, ""
    return answer.status_code, answer.text


async def test_it_is_ready_once_it_knows_the_plans_and_shows_where_they_stand(
    tmp_path: Path,
) -> None:
    async with EmbeddedApiServer() as server:
        path = server.kubeconfig(tmp_path / "config")
        async with Cluster.connect(kubeconfig=str(path), user_agent="test") as api:
            await api.create(manifests.namespace(PLACE), NAMESPACE)
            async with coordinating(path) as client:

                async def missed() -> bool:
                    code, said = await answered(client, "/readyz")
                    return code == 503 and "fleetplans.tidegate.dev" in said

                await until(missed, "it says that the CRDs are missing")
                for definition in hub_crds().values():
                    await api.create(definition, CRD)

                async def ready() -> bool:
                    return (await answered(client, "/readyz"))[0] == 200

                await until(ready, "it is ready")
                plan = {
                    "apiVersion": "tidegate.dev/v1beta1",
                    "kind": "FleetPlan",
                    "metadata": {"name": "shop", "namespace": PLACE},
                    "spec": {"waves": [{"name": "all", "clusters": ["eu-1"]}]},
                }
                await api.create(plan, FLEET_PLAN)

                async def shown() -> bool:
                    _, page = await answered(client, "/metrics")
                    leads = "tidegate_fleet_leader 1.0" in page
                    silent = 'tidegate_fleet_silent_clusters{namespace="releases",plan="shop"} 0.0'
                    return leads and silent in page

                await until(shown, "it shows the plan")
                assert (await answered(client, "/healthz"))[0] == 200


async def test_an_address_that_is_taken_is_an_error_that_names_it(tmp_path: Path) -> None:
    async with EmbeddedApiServer() as server:
        path = server.kubeconfig(tmp_path / "config")
        taken = server.url.removeprefix("http://")
        with pytest.raises(CanaryError, match=f"^listen: {taken}: "):
            await coordinate(
                kubeconfig=str(path), context=None, lease_namespace="", listen=taken, version="1"
            )


async def test_what_cannot_be_listened_on_is_refused_with_the_remedy() -> None:
    code, output = await tidegate("fleet", "run", "--listen", "8080")
    assert code == 2
    assert "'8080': write host:port, or :port for every address of the machine" in output


class TestItsManifests:
    """`deploy/hub/coordinator`."""

    def test_run_it_with_options_that_it_has_as_the_user_of_the_image(self) -> None:
        (deployment,) = (each for each in MANIFESTS if each["kind"] == "Deployment")
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        fleet, command, *options = container["args"]
        assert (fleet, command) == ("fleet", "run")
        given = run.make_context("run", options).params
        assert given["listen"] == f":{container['ports'][0]['containerPort']}"
        context = pod["securityContext"]
        assert f"{context['runAsUser']}:{context['runAsGroup']}" == dict(instructions())["USER"]

    def test_bind_roles_that_the_hub_has(self) -> None:
        roles = {
            each["metadata"]["name"]
            for each in yaml.safe_load_all((HUB / "rights.yaml").read_text())
            if "coordinator" in each["metadata"]["name"] or "lease" in each["metadata"]["name"]
        }
        bound = {each["roleRef"]["name"] for each in MANIFESTS if each["kind"].endswith("Binding")}
        assert bound == roles

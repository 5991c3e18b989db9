"""The process: kopf hosts it, signals end it in order, and admission reviews come in over HTTPS."""

import asyncio
import re
import signal
import ssl
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from canary.replicas.leases import LEASE
from tests.controller.running import World, until
from tests.receiver import Answer, receiving
from tidegate_embedded.network import free_port

ROOT = Path(__file__).parents[2]
SPEC = {
    "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
    "service": {"port": 80},
    "analysis": {"interval": "1m", "threshold": 2, "stepWeight": 10, "maxWeight": 50},
}


_PROCESSES = count()
END = datetime(2900, 1, 1, tzinfo=UTC)


class Process:
    """The controller as a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text()

    async def ready(self) -> bool:
        try:
            async with httpx.AsyncClient() as client:
                answer = await client.get(f"http://127.0.0.1:{self.port}/readyz")
        except httpx.TransportError:
            assert self.process.returncode is None, self.log
            return False
        return answer.status_code == 200


@asynccontextmanager
async def running(world: World, *flags: str, port: int | None = None) -> AsyncIterator[Process]:
    # Two that run at once do not write into one file.
    port, log = port or free_port(), world.directory / f"log-{next(_PROCESSES)}"
    command = (
        *(sys.executable, "-m", "canary", "run", "--kubeconfig", str(world.kubeconfig)),
        *("--listen", f"127.0.0.1:{port}", "--log-format", "console", "--drain", "0s"),
        *("--lease-namespace", "default", "--egress-allow", "127.0.0.0/8"),
    )
    with log.open("w") as file:
        process = await asyncio.create_subprocess_exec(
            *command, *flags, cwd=ROOT, stdout=file, stderr=file
        )
    try:
        yield Process(process, port, log)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


class TestSignals:
    async def test_sigterm_ends_it_in_order_with_its_lease_released(self, world: World):
        async with running(world) as host:
            await until(host.ready, "ready")
            await until(lambda: "took leadership" in host.log, "it acts")
            host.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(180):
                assert await host.process.wait() == 0
            lease = await world.api.read(LEASE, "default", "tidegate")
            assert lease["spec"]["holderIdentity"] == ""
            assert "Traceback" not in host.log

    async def test_a_hook_that_hangs_does_not_hold_the_end_up(self, world: World):
        await world.create_app()
        async with receiving() as hooks, running(world) as host:
            hooks.answers(Answer(hangs=True))
            hook = {"name": "slow", "type": "pre-rollout", "url": hooks.url, "timeout": "10m"}
            await world.create_canary(analysis={"webhooks": [hook]})
            await world.until_phase("Initialized")
            await world.release()
            await hooks.received(1)
            host.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(180):
                assert await host.process.wait() == 0
            assert "Traceback" not in host.log

    async def test_an_address_in_use_is_said_and_is_a_failure(self, world: World):
        async with running(world) as first:
            await until(first.ready, "ready")
            async with running(world, port=first.port) as second:
                assert await second.process.wait() != 0
                assert second.log.splitlines()[-1].startswith("Error: listen: 127.0.0.1:")


class TestRequests:
    async def test_of_kopf_are_a_look_at_what_is_served_when_it_starts(self, world: World):
        async with running(world) as host:
            await until(host.ready, "ready")
            await until(lambda: "took leadership" in host.log, "it acts")
        others = Counter(
            entry.resource for entry in world.server.audit if "kopf" in entry.user_agent.lower()
        )
        assert all(resource.startswith("/api") for resource in others), others
        assert others.total() <= 6


class TestAdmission:
    @pytest.fixture
    async def host(self, world: World, authority: trustme.CA) -> AsyncIterator[tuple[int, int]]:
        issued = authority.issue_cert("127.0.0.1", not_after=END)
        certificate, key = world.directory / "tls.crt", world.directory / "tls.key"
        issued.cert_chain_pems[0].write_to_path(str(certificate))
        issued.private_key_pem.write_to_path(str(key))
        port = free_port()
        flags = (
            *("--admission-listen", f"127.0.0.1:{port}"),
            *("--admission-certificate", str(certificate), "--admission-key", str(key)),
        )
        async with running(world, *flags) as host:
            await until(host.ready, "ready")
            yield port, host.port

    @pytest.fixture
    async def ask(self, host: tuple[int, int], authority: trustme.CA) -> Any:
        context = ssl.create_default_context()
        authority.configure_trust(context)

        async def ask(manifest: dict, resource: str = "canaries", **request: Any) -> dict:
            group, _, version = manifest["apiVersion"].partition("/")
            review = {
                "apiVersion": "admission.k8s.io/v1",
                "kind": "AdmissionReview",
                "request": {
                    "uid": "1234",
                    "operation": "CREATE",
                    "resource": {"group": group, "version": version, "resource": resource},
                    "userInfo": {"username": "somebody"},
                    "object": manifest,
                    **request,
                },
            }
            async with httpx.AsyncClient(verify=context) as client:

                async def answered() -> httpx.Response | None:
                    try:
                        return await client.post(f"https://127.0.0.1:{host[0]}/", json=review)
                    except httpx.ConnectError:
                        return None

                answer = (await until(answered, "an answer")).json()
            assert answer["kind"] == "AdmissionReview"
            assert answer["response"]["uid"] == "1234"
            return answer["response"]

        return ask

    @staticmethod
    def canary(**spec: Any) -> dict:
        return {
            "apiVersion": "tidegate.dev/v1beta1",
            "kind": "Canary",
            "metadata": {"name": "podinfo", "namespace": "demo"},
            "spec": {**SPEC, **spec},
        }

    async def test_takes_a_sound_object_and_shows_when_its_certificate_ends(
        self, ask: Any, host: tuple[int, int]
    ):
        assert await ask(self.canary()) == {"uid": "1234", "allowed": True}
        async with httpx.AsyncClient() as client:
            page = (await client.get(f"http://127.0.0.1:{host[1]}/metrics")).text
        (end,) = re.findall(r"^tidegate_admission_certificate_end_\w+ (\S+)$", page, re.MULTILINE)
        assert float(end) == END.timestamp()

    async def test_refuses_an_object_with_every_problem_at_once(self, ask: Any):
        response = await ask(self.canary(provider="sundial", service={"port": 0}, nonsense=1))
        assert response["allowed"] is False
        assert response["status"]["code"] == 422
        for field in ("spec.service.port", "spec.nonsense", "spec.provider"):
            assert field in response["status"]["message"]

    async def test_warns_of_what_is_ignored(self, ask: Any):
        service = {"port": 80, "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}, "timeout": "5s"}
        response = await ask(self.canary(provider="linkerd", service=service))
        assert response["allowed"] is True
        assert [each.partition(":")[0] for each in response["warnings"]] == [
            "spec.service.timeout",
            "spec.service.trafficPolicy",
        ]
        assert all("linkerd ignores it" in each for each in response["warnings"])

    async def test_warns_of_a_mistyped_annotation_where_it_is_written_and_of_nothing_else_then(
        self, ask: Any
    ):
        before = self.canary(provider="linkerd", service={"port": 80, "timeout": "5s"})
        metadata = {**before["metadata"], "annotations": {"tidegate.dev/aprove": "@alice"}}
        after = {**before, "metadata": metadata}
        (warning,) = (await ask(after, operation="UPDATE", oldObject=before))["warnings"]
        assert "did you mean tidegate.dev/approve?" in warning
        assert "warnings" not in await ask(before, operation="UPDATE", oldObject=after)
        assert "warnings" not in await ask(after, operation="DELETE", object=None, oldObject=after)

    async def test_refuses_what_the_router_cannot_do(self, ask: Any):
        analysis = {"interval": "1m", "threshold": 1, "stepWeight": 20}
        analysis |= {"sessionAffinity": {"cookieName": "release"}}
        response = await ask(self.canary(provider="linkerd", analysis=analysis))
        assert response["allowed"] is False
        assert "spec.analysis.sessionAffinity" in response["status"]["message"]
        assert "linkerd cannot do this" in response["status"]["message"]

    async def test_judges_metric_templates_and_the_peers_objects_too(self, ask: Any):
        template = {
            "apiVersion": "flagger.app/v1beta1",
            "kind": "MetricTemplate",
            "metadata": {"name": "errors", "namespace": "demo"},
            "spec": {"provider": {"type": "abacus"}, "query": "1"},
        }
        response = await ask(template, "metrictemplates")
        assert "spec.provider.type" in response["status"]["message"]

    async def test_lets_metadata_of_an_unsound_object_change_so_that_it_can_be_deleted(
        self, ask: Any
    ):
        unsound = self.canary(provider="sundial")
        assert (await ask(unsound, operation="UPDATE", oldObject=unsound))["allowed"]
        assert not (await ask(unsound, operation="UPDATE", oldObject=self.canary()))["allowed"]
        assert (await ask(unsound, operation="DELETE", object=None, oldObject=unsound))["allowed"]

    async def test_leaves_other_peoples_objects_alone(self, ask: Any):
        theirs = {"apiVersion": "example.com/v1", "metadata": {"name": "x"}}
        assert (await ask(theirs))["allowed"]

    async def test_names_a_certificate_that_cannot_be_used(self, world: World):
        flags = ("--admission-listen", "127.0.0.1:0", "--admission-key", "/k")
        async with running(world, *flags, "--admission-certificate", "/c") as host:
            assert await host.process.wait() == 1
            assert "--admission-certificate /c" in host.log

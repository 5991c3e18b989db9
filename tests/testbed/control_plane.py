"""A real Kubernetes control plane on loopback: etcd, the API server and the controller manager.

`python -m tests.testbed.control_plane COMMAND ...` runs a command beside one; `KUBECONFIG` and
`TIDEGATE_CONFORMANCE_KUBECONFIG` tell the command where it is.
"""

import asyncio
import base64
import json
import os
import secrets
import shutil
import signal
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import trustme

from canary.demo.network import free_port
from canary.demo.process import ProgramFailed, last_lines, start_program, stop_program
from tests.testbed.build import BuildFailed, provide_programs
from tests.testbed.scratch import scratch_folder
from tests.testbed.tools import CACHE

_LOOPBACK = "127.0.0.1"
#: Where the API server says that it is: the address of an endpoint may not be loopback.
_ADVERTISED = "10.244.255.1"
_SERVICE_NETWORK = "10.96.0.0/16"
_START_SECONDS = 120.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.1
#: An API server that is asked to end after etcd has gone waits for it, for minutes: what makes a
#: program of ours end with this process is SIGKILL.
_KILLED = """\
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
os.execv(sys.argv[1], sys.argv[1:])
"""
LOGS = CACHE / "control-plane" / "logs"


class ControlPlane:
    """A control plane of its own, ready to be used, for as long as the context is open.

    `programs` are paths by name; `logs` is a folder for what they log, which stays. Everything else
    lies in a folder that is removed. The programs end when this process does, even by SIGKILL.
    """

    def __init__(self, programs: Mapping[str, Path], *, logs: Path = LOGS) -> None:
        self._programs = programs
        self._logs = logs
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._context = AsyncExitStack()
        self._authority = trustme.CA(organization_name="tidegate tests")
        self.token = secrets.token_hex(16)
        self.url = ""
        self.kubeconfig = Path()

    @property
    def tls(self) -> ssl.SSLContext:
        """What a client needs to trust the API server."""
        return ssl.create_default_context(cadata=self._authority.cert_pem.bytes().decode())

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as context:
            folder = context.enter_context(scratch_folder())
            self._logs.mkdir(parents=True, exist_ok=True)
            etcd = await self._start_etcd(context, folder)
            await self._start_api_server(context, folder, etcd)
            await self._start_controllers(context, folder)
            self._context = context.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._context.aclose()

    @property
    def process_ids(self) -> dict[str, int]:
        """The ids of its processes, by the name of the program."""
        return {name: process.pid for name, process in self._running.items()}

    def log(self, name: str) -> Path:
        """Give the file that a program logs to."""
        return self._logs / f"{name}.log"

    async def _start_etcd(self, context: AsyncExitStack, folder: Path) -> str:
        clients, peers = (f"http://{_LOOPBACK}:{free_port()}" for _ in range(2))
        await self._start(
            context,
            "etcd",
            f"--data-dir={folder / 'etcd'}",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",  # what is stored dies with us
        )
        async with httpx.AsyncClient(base_url=clients) as client:
            await self._until(lambda: _answers(client, "/health"), "etcd is healthy")
            # A new etcd begins at revision 1. Unlike any cluster in use, an API server on it would
            # have no version that it has forgotten; so give it a past, outside of Kubernetes' keys.
            past = {"key": base64.b64encode(b"past").decode()}
            (await client.post("/v3/kv/put", json=past)).raise_for_status()
        return clients

    async def _start_api_server(self, context: AsyncExitStack, folder: Path, etcd: str) -> None:
        port = free_port()
        self.url = f"https://{_LOOPBACK}:{port}"
        server = self._authority.issue_cert(_LOOPBACK)
        accounts = self._authority.issue_cert("service-accounts").private_key_pem
        server.cert_chain_pems[0].write_to_path(folder / "server.pem")
        server.private_key_pem.write_to_path(folder / "server-key.pem")
        self._authority.cert_pem.write_to_path(folder / "authority.pem")
        accounts.write_to_path(folder / "accounts-key.pem")
        (folder / "tokens.csv").write_text(f'{self.token},tester,tester,"system:masters"\n')
        self.kubeconfig = folder / "kubeconfig"
        self._write_kubeconfig(folder / "authority.pem")
        await self._start(
            context,
            "kube-apiserver",
            f"--etcd-servers={etcd}",
            f"--bind-address={_LOOPBACK}",
            f"--secure-port={port}",
            f"--advertise-address={_ADVERTISED}",
            f"--tls-cert-file={folder / 'server.pem'}",
            f"--tls-private-key-file={folder / 'server-key.pem'}",
            f"--service-account-key-file={folder / 'accounts-key.pem'}",
            f"--service-account-signing-key-file={folder / 'accounts-key.pem'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-cluster-ip-range={_SERVICE_NETWORK}",
            f"--token-auth-file={folder / 'tokens.csv'}",
            "--authorization-mode=RBAC,Node",
            # Pods get no token, and so need not wait for the account of a new namespace.
            "--disable-admission-plugins=ServiceAccount",
        )
        async with self.client() as client:
            await self._until(lambda: _answers(client, "/readyz"), "the API server is ready")

    async def _start_controllers(self, context: AsyncExitStack, folder: Path) -> None:
        await self._start(
            context,
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            f"--service-account-private-key-file={folder / 'accounts-key.pem'}",
            f"--root-ca-file={folder / 'authority.pem'}",
            "--leader-elect=false",
            "--secure-port=0",
        )
        # One of its works that every cluster begins with.
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        async with self.client() as client:
            await self._until(lambda: _answers(client, account), "the controllers act")

    def client(self) -> httpx.AsyncClient:
        """Make a client of the API server, which may do everything."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, verify=self.tls)

    def _write_kubeconfig(self, authority: Path) -> None:
        cluster = {"server": self.url, "certificate-authority": str(authority)}
        config: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "testbed", "cluster": cluster}],
            "users": [{"name": "tester", "user": {"token": self.token}}],
            "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": "tester"}}],
            "current-context": "testbed",
        }
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(json.dumps(config, indent=2))

    async def _start(self, context: AsyncExitStack, name: str, *arguments: str) -> None:
        self.log(name).unlink(missing_ok=True)
        program, log = self._programs[name], self.log(name)
        if sys.platform == "linux":
            python = Path(sys.executable)
            bound = ("-I", "-S", "-c", _KILLED, str(program), *arguments)
            process = await start_program(python, *bound, log=log)
        else:
            process = await start_program(program, *arguments, log=log)
        context.push_async_callback(stop_program, process, grace_seconds=_STOP_SECONDS)
        self._running[name] = process

    async def _until(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        """Wait until something holds while every program runs.

        Raises:
            ProgramFailed: one ended, or it took too long; has the ends of their logs.
        """
        deadline = time.monotonic() + _START_SECONDS
        while not await holds():
            ended = [name for name, each in self._running.items() if each.returncode is not None]
            if ended or time.monotonic() > deadline:
                cause = f"{', '.join(ended)} ended" if ended else f"waited {_START_SECONDS:g} s"
                logs = "\n".join(f"{each}: {last_lines(self.log(each))}" for each in self._running)
                raise ProgramFailed(
                    f"control plane: {cause} before {what}; all of it is in {self._logs}\n{logs}"
                )
            await asyncio.sleep(_POLL_SECONDS)


async def _answers(client: httpx.AsyncClient, path: str) -> bool:
    try:
        return (await client.get(path)).status_code == 200
    except httpx.TransportError:
        return False


async def _run(command: list[str]) -> int:
    """Run a command beside a control plane, and give its exit code."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    started = time.monotonic()
    async with ControlPlane(await asyncio.to_thread(provide_programs)) as plane:
        print(f"control plane: {plane.url}, in {time.monotonic() - started:.0f} s", flush=True)
        where = dict.fromkeys(
            ("KUBECONFIG", "TIDEGATE_CONFORMANCE_KUBECONFIG"), str(plane.kubeconfig)
        )
        process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **where})
        try:
            return await process.wait()
        finally:
            await stop_program(process, grace_seconds=_STOP_SECONDS)


if __name__ == "__main__":
    if not sys.argv[1:] or shutil.which(sys.argv[1]) is None:
        sys.exit("name a command to run beside the control plane, such as: kubectl api-resources")
    try:
        sys.exit(asyncio.run(_run(sys.argv[1:])))
    except (BuildFailed, ProgramFailed) as failed:
        sys.exit(str(failed))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)

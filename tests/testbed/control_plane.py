"""A real Kubernetes control plane: etcd, the API server and its controllers; nodes where asked for.

`python -m tests.testbed.control_plane [--pods none|reported|served] COMMAND ...` runs a command
beside one; `KUBECONFIG` and `TIDEGATE_CONFORMANCE_KUBECONFIG` tell the command where it is.
"""

import argparse
import asyncio
import base64
import json
import os
import shutil
import signal
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, get_args

import httpx
import trustme

from canary.demo.network import free_port
from canary.demo.process import ProgramFailed, last_lines, start_program, stop_program
from tests.testbed import audit, namespace, nodes
from tests.testbed.build import BuildFailed, provide_programs
from tests.testbed.pods import Kubelet
from tests.testbed.scratch import scratch_folder
from tests.testbed.tools import CACHE
from tests.testbed.users import TIDEGATE, User, tester, tokens, write_kubeconfig

_LOOPBACK = "127.0.0.1"
#: Where the API server says that it is: the address of an endpoint may not be loopback.
_ADVERTISED = "10.244.255.1"
_START_SECONDS = 120.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.1
#: Megabytes after which the audit log would be begun anew.
_LARGEST_LOG = 100_000
#: An API server that is asked to end after etcd has gone waits for it, for minutes: what makes a
#: program of ours end with this process is SIGKILL.
_KILLED = """\
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
os.execv(sys.argv[1], sys.argv[1:])
"""
LOGS = CACHE / "control-plane" / "logs"
#: What a control plane consists of, by `build.PROGRAMS`; the last two only where there are nodes.
NAMES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")


class ControlPlane:
    """A control plane of its own, ready to be used, for as long as the context is open.

    `programs` are paths by name; `logs` is a folder for what they log, which stays. Everything else
    lies in a folder that is removed. The programs end when this process does, even by SIGKILL.
    `pods` says what becomes of pods (`nodes.Pods`); `users` may ask beside the tester, who may do
    everything.
    """

    def __init__(
        self,
        programs: Mapping[str, Path],
        *,
        logs: Path = LOGS,
        pods: nodes.Pods = "none",
        users: Iterable[User] = (TIDEGATE,),
        drain_seconds: float = 1.0,
    ) -> None:
        self._programs = programs
        self._logs = logs
        self._pods = pods
        self._drain_seconds = drain_seconds
        self._arguments: dict[str, tuple[str, ...]] = {}
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._context = AsyncExitStack()
        self._authority = trustme.CA(organization_name="tidegate tests")
        self._tester = tester()
        self._users = {each.name: each for each in (self._tester, *users)}
        self._folder = Path()
        self.token = self._tester.token
        self.url = ""
        self.kubeconfig = Path()
        self.kubelet: Kubelet | None = None
        """Who runs the pods, where they are served."""

    @property
    def tls(self) -> ssl.SSLContext:
        """What a client needs to trust the API server."""
        return ssl.create_default_context(cadata=self._authority.cert_pem.bytes().decode())

    async def __aenter__(self) -> Self:
        if self._pods == "served" and not namespace.inside():
            raise ProgramFailed(
                "control plane: pods are served on addresses of a network of their own; "
                "run this beside: python -m tests.testbed.namespace COMMAND ..."
            )
        async with AsyncExitStack() as context:
            self._folder = context.enter_context(scratch_folder())
            self._logs.mkdir(parents=True, exist_ok=True)
            context.push_async_callback(self._stop_all)
            await self._start_etcd()
            await self._start_api_server()
            await self._start_controllers()
            if self._pods != "none":
                await self._start_nodes(context)
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

    # ------------------------------------------------------------------------------------- access

    def client(self, user: str = "") -> httpx.AsyncClient:
        """Make a client of the API server: the tester's, who may do everything, or a user's."""
        headers = {"Authorization": f"Bearer {self._user(user).token}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, verify=self.tls)

    def kubeconfig_of(self, user: str) -> Path:
        """Give the kubeconfig of a user, by name."""
        file = self._folder / f"kubeconfig-{user.replace(':', '-')}"
        authority = self._folder / "authority.pem"
        return write_kubeconfig(file, self._user(user), server=self.url, authority=authority)

    def _user(self, name: str) -> User:
        found = self._users.get(name or self._tester.name)
        if found is None:
            known = ", ".join(self._users)
            raise ProgramFailed(f"control plane: no user {name}; there are {known}")
        return found

    @property
    def audited_bytes(self) -> int:
        """How long the audit log is: a mark to read it from later."""
        return self._audit_log.stat().st_size

    def audit(self, *, since: int = 0) -> list[audit.AuditEntry]:
        """Read the requests in their order, from the beginning or a mark."""
        return list(audit.entries(self._audit_log, since=since))

    @property
    def _audit_log(self) -> Path:
        return self._logs / "audit.log"

    # ------------------------------------------------------------------------------------- faults

    async def stop(self, name: str) -> None:
        """End a program in order; what it has stored stays."""
        await stop_program(self._running.pop(name), grace_seconds=_STOP_SECONDS)

    async def kill(self, name: str) -> None:
        """End a program at once, as a machine that fails does."""
        process = self._running.pop(name)
        process.kill()
        await process.wait()

    async def start(self, name: str) -> None:
        """Start a program again that was stopped or killed, and wait until it is ready.

        All but kwok, which may give an address of a pod to a second one.
        """
        if name == "kwok":
            raise ProgramFailed("control plane: kwok forgets who has which address; let it run")
        await self._launch(name, *self._arguments[name])
        if name == "etcd":
            await self._until(self._etcd_is_healthy, "etcd is healthy")
        elif name == "kube-apiserver":
            await self._until(lambda: self._serves("/readyz"), "the API server is ready")

    async def restart(self, name: str) -> None:
        """Stop a program and start it again, on the same port and data."""
        await self.stop(name)
        await self.start(name)

    # ------------------------------------------------------------------------------------- starts

    async def _start_etcd(self) -> None:
        clients, peers = (f"http://{_LOOPBACK}:{free_port()}" for _ in range(2))
        self._etcd = clients
        await self._first_start(
            "etcd",
            f"--data-dir={self._folder / 'etcd'}",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",  # what is stored dies with us
        )
        await self._until(self._etcd_is_healthy, "etcd is healthy")
        async with httpx.AsyncClient(base_url=clients) as client:
            # A new etcd begins at revision 1. Unlike any cluster in use, an API server on it would
            # have no version that it has forgotten; so give it a past, outside of Kubernetes' keys.
            past = {"key": base64.b64encode(b"past").decode()}
            (await client.post("/v3/kv/put", json=past)).raise_for_status()

    async def _start_api_server(self) -> None:
        folder, port = self._folder, free_port()
        self.url = f"https://{_LOOPBACK}:{port}"
        server = self._authority.issue_cert(_LOOPBACK)
        accounts = self._authority.issue_cert("service-accounts").private_key_pem
        server.cert_chain_pems[0].write_to_path(folder / "server.pem")
        server.private_key_pem.write_to_path(folder / "server-key.pem")
        self._authority.cert_pem.write_to_path(folder / "authority.pem")
        accounts.write_to_path(folder / "accounts-key.pem")
        (folder / "tokens.csv").write_text(tokens(self._users.values()))
        (folder / "audit.yaml").write_text(json.dumps(audit.POLICY))
        self._audit_log.unlink(missing_ok=True)
        self.kubeconfig = self.kubeconfig_of(self._tester.name)
        await self._first_start(
            "kube-apiserver",
            f"--etcd-servers={self._etcd}",
            f"--bind-address={_LOOPBACK}",
            f"--secure-port={port}",
            f"--advertise-address={_ADVERTISED}",
            f"--tls-cert-file={folder / 'server.pem'}",
            f"--tls-private-key-file={folder / 'server-key.pem'}",
            f"--service-account-key-file={folder / 'accounts-key.pem'}",
            f"--service-account-signing-key-file={folder / 'accounts-key.pem'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-cluster-ip-range={namespace.SERVICE_NETWORK}",
            f"--token-auth-file={folder / 'tokens.csv'}",
            "--authorization-mode=RBAC,Node",
            # Pods get no token, and so need not wait for the account of a new namespace.
            "--disable-admission-plugins=ServiceAccount",
            f"--audit-policy-file={folder / 'audit.yaml'}",
            f"--audit-log-path={self._audit_log}",
            f"--audit-log-maxsize={_LARGEST_LOG}",
        )
        await self._until(lambda: self._serves("/readyz"), "the API server is ready")

    async def _start_controllers(self) -> None:
        await self._first_start(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            f"--service-account-private-key-file={self._folder / 'accounts-key.pem'}",
            f"--root-ca-file={self._folder / 'authority.pem'}",
            "--leader-elect=false",
            "--secure-port=0",
        )
        # One of its works that every cluster begins with.
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        await self._until(lambda: self._serves(account), "the controllers act")

    async def _start_nodes(self, context: AsyncExitStack) -> None:
        await self._first_start(
            "kube-scheduler",
            f"--kubeconfig={self.kubeconfig}",
            "--leader-elect=false",
            "--secure-port=0",
        )
        played = nodes.kwok_arguments(self._folder, self._pods, self.kubeconfig)
        await self._first_start("kwok", *played)
        async with self.client() as client:
            for number in range(1, nodes.NODE_COUNT + 1):
                created = await client.post("/api/v1/nodes", json=nodes.node(number))
                created.raise_for_status()
        await self._until(self._nodes_take_pods, "the nodes take pods")
        if self._pods == "served":
            self.kubelet = await context.enter_async_context(
                Kubelet(
                    self.kubeconfig,
                    self.client(),
                    logs=self._logs / "pods",
                    drain_seconds=self._drain_seconds,
                )
            )

    async def _first_start(self, name: str, *arguments: str) -> None:
        self.log(name).unlink(missing_ok=True)
        self._arguments[name] = arguments
        await self._launch(name, *arguments)

    async def _launch(self, name: str, *arguments: str) -> None:
        program, log = self._programs[name], self.log(name)
        if sys.platform == "linux":
            python = Path(sys.executable)
            bound = ("-I", "-S", "-c", _KILLED, str(program), *arguments)
            process = await start_program(python, *bound, log=log)
        else:
            process = await start_program(program, *arguments, log=log)
        self._running[name] = process

    async def _stop_all(self) -> None:
        for name in reversed(self._arguments):  # the API server before its etcd
            if name in self._running:
                await self.stop(name)

    # ---------------------------------------------------------------------------------- readiness

    async def _etcd_is_healthy(self) -> bool:
        async with httpx.AsyncClient(base_url=self._etcd) as client:
            return await _answers(client, "/health")

    async def _serves(self, path: str) -> bool:
        async with self.client() as client:
            return await _answers(client, path)

    async def _nodes_take_pods(self) -> bool:
        async with self.client() as client:
            found = (await client.get("/api/v1/nodes")).json()["items"]
        return all(map(nodes.takes_pods, found))

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


async def _run(command: list[str], pods: nodes.Pods) -> int:
    """Run a command beside a control plane, and give its exit code."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    started = time.monotonic()
    programs = await asyncio.to_thread(provide_programs, NAMES)
    async with ControlPlane(programs, pods=pods) as plane:
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
    parser = argparse.ArgumentParser(description="Run a command beside a real control plane.")
    parser.add_argument("--pods", choices=get_args(nodes.Pods), default="none")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    if not asked.command or shutil.which(asked.command[0]) is None:
        sys.exit("name a command to run beside the control plane, such as: kubectl api-resources")
    try:
        sys.exit(asyncio.run(_run(asked.command, asked.pods)))
    except (BuildFailed, ProgramFailed) as failed:
        sys.exit(str(failed))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)

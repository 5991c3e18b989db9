"""A real Kubernetes control plane: etcd, the API server and its controllers; nodes where asked for.

`python -m tests.testbed.control_plane [--pods none|reported|served] COMMAND ...` runs a command
beside one; `KUBECONFIG` and `TIDEGATE_CONFORMANCE_KUBECONFIG` tell the command where it is.
"""

import argparse
import asyncio
import base64
import os
import shutil
import signal
import ssl
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, get_args

import httpx
import trustme

from tests.testbed import arguments, audit, history, namespace, nodes
from tests.testbed.arguments import LOOPBACK
from tests.testbed.build import BuildFailed, provide_programs
from tests.testbed.pods import Kubelet
from tests.testbed.processes import Processes
from tests.testbed.reminder import Reminder
from tests.testbed.scratch import scratch_folder
from tests.testbed.tools import CACHE
from tests.testbed.users import TIDEGATE, User, tester, tokens, write_kubeconfig
from tidegate_embedded.network import free_port
from tidegate_embedded.opening import Opened
from tidegate_embedded.process import ProgramFailed, stop_program

_STOP_SECONDS = 10.0
#: How long a client waits for an answer: a machine that is busy with other tests takes its time.
_ANSWER_SECONDS = 60.0
LOGS = CACHE / "control-plane" / "logs"
#: What a control plane consists of, by `build.PROGRAMS`; the last two only where there are nodes.
NAMES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")


class ControlPlane(Opened):
    """A control plane of its own, ready to be used, for as long as the context is open.

    `programs` are paths by name; `logs` is a folder for what they log, which stays. Everything else
    lies in a folder that is removed. The programs end when this process does, even by SIGKILL.
    `pods` says what becomes of pods (`nodes.Pods`); `users` may ask beside the tester, who may do
    everything. With `remembers`, etcd keeps every version of every object.
    """

    def __init__(
        self,
        programs: Mapping[str, Path],
        *,
        logs: Path = LOGS,
        pods: nodes.Pods = "none",
        users: Iterable[User] = (TIDEGATE,),
        drain_seconds: float = 1.0,
        remembers: bool = False,
    ) -> None:
        self._logs = logs
        self._pods = pods
        self._drain_seconds = drain_seconds
        self._remembers = remembers
        self._processes = Processes("control plane", programs, logs)
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

    @property
    def tls_of_another(self) -> ssl.SSLContext:
        """What another server on loopback needs so that clients take it for the API server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(LOOPBACK).configure_cert(context)
        return context

    async def _open(self, context: AsyncExitStack) -> None:
        if self._pods == "served" and not namespace.inside():
            raise ProgramFailed(
                "control plane: pods are served on addresses of a network of their own; "
                "run this beside: python -m tests.testbed.namespace COMMAND ..."
            )
        self._folder = context.enter_context(scratch_folder())
        self._logs.mkdir(parents=True, exist_ok=True)
        context.push_async_callback(self._processes.stop_all)  # the API server before its etcd
        await self._start_etcd()
        await self._start_api_server()
        await self._start_controllers()
        if self._pods != "none":
            await self._start_nodes(context)

    @property
    def process_ids(self) -> dict[str, int]:
        """The ids of its processes, by the name of the program."""
        return self._processes.ids

    def log(self, name: str) -> Path:
        """Give the file that a program logs to."""
        return self._processes.log(name)

    # ------------------------------------------------------------------------------------- access

    def client(self, user: str = "") -> httpx.AsyncClient:
        """Make a client of the API server: the tester's, who may do everything, or a user's."""
        headers = {"Authorization": f"Bearer {self._user(user).token}"}
        return httpx.AsyncClient(
            base_url=self.url, headers=headers, verify=self.tls, timeout=_ANSWER_SECONDS
        )

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
        return self.audit_log.stat().st_size

    def audit(self, *, since: int = 0) -> list[audit.AuditEntry]:
        """Read the requests in their order, from the beginning or a mark."""
        return list(audit.entries(self.audit_log, since=since))

    @property
    def audit_log(self) -> Path:
        """The file of the audit log, which goes on when the API server is started again."""
        return self._logs / "audit.log"

    async def standing(self) -> list[str]:
        """Say of each program and node how it is, for the message of a failure."""
        async with self.client() as client:
            found = (await client.get("/api/v1/nodes")).json()["items"]
        return [
            *self._processes.standing(),
            *(
                f"{each['metadata']['name']} {each['spec']} {each['status'].get('conditions')}"
                for each in found
            ),
        ]

    async def versions(
        self, *, group: str, resource: str, namespace: str, name: str
    ) -> list[dict[str, Any]]:
        """Read the versions that a custom object has had; see `history.versions`."""
        async with httpx.AsyncClient(base_url=self._etcd) as etcd:
            return await history.versions(
                etcd, group=group, resource=resource, namespace=namespace, name=name
            )

    # ------------------------------------------------------------------------------------- faults

    async def stop(self, name: str) -> None:
        """End a program in order; what it has stored stays."""
        await self._processes.stop(name)

    async def kill(self, name: str) -> None:
        """End a program at once, as a machine that fails does."""
        await self._processes.kill(name)

    async def start(self, name: str) -> None:
        """Start a program again that was stopped or killed, and wait until it is ready.

        All but kwok, which may give an address of a pod to a second one.
        """
        if name == "kwok":
            raise ProgramFailed("control plane: kwok forgets who has which address; let it run")
        await self._processes.start_again(name)
        if name == "etcd":
            await self._processes.until(self._etcd_is_healthy, "etcd is healthy")
        elif name == "kube-apiserver":
            await self._processes.until(lambda: self._serves("/readyz"), "the API server is ready")

    async def restart(self, name: str) -> None:
        """Stop a program and start it again, on the same port and data."""
        await self.stop(name)
        await self.start(name)

    # ------------------------------------------------------------------------------------- starts

    async def _start_etcd(self) -> None:
        clients, peers = (f"http://{LOOPBACK}:{free_port()}" for _ in range(2))
        self._etcd = clients
        told = arguments.of_etcd(self._folder, clients=clients, peers=peers)
        await self._processes.start("etcd", *told)
        await self._processes.until(self._etcd_is_healthy, "etcd is healthy")
        async with httpx.AsyncClient(base_url=clients) as client:
            # A new etcd begins at revision 1. Unlike any cluster in use, an API server on it would
            # have no version that it has forgotten; so give it a past, outside of Kubernetes' keys.
            past = {"key": base64.b64encode(b"past").decode()}
            (await client.post("/v3/kv/put", json=past)).raise_for_status()

    async def _start_api_server(self) -> None:
        folder, port = self._folder, free_port()
        self.url = f"https://{LOOPBACK}:{port}"
        server = self._authority.issue_cert(LOOPBACK)
        accounts = self._authority.issue_cert("service-accounts").private_key_pem
        server.cert_chain_pems[0].write_to_path(folder / "server.pem")
        server.private_key_pem.write_to_path(folder / "server-key.pem")
        self._authority.cert_pem.write_to_path(folder / "authority.pem")
        accounts.write_to_path(folder / "accounts-key.pem")
        (folder / "tokens.csv").write_text(tokens(self._users.values()))
        self.audit_log.unlink(missing_ok=True)
        self.kubeconfig = self.kubeconfig_of(self._tester.name)
        told = arguments.of_the_api_server(
            folder,
            port=port,
            etcd=self._etcd,
            audit_log=self.audit_log,
            remembers=self._remembers,
        )
        await self._processes.start("kube-apiserver", *told)
        await self._processes.until(lambda: self._serves("/readyz"), "the API server is ready")

    async def _start_controllers(self) -> None:
        told = arguments.of_the_controller_manager(self._folder, self.kubeconfig)
        await self._processes.start("kube-controller-manager", *told)
        # One of its works that every cluster begins with.
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        await self._processes.until(lambda: self._serves(account), "the controllers act")

    async def _start_nodes(self, context: AsyncExitStack) -> None:
        told = arguments.of_the_scheduler(self.kubeconfig)
        await self._processes.start("kube-scheduler", *told)
        played = nodes.kwok_arguments(self._folder, self._pods, self.kubeconfig)
        await self._processes.start("kwok", *played)
        async with self.client() as client:
            for number in range(1, nodes.NODE_COUNT + 1):
                created = await client.post("/api/v1/nodes", json=nodes.node(number))
                created.raise_for_status()
        await self._processes.until(self._nodes_take_pods, "the nodes take pods")
        if self._pods == "reported":
            await context.enter_async_context(Reminder(self.client()))
        if self._pods == "served":
            self.kubelet = await context.enter_async_context(
                Kubelet(
                    self.kubeconfig,
                    self.client(),
                    logs=self._logs / "pods",
                    drain_seconds=self._drain_seconds,
                )
            )

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

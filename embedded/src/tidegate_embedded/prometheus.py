"""Runs Prometheus, where the machine has it, over Envoy and pods.

Recording rules give what Envoy counts the names and labels of Istio's own metrics, and what the
pods count has the labels of a scrape of Kubernetes pods, so that the built-in queries run unchanged.
"""

import asyncio
import re
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from tidegate_embedded.apiserver.resources import StorageKey
from tidegate_embedded.apiserver.storage import Storage
from tidegate_embedded.network import free_port
from tidegate_embedded.opening import Opened
from tidegate_embedded.process import (
    ProgramFailed,
    find_program,
    last_lines,
    start_program,
    stop_program,
)
from tidegate_embedded.values import Manifest

#: Gives the pods that there are at the moment.
Pods = Callable[[], Awaitable[Iterable[Manifest]]]

_PODS: StorageKey = ("", "pods")
_LOOPBACK = "127.0.0.1"
_PERIOD = "1s"
_SCRAPE_SECONDS = 0.5
_START_SECONDS = 120.0
_STOP_SECONDS = 5.0
_POLL_SECONDS = 0.05
#: Envoy's metrics, and the pods'.
_JOBS = 2
#: Istio's metrics, and Envoy's for the same facts.
_ENVOY_NAMES = {
    "istio_requests_total": "envoy_cluster_upstream_rq",
    "istio_request_duration_milliseconds_bucket": "envoy_cluster_upstream_rq_time_bucket",
    "istio_request_duration_milliseconds_count": "envoy_cluster_upstream_rq_time_count",
    "istio_request_duration_milliseconds_sum": "envoy_cluster_upstream_rq_time_sum",
}
_ISTIO_LABELS = ("reporter", "destination_workload", "destination_workload_namespace")
RULES_FILE = "rules.yml"
_SAMPLE = re.compile(rb"^(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?P<labels>.*)\})? ", re.MULTILINE)


def prometheus_installed() -> bool:
    """Tell whether there is a Prometheus on the PATH."""
    return shutil.which("prometheus") is not None


def stored_pods(storage: Storage) -> Pods:
    """Give the pods of an embedded API server."""

    async def pods() -> list[Manifest]:
        return [stored.object for stored in storage.history(_PODS).objects.values()]

    return pods


class Prometheus(Opened):
    """A Prometheus on loopback that has scraped once, for as long as the context is open.

    `pods` gives the pods to scrape, whenever they are scraped. `envoy_metrics_url` is Envoy's page
    of metrics, and `program` a Prometheus other than that on the PATH. `workloads` maps the name of
    an apex service to that of its target where they differ: Istio counts by workload, Envoy by
    service.
    """

    def __init__(
        self,
        pods: Pods,
        *,
        envoy_metrics_url: str,
        workloads: Mapping[str, str] | None = None,
        program: Path | None = None,
    ) -> None:
        self._pods = pods
        self._program = program
        self._envoy_metrics_url = envoy_metrics_url
        self._workloads = dict(workloads or {})
        self._port = 0

    @property
    def url(self) -> str:
        """Where it answers queries."""
        return f"http://{_LOOPBACK}:{self._port}"

    async def _open(self, context: AsyncExitStack) -> None:
        program = self._program or find_program(
            "prometheus", remedy="install Prometheus, or read by scrape"
        )
        temporary = tempfile.TemporaryDirectory(prefix="tidegate-prometheus-")
        directory = Path(context.enter_context(temporary))
        pods = await context.enter_async_context(_PodMetrics(self._pods))
        targets = configuration(
            envoy_metrics_url=self._envoy_metrics_url,
            pods_metrics_url=pods.url,
            workloads=self._workloads,
        )
        (directory / RULES_FILE).write_text(yaml.safe_dump(recording_rules()), encoding="utf-8")
        (directory / "prometheus.yml").write_text(yaml.safe_dump(targets), encoding="utf-8")
        self._port = free_port()
        log = directory / "prometheus.log"
        process = await start_program(
            program,
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address={_LOOPBACK}:{self._port}",
            # By default it takes five seconds to notice what it shall scrape.
            "--scrape.discovery-reload-interval=100ms",
            "--log.level=warn",
            log=log,
        )
        context.push_async_callback(stop_program, process, grace_seconds=_STOP_SECONDS)
        await self._ready(process, log)

    async def _ready(self, process: asyncio.subprocess.Process, log: Path) -> None:
        deadline = time.monotonic() + _START_SECONDS
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
            while await _scraped(session, self.url) < _JOBS:
                if process.returncode is not None:
                    raise ProgramFailed(
                        f"prometheus ended with code {process.returncode}: {last_lines(log)}"
                    )
                if time.monotonic() > deadline:
                    raise ProgramFailed(
                        f"prometheus: not ready after {_START_SECONDS:g} s: {last_lines(log)}"
                    )
                await asyncio.sleep(_POLL_SECONDS)


def configuration(
    *, envoy_metrics_url: str, pods_metrics_url: str, workloads: Mapping[str, str]
) -> dict[str, Any]:
    """Write Prometheus's configuration: Envoy with labels of Istio's beside its own, and the pods."""
    return {
        "global": {
            "scrape_interval": _PERIOD,
            "scrape_timeout": _PERIOD,
            "evaluation_interval": _PERIOD,
        },
        "rule_files": [RULES_FILE],
        "scrape_configs": [
            {**_job("envoy", envoy_metrics_url), "metric_relabel_configs": _labels(workloads)},
            {**_job("kubernetes-pods", pods_metrics_url), "honor_labels": True},
        ],
    }


def recording_rules() -> dict[str, Any]:
    """Write the rules that give Istio's metrics.

    Each series recorded is one counter of one cluster of Envoy: `rate` would take the end of one
    among several that are added up for a restart of all of them. All are in one group, so that they
    are recorded of the same scrape.
    """
    labels = (*_ISTIO_LABELS, "destination_service")
    rules = []
    for istio, envoy in _ENVOY_NAMES.items():
        own = "le" if istio.endswith("_bucket") else "response_code"
        kept = labels if istio.endswith(("_sum", "_count")) else (*labels, own)
        expression = f'sum by ({", ".join(kept)}) ({envoy}{{destination_workload!=""}})'
        rules.append({"record": istio, "expr": expression})
    return {"groups": [{"name": "istio", "interval": _PERIOD, "rules": rules}]}


def _job(name: str, url: str) -> dict[str, Any]:
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    return {
        "job_name": name,
        "scheme": scheme,
        "metrics_path": f"/{path}",
        "static_configs": [{"targets": [host]}],
    }


def _labels(workloads: Mapping[str, str]) -> list[dict[str, Any]]:
    """Read workload and namespace from the names of Envoy's clusters."""
    # outbound|PORT|SUBSET|SERVICE.NAMESPACE.svc.cluster.local; the canary's service leads to the
    # target, as the apex service does while nothing splits its requests.
    cluster = r"outbound\|\d+\|[^|]*\|(([^.]+?)(?:-canary)?\.([^.]+)\.svc\.cluster\.local)"
    # A subset that has a name like the service of a side leads to the same pods.
    subset = r"outbound\|\d+\|([^|]+?)(?:-canary)?\|.*"
    read = (
        (cluster, "destination_service", "$1"),
        (cluster, "destination_workload", "$2"),
        (cluster, "destination_workload_namespace", "$3"),
        (cluster, "reporter", "destination"),
        (subset, "destination_workload", "$1"),
    )
    rules: list[dict[str, Any]] = [
        {
            "source_labels": ["envoy_cluster_name"],
            "regex": regex,
            "target_label": label,
            "replacement": replacement,
        }
        for regex, label, replacement in read
    ]
    rules.extend(
        {
            "source_labels": ["destination_workload"],
            "regex": f"{re.escape(service)}(-primary)?",
            "target_label": "destination_workload",
            "replacement": f"{workload}$1",
        }
        for service, workload in sorted(workloads.items())
    )
    return [
        *rules,
        {"source_labels": ["envoy_response_code"], "target_label": "response_code"},
    ]


class _PodMetrics(Opened):
    """One page of the metrics of all pods that run at the moment, each with its pod's labels.

    Prometheus takes seconds to notice a new target; on this page a pod is seen at the next scrape.
    """

    def __init__(self, pods: Pods) -> None:
        self._pods = pods
        self._session: aiohttp.ClientSession | None = None
        self.url = ""
        """Where the page is, once it is open."""

    async def _open(self, context: AsyncExitStack) -> None:
        limit = aiohttp.ClientTimeout(total=_SCRAPE_SECONDS)
        self._session = await context.enter_async_context(aiohttp.ClientSession(timeout=limit))
        application = web.Application()
        application.router.add_get("/metrics", self._page)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        context.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, _LOOPBACK, 0)
        await site.start()
        self.url = f"http://{_LOOPBACK}:{runner.addresses[0][1]}/metrics"

    async def _page(self, _: web.Request) -> web.Response:
        pages = await asyncio.gather(*(self._pod(pod) for pod in await self._pods()))
        return web.Response(body=b"".join(pages), content_type="text/plain")

    async def _pod(self, pod: Manifest) -> bytes:
        """Read the page of one pod; one that does not answer has none, as with any scrape."""
        address = pod_metrics_url(pod)
        if address is None or self._session is None:
            return b""
        try:
            async with self._session.get(address) as answer:
                page = await answer.read() if answer.status == 200 else b""
        except (aiohttp.ClientError, TimeoutError):
            return b""
        return labelled(page, pod["metadata"]["namespace"], pod["metadata"]["name"])


def pod_metrics_url(pod: Manifest) -> str | None:
    """Give the address of a pod's metrics, or None while it has none."""
    ip = (pod.get("status") or {}).get("podIP")
    ports = [
        port["containerPort"]
        for container in pod["spec"]["containers"]
        for port in container.get("ports") or ()
    ]
    return f"http://{ip}:{ports[0]}/metrics" if ip and ports else None


def labelled(page: bytes, namespace: str, pod: str) -> bytes:
    """Add the labels of a pod to every sample of a page, and leave out the comments."""
    added = f'kubernetes_namespace="{namespace}",kubernetes_pod_name="{pod}"'.encode()

    def with_labels(sample: re.Match[bytes]) -> bytes:
        labels = added + (b"," + sample["labels"] if sample["labels"] else b"")
        return sample["name"] + b"{" + labels + b"} "

    samples = b"\n".join(line for line in page.splitlines() if not line.startswith(b"#"))
    return _SAMPLE.sub(with_labels, samples) + (b"\n" if samples else b"")


async def _scraped(session: aiohttp.ClientSession, url: str) -> int:
    """Count the jobs whose first scrape can be asked about; none while Prometheus does not answer."""
    try:
        async with session.get(f"{url}/api/v1/query", params={"query": "count(up == 1)"}) as answer:
            result = (await answer.json())["data"]["result"] if answer.status == 200 else []
    except (aiohttp.ClientError, TimeoutError):
        return 0
    return int(result[0]["value"][1]) if result else 0

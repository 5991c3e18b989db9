"""Prometheus over the embedded world: its configuration, and the real one where there is one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

from analysis.builtin import builtin
from analysis.model import ProviderSpec, Sample
from analysis.providers.prometheus import PrometheusProvider
from tests.embedded.mesh_objects import a_pod, a_service, a_virtual_service, endpoints, put
from tidegate_embedded.apiserver.storage import Storage
from tidegate_embedded.controllers.runtime import PodReport
from tidegate_embedded.load import Load
from tidegate_embedded.mesh import Mesh
from tidegate_embedded.pods import ProcessRuntime
from tidegate_embedded.process import ProgramFailed, find_program
from tidegate_embedded.prometheus import (
    Prometheus,
    configuration,
    labelled,
    pod_metrics_url,
    prometheus_installed,
    stored_pods,
)

DEADLINE_SECONDS = 180.0


def test_the_samples_of_a_pod_carry_its_labels():
    page = b'# HELP a b\n# TYPE a counter\na{x="1"} 2\nb 3\n'
    who = 'kubernetes_namespace="test",kubernetes_pod_name="p"'
    assert labelled(page, "test", "p").decode() == f'a{{{who},x="1"}} 2\nb{{{who}}} 3\n'


def test_a_page_without_samples_stays_empty():
    assert labelled(b"# only a comment\n", "test", "p") == b""


def test_a_pod_has_metrics_once_it_has_an_address():
    pod = a_pod("p")
    assert pod_metrics_url(pod) is None
    pod["status"] = {"podIP": "127.9.0.2"}
    assert pod_metrics_url(pod) == "http://127.9.0.2:9898/metrics"


def test_a_service_may_have_another_name_than_its_workload():
    written = configuration(
        envoy_metrics_url="http://127.0.0.1:1/stats/prometheus",
        pods_metrics_url="http://127.0.0.1:2/metrics",
        workloads={"shop": "podinfo"},
    )
    rules = written["scrape_configs"][0]["metric_relabel_configs"]
    assert {
        "source_labels": ["destination_workload"],
        "regex": "shop(-primary)?",
        "target_label": "destination_workload",
        "replacement": "podinfo$1",
    } in rules


def test_a_program_that_is_missing_is_named_with_its_remedy():
    with pytest.raises(ProgramFailed, match=r"no-such-program: not found .*; install it"):
        find_program("no-such-program", remedy="install it")


@pytest.fixture
async def prometheus() -> AsyncIterator[Prometheus]:
    """A canary whose requests all fail, beside a primary whose requests all succeed."""
    storage = Storage()
    async with AsyncExitStack() as context:
        runtime = await context.enter_async_context(ProcessRuntime(linger_seconds=0))
        mesh = await context.enter_async_context(Mesh(storage))
        # The name that a Deployment would give.
        await run(storage, runtime, "podinfo-6d9f7c8b5-x7k2p", "podinfo-canary", ERROR_RATE="1")
        await run(storage, runtime, "podinfo-primary-5c7d9fbb84-b4n6z", "podinfo-primary")
        put(storage, a_service("podinfo"), a_virtual_service(50, 50))
        made = await context.enter_async_context(
            Prometheus(stored_pods(storage), envoy_metrics_url=mesh.metrics_url)
        )
        await context.enter_async_context(Load(mesh.url, host="podinfo.test"))
        yield made


async def run(
    storage: Storage, runtime: ProcessRuntime, name: str, service: str, **environment: str
) -> None:
    pod = a_pod(name, environment=environment)
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def report(state: PodReport) -> None:
        if state.ready and state.ip and not ready.done():
            ready.set_result(state.ip)

    await runtime.start(pod, report)
    pod["status"] = {"podIP": await asyncio.wait_for(ready, DEADLINE_SECONDS)}
    storage.put(("", "pods"), ("test", name), pod)
    put(storage, a_service(service), endpoints(service, pod["status"]["podIP"]))


@pytest.mark.skipif(not prometheus_installed(), reason="this machine has no Prometheus")
async def test_the_built_in_queries_find_what_they_ask_for(prometheus):
    provider = PrometheusProvider(ProviderSpec(type="prometheus", address=prometheus.url))
    values = {"target": "podinfo", "namespace": "test", "interval": "5s"}
    try:
        for router in ("istio", "smi", "gatewayapi"):
            failed = written(builtin("request-success-rate", router), values)
            succeeded = written(
                builtin("request-success-rate", router), values | {"target": "podinfo-primary"}
            )
            duration = written(builtin("request-duration", router), values)
            assert await settled(provider, failed) == 0
            assert await settled(provider, succeeded) == 100
            assert 0 < await settled(provider, duration) < 10_000
    finally:
        await provider.close()


def written(template: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        template = template.replace(f"{{{{ {name} }}}}", value)
    return template


async def settled(provider: PrometheusProvider, query: str) -> float:
    """Ask until there is a number: rates need two scrapes."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            outcome = await provider.query(query, datetime.now(UTC), timedelta(seconds=5))
            if isinstance(outcome, Sample) and outcome.value == outcome.value:
                return outcome.value
            await asyncio.sleep(0.2)

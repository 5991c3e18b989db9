"""A run's trace in a real Jaeger: what its query API, which its pages ask, makes of it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml

from tests.builders import at
from tests.controller.running import until
from tests.controller.test_otlp import Replica, a_record
from tests.testbed.conftest import programs
from tests.tracing.lives import promoted
from tidegate_embedded.network import free_port
from tidegate_embedded.process import start_program, stop_program

pytestmark = [pytest.mark.control_plane, pytest.mark.asyncio]


@dataclass(frozen=True, kw_only=True)
class Jaeger:
    """A Jaeger that keeps what it takes in memory."""

    collects: str
    queried: httpx.AsyncClient

    async def data(self, path: str, **asked: str) -> list[Any]:
        answer = await self.queried.get(f"/api/{path}", params=asked)
        found: list[Any] = answer.raise_for_status().json()["data"] or []
        return found

    async def traces(self, **asked: str) -> list[Any]:
        """Search as its page does, in the time of the lives."""
        begins, ends = (str(int(each.timestamp() * 1_000_000)) for each in (at(-3600), at(86_400)))
        return await self.data("traces", service="tidegate", start=begins, end=ends, **asked)


@pytest_asyncio.fixture
async def jaeger(tmp_path: Path) -> AsyncIterator[Jaeger]:
    takes, answers, calls = (f"127.0.0.1:{free_port()}" for _ in range(3))
    config, log = tmp_path / "jaeger.yaml", tmp_path / "jaeger.log"
    pipeline = {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}
    config.write_text(
        yaml.safe_dump(
            {
                "receivers": {"otlp": {"protocols": {"http": {"endpoint": takes}}}},
                "exporters": {"jaeger_storage_exporter": {"trace_storage": "kept"}},
                "extensions": {
                    "jaeger_storage": {"backends": {"kept": {"memory": {"max_traces": 100}}}},
                    "jaeger_query": {
                        "storage": {"traces": "kept"},
                        "http": {"endpoint": answers},
                        "grpc": {"endpoint": calls},
                    },
                },
                "service": {
                    "extensions": ["jaeger_storage", "jaeger_query"],
                    "pipelines": {"traces": pipeline},
                    "telemetry": {"metrics": {"level": "none"}},
                },
            }
        )
    )
    program = programs("jaeger")["jaeger"]
    process = await start_program(program, "--config", str(config), log=log)
    try:
        await until(lambda: "Everything is ready" in log.read_text(), "it is ready", seconds=60)
        async with httpx.AsyncClient(base_url=f"http://{answers}", timeout=30.0) as queried:
            yield Jaeger(collects=f"http://{takes}", queried=queried)
    finally:
        await stop_program(process, grace_seconds=5)


async def test_a_run_over_two_controllers_is_one_trace_that_jaeger_finds(jaeger: Jaeger) -> None:
    life = promoted()
    first, second = Replica(jaeger.collects), Replica(jaeger.collects)
    first.live(life[:5])
    await first.traces.close()
    # The second one meets the Canary in the middle of its run.
    second.traces.awaiting(a_record(life[4][1]))
    second.live(life[5:])
    await second.traces.close()
    assert first.dropped == second.dropped == [0]

    async def whole() -> bool:
        return sum(len(each["spans"]) for each in await jaeger.traces()) >= 8

    await until(whole, "all spans are stored", seconds=60)
    (trace,) = await jaeger.traces()
    spans = {each["spanID"]: each for each in trace["spans"]}
    parents = {
        own: [each["spanID"] for each in span["references"] if each["refType"] == "CHILD_OF"]
        for own, span in spans.items()
    }
    (root,) = (own for own, above in parents.items() if not above)
    assert spans[root]["operationName"] == "RUN shop/cart"
    assert all(each in spans for above in parents.values() for each in above)
    # Jaeger says so of a span whose parent or clock it does not believe.
    assert not [each["warnings"] for each in trace["spans"] if each["warnings"]]
    assert {each["operationName"] for each in trace["spans"]} >= {
        *("step 1", "step 2", "analysis", "promotion"),
    }
    begins, lasts = spans[root]["startTime"], spans[root]["duration"]
    for each in trace["spans"]:
        assert begins <= each["startTime"]
        assert each["startTime"] + each["duration"] <= begins + lasts


async def test_jaeger_finds_a_run_by_its_pipeline_and_result(jaeger: Jaeger) -> None:
    replica = Replica(jaeger.collects)
    replica.live(promoted())
    await replica.traces.close()

    async def told() -> bool:
        return await jaeger.data("services") == ["tidegate"] and bool(await jaeger.traces())

    await until(told, "the service is known", seconds=60)
    operations = await jaeger.data("services/tidegate/operations")
    assert "RUN shop/cart" in operations
    for result, number in (("success", 1), ("failure", 0)):
        found = await jaeger.traces(
            operation="RUN shop/cart",
            tags=f'{{"cicd.pipeline.result": "{result}"}}',
        )
        assert len(found) == number, result

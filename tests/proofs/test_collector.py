"""A run's trace in a real OpenTelemetry Collector: what it says that it was sent."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from tests.controller.running import until
from tests.controller.test_otlp import Replica, a_record
from tests.testbed.conftest import programs
from tests.tracing.lives import promoted
from tidegate_embedded.network import free_port
from tidegate_embedded.process import start_program, stop_program

pytestmark = [pytest.mark.control_plane, pytest.mark.asyncio]

_SPAN = re.compile(
    r"Trace ID +: (?P<trace>\w+)\s+Parent ID +: (?P<parent>\w*)\s+ID +: (?P<id>\w+)\s+"
    r"Name +: (?P<name>[^\n]+)\s+Kind +: (?P<kind>\w+)"
)


@dataclass(frozen=True, kw_only=True)
class Collector:
    """A collector that writes down what it takes."""

    url: str
    log: Path

    def spans(self) -> list[dict[str, str]]:
        return [each.groupdict() for each in _SPAN.finditer(self.log.read_text())]


@pytest_asyncio.fixture
async def collector(tmp_path: Path) -> AsyncIterator[Collector]:
    address, config = f"127.0.0.1:{free_port()}", tmp_path / "collector.yaml"
    pipeline = {"receivers": ["otlp"], "exporters": ["debug"]}
    config.write_text(
        yaml.safe_dump(
            {
                "receivers": {"otlp": {"protocols": {"http": {"endpoint": address}}}},
                "exporters": {"debug": {"verbosity": "detailed"}},
                "service": {
                    "pipelines": {"traces": pipeline},
                    "telemetry": {"metrics": {"level": "none"}},
                },
            }
        )
    )
    log = tmp_path / "collector.log"
    program = programs("collector")["collector"]
    process = await start_program(program, "--config", str(config), log=log)
    try:
        await until(lambda: "Everything is ready" in log.read_text(), "it is ready", seconds=60)
        yield Collector(url=f"http://{address}", log=log)
    finally:
        await stop_program(process, grace_seconds=5)


async def test_a_run_over_two_controllers_is_one_trace(collector: Collector) -> None:
    life = promoted()
    first, second = Replica(collector.url), Replica(collector.url)
    first.live(life[:5])
    await first.traces.close()
    # The second one meets the Canary in the middle of its run.
    second.traces.awaiting(a_record(life[4][1]))
    second.live(life[5:])
    await second.traces.close()
    await until(lambda: len(collector.spans()) >= 8, "the spans are taken", seconds=60)

    spans = collector.spans()
    assert first.dropped == second.dropped == [0]
    assert len({each["trace"] for each in spans}) == 1
    (root,) = (each for each in spans if not each["parent"])
    assert (root["name"], root["kind"]) == ("RUN shop/cart", "Server")
    ids = {each["id"] for each in spans}
    assert all(each["parent"] in ids for each in spans if each is not root)
    assert {each["name"] for each in spans} >= {"step 1", "step 2", "analysis", "promotion"}
    said = collector.log.read_text()
    assert "service.name: Str(tidegate)" in said
    assert "cicd.pipeline.result: Str(success)" in said

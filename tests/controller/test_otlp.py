"""Traces as a collector gets them: decoded from what is really sent."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from canary.api.annotations import PREFIX
from canary.api.kinds import DEPLOYMENT
from canary.api.status import CanaryStatus, write_status
from canary.controller.canaries import CanaryKey, CanaryRecord
from canary.controller.controller import Controller
from canary.controller.otlp import Traces, exporter_of
from canary.controller.reading import CanaryReader
from canary.core.waits import PROMOTION_GATE
from canary.demo.manifests import APP
from canary.tracing.context import read_traceparent
from canary.tracing.span import RunSpan
from tests.builders import at
from tests.controller.running import CANARY, DEMO, World, until
from tests.receiver import Answer, Receiver, receiving
from tests.tracing.lives import Life, promoted

CART = CanaryKey("tidegate.dev", "shop", "cart")


@dataclass
class Collector:
    """A collector on loopback, and the spans that it got."""

    url: str = ""
    answer: int = 200
    spans: list[Any] = field(default_factory=list)
    resources: list[dict[str, str]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        if self.answer != 200:
            return web.Response(status=self.answer)
        sent = ExportTraceServiceRequest.FromString(await request.read())
        for each in sent.resource_spans:
            attributes = {one.key: one.value.string_value for one in each.resource.attributes}
            self.resources.append(attributes)
            for scope in each.scope_spans:
                self.spans += scope.spans
        body = ExportTraceServiceResponse().SerializeToString()
        return web.Response(body=body, content_type="application/x-protobuf")


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    collector, application = Collector(), web.Application()
    application.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    collector.url = f"http://{host}:{port}"
    yield collector
    await runner.cleanup()


def a_record(status: CanaryStatus) -> CanaryRecord:
    manifest = {
        "apiVersion": "tidegate.dev/v1beta1",
        "kind": "Canary",
        "metadata": {"namespace": CART.namespace, "name": CART.name, "uid": "0b5e"},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart"},
            "service": {"port": 80},
            "analysis": {"interval": "10s", "threshold": 1, "stepWeights": [10, 50]},
        },
        "status": write_status(status),
    }
    record = CanaryReader("istio").read(manifest)
    assert isinstance(record, CanaryRecord)
    return record


@dataclass
class Clock:
    """Tells the moment of the status that is heard of."""

    seconds: int = 0

    def __call__(self):
        return at(self.seconds)


class Replica:
    """The part of a controller that traces."""

    def __init__(self, url: str) -> None:
        self.clock, self.dropped = Clock(), [0]
        export = exporter_of(
            {"OTEL_EXPORTER_OTLP_ENDPOINT": url}, version="1.2.3", cluster_name="harbour"
        )
        assert export is not None
        self.traces = Traces(export, dropped=self._drop, clock=self.clock)

    def _drop(self, count: int) -> None:
        self.dropped[0] += count

    def live(self, life: Life) -> None:
        """Decide as a life goes."""
        for self.clock.seconds, status in life:
            self.traces.decided(a_record(status))


def up(spans: dict[bytes, Any], span: Any) -> Any:
    """Go up the tree as far as it leads."""
    while span.parent_span_id:
        span = spans[span.parent_span_id]
    return span


async def test_a_run_over_two_controllers_is_one_tree(collector: Collector) -> None:
    life = promoted()
    first, second = Replica(collector.url), Replica(collector.url)
    first.live(life[:5])
    await first.traces.close()
    # The second one meets the Canary in the middle of its run.
    second.traces.awaiting(a_record(life[4][1]))
    second.live(life[5:])
    await second.traces.close()

    spans = {each.span_id: each for each in collector.spans}
    assert sorted(each.name for each in spans.values()) == [
        "RUN shop/cart",
        *("analysis", "analysis", "drain", "gate confirm-promotion", "promotion"),
        *("step 1", "step 2"),
    ]
    assert len({each.trace_id for each in spans.values()}) == 1
    (root,) = (each for each in spans.values() if not each.parent_span_id)
    assert root.name == "RUN shop/cart"
    assert {up(spans, each).span_id for each in spans.values()} == {root.span_id}
    assert first.dropped == second.dropped == [0]


async def test_a_collector_reads_kinds_times_events_and_where_it_comes_from(
    collector: Collector,
) -> None:
    replica = Replica(collector.url)
    replica.live(promoted())
    await replica.traces.close()
    spans = {each.name: each for each in collector.spans}
    root, step = spans["RUN shop/cart"], spans["step 2"]
    assert root.kind == root.SPAN_KIND_SERVER
    assert step.kind == step.SPAN_KIND_INTERNAL
    assert root.start_time_unix_nano == int(at(0).timestamp()) * 10**9
    assert root.end_time_unix_nano == int(at(90).timestamp()) * 10**9
    analysis = next(each for each in collector.spans if each.name == "analysis")
    assert [event.name for event in analysis.events] == ["check success"]
    resource = collector.resources[0]
    assert resource["service.name"] == "tidegate"
    assert resource["service.version"] == "1.2.3"
    assert resource["k8s.cluster.name"] == "harbour"


async def test_no_span_is_without_a_length(collector: Collector) -> None:
    replica = Replica(collector.url)
    replica.live(promoted())
    await replica.traces.close()
    assert collector.spans
    lengths = [each.end_time_unix_nano - each.start_time_unix_nano for each in collector.spans]
    assert min(lengths) == 1, "one begins and ends within a second"


async def test_spans_are_sent_while_the_controller_runs(collector: Collector) -> None:
    replica = Replica(collector.url)
    running = asyncio.create_task(replica.traces.run())
    replica.live(promoted())
    await until(lambda: len(collector.spans) == 8, "every span has arrived")
    running.cancel()
    await replica.traces.close()


async def test_what_a_collector_refuses_is_dropped_and_counted(collector: Collector) -> None:
    collector.answer = 400
    replica = Replica(collector.url)
    replica.live(promoted())
    await replica.traces.close()
    assert replica.dropped == [8]
    assert collector.spans == []


class _Nowhere:
    """Takes nothing, for ever: as a collector that hangs."""

    def __call__(self, spans: Sequence[RunSpan], /) -> bool:
        raise AssertionError(f"{len(spans)} spans were sent")

    def close(self) -> None:
        """Close nothing."""


def test_a_queue_that_is_full_holds_up_nothing() -> None:
    dropped, clock = [0], Clock()

    def drop(count: int) -> None:
        dropped[0] += count

    traces = Traces(_Nowhere(), dropped=drop, clock=clock, queued=5)
    for clock.seconds, status in promoted():
        traces.decided(a_record(status))
    assert dropped == [3]


def test_a_canary_that_is_gone_or_at_rest_is_forgotten() -> None:
    traces = Traces(_Nowhere(), dropped=lambda _: None, clock=Clock())
    life = promoted()
    traces.decided(a_record(life[0][1]))
    traces.forget(CART)
    traces.decided(a_record(life[-1][1]))
    traces.awaiting(a_record(life[-1][1]))
    traces.decided(a_record(life[-1][1]))
    assert not traces._seen
    assert not traces._queue


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:4318", "OTEL_SDK_DISABLED": "TRUE"},
    ],
)
def test_without_a_collector_nothing_is_traced(environ: dict[str, str]) -> None:
    assert exporter_of(environ, version="1", cluster_name="") is None


async def test_an_address_for_traces_alone_is_taken_as_it_is(collector: Collector) -> None:
    address = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.url}/v1/traces"}
    export = exporter_of(address, version="1", cluster_name="")
    assert export is not None
    traces = Traces(export, dropped=lambda _: None)
    for _, status in promoted():
        traces.decided(a_record(status))
    await traces.close()
    assert len(collector.spans) == 8


def vector(value: str) -> Answer:
    """Answer as Prometheus does."""
    result = [{"metric": {}, "value": [0, value]}]
    data = {"resultType": "vector", "result": result}
    return Answer(body=orjson.dumps({"status": "success", "data": data}))


def attributes_of(span: Any) -> dict[str, Any]:
    """Give the attributes that are text."""
    return {each.key: each.value.string_value for each in span.attributes}


class Traced:
    """A world with a collector, a metric store and a receiver of hooks."""

    def __init__(self, world: World, collector: Collector, receiver: Receiver) -> None:
        self.world, self.collector, self.receiver = world, collector, receiver
        receiver.answers_by_path["/api/v1/query"] = vector("99.9")

    def controller(self, **settings: Any) -> AbstractAsyncContextManager[Controller]:
        return self.world.running_controller(
            environ={"OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.url},
            metrics_server=self.receiver.url,
            **settings,
        )

    async def prepare(self, **analysis: Any) -> None:
        """Create the app and its Canary, with a metric."""
        await self.world.create_app()
        metric = {"name": "request-success-rate", "thresholdRange": {"min": 99}}
        await self.world.create_canary(analysis={"metrics": [metric], **analysis})
        await self.world.until_phase("Initialized")

    def roots(self) -> list[Any]:
        return [each for each in self.collector.spans if each.name.startswith("RUN ")]

    async def until_root(self) -> Any:
        """Wait for the span of a run, which comes last."""
        await until(self.roots, "the run is told")
        return self.roots()[-1]

    def headers(self, path: str) -> list[str]:
        """List what the hooks of a path got as traceparent."""
        return [
            each.headers.get("traceparent", "")
            for each in self.receiver.requests
            if each.path == path
        ]


@pytest.fixture
async def traced(world: World, collector: Collector) -> AsyncIterator[Traced]:
    async with receiving() as receiver:
        yield Traced(world, collector, receiver)


async def test_a_run_that_outlives_its_controller_is_one_trace(traced: Traced) -> None:
    world, gate = traced.world, {"name": "people", "type": "confirm-promotion"}

    async def gated() -> bool:
        waiting = (await world.status()).get("waitingFor") or {}
        return waiting.get("reason") == PROMOTION_GATE

    async with traced.controller():
        await traced.prepare(webhooks=[gate])
        await world.release()
        await until(gated, "the run is at its gate")
    async with traced.controller(dashboard_url="https://tidegate.test") as second:
        (traces,) = second._traces
        await until(lambda: traces._seen, "the second controller has met the run")
        approved = {"metadata": {"annotations": {f"{PREFIX}approve": "fine"}}}
        await world.patch(CANARY, APP, approved)
        await world.until_phase("Succeeded")
        root = await traced.until_root()
    assert root.name == f"RUN {DEMO}/{APP}"
    assert not root.parent_span_id
    assert attributes_of(root)["cicd.pipeline.result"] == "success"
    page = f"https://tidegate.test/c/{DEMO}/{APP}/runs/"
    assert attributes_of(root)["cicd.pipeline.run.url.full"].startswith(page)
    # The end of the run is told last.
    spans = {each.span_id: each for each in traced.collector.spans}
    assert {each.name for each in spans.values()} >= {
        *("gate confirm-promotion", "promotion", "step 1", "analysis", "query prometheus"),
    }
    assert {each.trace_id for each in spans.values()} == {root.trace_id}
    assert {up(spans, each).span_id for each in spans.values()} == {root.span_id}


async def test_hooks_and_queries_are_spans_of_the_run_that_calls_them(traced: Traced) -> None:
    """A receiver adds to the trace by the header that it is sent."""
    url, types = traced.receiver.url, ("pre-rollout", "rollout", "confirm-promotion")
    await_all = [{"name": each, "type": each, "url": f"{url}/{each}"} for each in types]
    async with traced.controller():
        await traced.prepare(webhooks=await_all)
        await traced.world.release()
        await traced.world.until_phase("Succeeded")
        root = await traced.until_root()
    spans = {each.span_id: each for each in traced.collector.spans}
    for type_ in types:
        calls = [each for each in spans.values() if each.name == f"hook {type_}"]
        assert {each.kind for each in calls} == {root.SPAN_KIND_CLIENT}
        sent = [read_traceparent(each) for each in traced.headers(f"/{type_}")]
        assert {each.span_id.to_bytes(8) for each in sent if each} == {
            each.span_id for each in calls
        }
        assert {each.trace_id.to_bytes(16) for each in sent if each} == {root.trace_id}
    within = {each.name: spans[each.parent_span_id].name for each in spans.values() if each != root}
    assert within["query prometheus"].startswith("step ")
    assert within["hook rollout"].startswith("step ")


async def test_without_a_collector_hooks_get_no_header(traced: Traced) -> None:
    """Its flag would tell receivers whether to trace, and nothing is traced here."""
    hook = {"name": "test", "type": "rollout", "url": f"{traced.receiver.url}/rollout"}
    async with traced.world.running_controller(metrics_server=traced.receiver.url):
        await traced.prepare(webhooks=[hook])
        await traced.world.release()
        await traced.world.until_phase("Succeeded")
    assert set(traced.headers("/rollout")) == {""}


async def test_an_event_hook_is_part_of_the_run_that_it_hears_of(traced: Traced) -> None:
    hook = {"name": "told", "type": "event", "url": f"{traced.receiver.url}/event"}

    def promoted_is_told() -> bool:
        told = (each for each in traced.receiver.requests if each.path == "/event")
        return any(each.document["phase"] == "Succeeded" for each in told)

    async with traced.controller():
        await traced.prepare(webhooks=[hook])
        await traced.world.release()
        await until(promoted_is_told, "the end is told")
        root = await traced.until_root()
        await until(lambda: _named(traced.collector, "hook event"), "the call is told")
    calls = _named(traced.collector, "hook event")
    assert {(each.trace_id, each.parent_span_id) for each in calls} == {
        (root.trace_id, root.span_id)
    }


def _named(collector: Collector, name: str) -> list[Any]:
    return [each for each in collector.spans if each.name == name]


PIPELINE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def _release_by_pipeline(traced: Traced, **settings: Any) -> Any:
    """Release as a pipeline does that names its span; give the span of the run."""
    async with traced.controller(**settings):
        await traced.prepare()
        named = {"metadata": {"annotations": {f"{PREFIX}traceparent": PIPELINE}}}
        await traced.world.patch(DEPLOYMENT, APP, named)
        await traced.world.release()
        await traced.world.until_phase("Succeeded")
        return await traced.until_root()


async def test_a_run_links_to_the_span_of_its_pipeline(traced: Traced) -> None:
    root = await _release_by_pipeline(traced)
    (link,) = root.links
    _, trace, span, _ = PIPELINE.split("-")
    assert (link.trace_id.hex(), link.span_id.hex()) == (trace, span)
    assert root.trace_id.hex() != trace


async def test_a_run_is_part_of_its_pipelines_trace_where_that_is_asked(traced: Traced) -> None:
    root = await _release_by_pipeline(traced, trace_parent="child")
    _, trace, span, _ = PIPELINE.split("-")
    assert (root.trace_id.hex(), root.parent_span_id.hex()) == (trace, span)
    assert {each.trace_id.hex() for each in traced.collector.spans} == {trace}
    assert not root.links


async def test_a_retry_links_to_the_run_before(traced: Traced) -> None:
    traced.receiver.answers_by_path["/api/v1/query"] = vector("50")
    async with traced.controller():
        await traced.prepare()
        await traced.world.release()
        await traced.world.until_phase("Failed")
        first = await traced.until_root()
        again = {"metadata": {"annotations": {f"{PREFIX}retry": "the store was wrong"}}}
        await traced.world.patch(CANARY, APP, again)
        await until(lambda: len(traced.roots()) == 2, "the retry is told")
    (link,) = traced.roots()[1].links
    assert (link.trace_id, link.span_id) == (first.trace_id, first.span_id)
    assert not first.links


async def test_log_entries_of_a_run_name_it_and_its_place_in_the_trace(
    traced: Traced, caplog: pytest.LogCaptureFixture
) -> None:
    """What is searched for in the store of logs leads to the trace, and back."""
    caplog.set_level("DEBUG", "canary")
    async with traced.controller():
        await traced.prepare()
        await traced.world.release()
        await traced.world.until_phase("Succeeded")
        root = await traced.until_root()
    spans = {each.span_id.hex() for each in traced.collector.spans}
    told = [vars(each) for each in caplog.records if "trace_id" in vars(each)]
    assert {each["trace_id"] for each in told} == {root.trace_id.hex()}
    assert {each["span_id"] for each in told} <= spans
    assert {each["run"] for each in told} == {attributes_of(root)["cicd.pipeline.run.id"]}
    assert {each["revision"] for each in told} == {attributes_of(root)["tidegate.revision"]}
    assert {
        "canary.controller.reconcile",
        "canary.controller.answer",
        "canary.controller.notify",
    } <= {each["name"] for each in told}

"""Counts by the providers that give them: whole numbers, each request in one block."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from analysis.asking import Providers
from analysis.engine import analyse
from analysis.errors import ProviderUnavailable, QueryError
from analysis.judges import JUDGES
from analysis.judging import LONGEST_BLOCK
from analysis.model import (
    SIDES,
    Ask,
    Bounds,
    Metric,
    NoData,
    Outcome,
    ProviderSpec,
    Sample,
    Signal,
    Verdict,
)
from analysis.providers import ProviderDefaults
from analysis.providers.matrices import LOOK_BACK
from analysis.providers.prometheus import SETTLE, PrometheusProvider
from analysis.providers.scrape import ScrapeProvider
from analysis.tally import counted_to
from tests.analysis.servers import data, in_turn, says, vector
from tests.cases.judges.sequential import asks

NOW = datetime(2026, 1, 1, 12, 0, 0, 123_456, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
END = NOW.replace(microsecond=123_000) - SETTLE
PATIENCE = 60


def matrix(*series: tuple[dict[str, str], list[tuple[float, object]]]) -> dict[str, object]:
    """Give raw samples as Prometheus does, by seconds before the block's end."""
    return data(
        "matrix",
        [
            {"metric": labels, "values": [[END.timestamp() - ago, str(v)] for ago, v in values]}
            for labels, values in series
        ],
    )


async def counted(address: str, query: str = "increase(rq)", since=NOW - MINUTE) -> Outcome:
    async with asyncio.timeout(180):
        provider = PrometheusProvider(ProviderSpec(type="prometheus", address=address))
        try:
            return await provider.count(query, since, NOW)
        finally:
            await provider.close()


async def test_prometheus_is_asked_for_raw_samples_of_a_closed_block(serve):
    server = await serve(
        says(
            matrix(
                ({"pod": "a"}, [(70, 10), (40, 15), (10, 3)]),
                ({"pod": "b"}, [(20, 4)]),
                ({"pod": "c"}, [(20, "NaN")]),
            )
        )
    )
    assert await counted(server.address, 'increase(rq{app="x"})') == Sample(value=12, at=END)
    (asked,) = server.parameters
    length = (END - (NOW - MINUTE) + LOOK_BACK) // timedelta(milliseconds=1)
    assert asked["query"] == f'rq{{app="x"}}[{length}ms]'
    assert asked["time"] == f"{END.timestamp():.3f}"


async def test_several_selectors_are_asked_about_the_same_time(serve):
    server = await serve(
        in_turn(
            [
                says(matrix(({}, [(70, 0), (10, 9)])) | {"warnings": ["one store is gone"]}),
                says(matrix(({}, [(70, 0), (10, 2)]))),
            ]
        )
    )
    found = await counted(server.address, "increase(rq) - increase(ok)")
    assert found == Sample(value=7, at=END, warnings=("one store is gone",))
    assert len({each["time"] for each in server.parameters}) == 1


async def test_no_series_is_no_data(serve):
    server = await serve(says(matrix() | {"warnings": ["partial"]}))
    found = await counted(server.address)
    assert found == NoData(reason="no series matches rq; warning: partial")


async def test_of_a_histogram_one_bucket_is_asked_for(serve):
    edge = {"le": "500.0"}
    series = (
        (edge | {"pod": "a"}, [(70, 10), (10, 15)]),
        (edge | {"pod": "b"}, [(20, 4)]),
    )
    server = await serve(says(matrix(*series)))
    assert await counted(server.address, "within(500, rq_bucket)") == Sample(value=9, at=END)
    (asked,) = server.parameters
    assert asked["query"].startswith('rq_bucket{le=~"500([.]0*)?|5([.]0*)?[eE][+]?0*2"}[')


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param(
            data("vector", [{"metric": {"le": le}, "value": [1, "2"]} for le in ("250", "1e+03", "+Inf")]),
            "rq_bucket has no bucket with the edge 500; the nearest edges are 250 and 1000",
            id="a histogram with other edges",
        ),
        pytest.param(data("vector", [{"metric": {}}]), "are no buckets of a histogram", id="a counter"),
        pytest.param(matrix(), "no answer of Prometheus", id="no vector"),
        pytest.param(data("vector", [1]), "no answer of Prometheus", id="no series"),
    ],
)  # fmt: skip
async def test_an_edge_that_a_histogram_does_not_have_is_refused(answer, outcome, serve):
    server = await serve(in_turn([says(matrix()), says(answer)]))
    with pytest.raises(QueryError, match=outcome):
        await counted(server.address, "within(500, rq_bucket)")
    assert server.parameters[1]["query"] == "count by (le) (rq_bucket{})"


async def test_a_histogram_without_series_is_no_data(serve):
    server = await serve(in_turn([says(matrix()), says(data("vector", []))]))
    found = await counted(server.address, "within(500, rq_bucket)")
    assert found == NoData(reason="no series matches rq_bucket")


async def test_a_block_that_is_not_whole_yet_is_not_asked_for(serve):
    server = await serve(says(matrix()))
    found = await counted(server.address, since=NOW - timedelta(seconds=3))
    assert isinstance(found, NoData)
    assert found.warming_up
    assert server.requests == []


@pytest.mark.parametrize(
    "answer",
    [vector("1"), data("matrix", [{"metric": {}}]), data("matrix", [{"metric": {}, "values": [["x"]]}])],
    ids=["a vector", "no values", "a sample without a value"],
)  # fmt: skip
async def test_what_are_no_raw_samples_is_an_error(answer, serve):
    server = await serve(says(answer))
    with pytest.raises(QueryError, match="no answer of Prometheus"):
        await counted(server.address)


async def test_other_providers_say_who_counts():
    with pytest.raises(
        QueryError, match="use a template whose provider is azuremonitor, cloudwatch"
    ):
        await ProviderDefaults().count("increase(rq)", NOW - MINUTE, NOW)


# ------------------------------------------------------------------------------------ scrape


class Page:
    """A page whose counters a test moves."""

    def __init__(self, edges: tuple[str, ...] = ()) -> None:
        self.edges = edges
        self.total = 1000
        self.bad: int | None = None

    async def __call__(self, request):
        bad = "" if self.bad is None else f'rq{{app="x",code="503"}} {self.bad}\n'
        buckets = "".join(f'rq_bucket{{le="{edge}"}} {self.total}\n' for edge in self.edges)
        text = f'rq{{app="x",code="200"}} {self.total}\n{bad}{buckets}'
        return await says(text, media_type="text/plain")(request)


class Counting:
    """A scraping provider, and where it has left off."""

    def __init__(self, spec: ProviderSpec) -> None:
        self.provider = ScrapeProvider(spec, shortest_period=timedelta(milliseconds=5))
        self.since = datetime.now(UTC)

    async def count(self, query: str) -> Outcome:
        """Count until there is something to tell, and go on from there."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await self.provider.count(query, self.since, datetime.now(UTC))
                if isinstance(found, Sample):
                    self.since = found.at
                    return found
                if not found.warming_up:
                    return found
                self.since = found.known_from or self.since
                await asyncio.sleep(0.01)

    async def count_to(self, query: str, total: float) -> None:
        """Add blocks up until they come to a number; never to more."""
        seen = 0.0
        async with asyncio.timeout(PATIENCE):
            while seen < total:
                found = await self.count(query)
                assert isinstance(found, Sample)
                seen += found.value
                assert seen <= total
                await asyncio.sleep(0.01)


async def test_scraped_blocks_add_up_to_what_was_counted_however_often_pages_are_read(serve):
    page = Page()
    server = await serve(page)
    counting = Counting(ProviderSpec(type="scrape", targets=(server.address,)))
    try:
        assert (await counting.count("increase(rq)")).value == 0
        page.total += 70
        # Another query reads the page as often as it likes, and its readings are thinned out.
        for _ in range(20):
            await counting.provider.query("increase(rq)", NOW, MINUTE)
        await counting.count_to("increase(rq)", 70)
        page.total, page.bad = 30, 5
        await counting.count_to('increase(rq{app="x"})', 35)
    finally:
        await counting.provider.close()


async def test_scraped_requests_are_counted_at_the_edge_of_a_bucket(serve):
    page = Page(edges=("250", "500", "+Inf"))
    server = await serve(page)
    counting = Counting(ProviderSpec(type="scrape", targets=(server.address,)))
    try:
        assert (await counting.count("within(500, rq_bucket)")).value == 0
        page.total += 70
        await counting.count_to("within(500, rq_bucket)", 70)
        with pytest.raises(QueryError, match="the edge 300; the nearest edges are 250 and 500"):
            await counting.count("within(300, rq_bucket)")
    finally:
        await counting.provider.close()


async def test_scraped_series_that_no_page_has_are_no_data(serve):
    server = await serve(Page())
    counting = Counting(ProviderSpec(type="scrape", targets=(server.address,)))
    try:
        assert await counting.count('increase(rq{code="503"})') == NoData(
            reason='no series matches rq{code="503"}'
        )
    finally:
        await counting.provider.close()


async def test_what_was_before_the_first_page_is_not_counted_and_said_to_be_unknown(serve):
    server = await serve(Page())
    provider = ScrapeProvider(ProviderSpec(type="scrape", targets=(server.address,)))
    try:
        await provider.query("increase(rq)", NOW, MINUTE)
        asked = datetime.now(UTC)
        found = await provider.count("increase(rq)", asked - MINUTE, asked)
        assert isinstance(found, NoData)
        assert found.warming_up
        assert found.known_from is not None
        assert asked - MINUTE < found.known_from <= asked + timedelta(seconds=1)
        early = await provider.count("increase(rq)", found.known_from, found.known_from)
        assert isinstance(early, NoData)
        assert (early.warming_up, early.known_from) == (True, None)
    finally:
        await provider.close()


async def test_targets_that_cannot_be_read_are_told_and_count_as_an_outage_where_all_are(serve):
    server = await serve(Page())
    gone = await serve(says("", status=503))
    both = Counting(ProviderSpec(type="scrape", targets=(server.address, gone.address)))
    none = Counting(ProviderSpec(type="scrape", targets=(gone.address,)))
    try:
        found = await both.count("increase(rq)")
        assert "1 of 2 targets cannot be read" in found.warnings[0]
        with pytest.raises(ProviderUnavailable, match="answers 503"):
            await none.count("increase(rq)")
    finally:
        await both.provider.close()
        await none.provider.close()


# ------------------------------------------------------------------------- the engine


def a_metric(address: str, **fields) -> Metric:
    return Metric(
        **{
            "name": "request-success-rate",
            "asks": asks(Signal.BAD),
            "provider": ProviderSpec(type="prometheus", address=address),
            "interval": MINUTE,
            "threshold_range": Bounds(),
            "judge": "sequential",
        }
        | fields
    )


@pytest.mark.parametrize(
    ("memory", "since", "begins"),
    [
        pytest.param({}, None, MINUTE, id="one interval back where nothing is known"),
        pytest.param({}, NOW - 3 * MINUTE, 3 * MINUTE, id="where the step began"),
        pytest.param({"to": "2026-01-01T11:58:00+00:00"}, NOW - 5 * MINUTE, None, id="where it has left off"),
        pytest.param({"to": "2030-01-01T00:00:00+00:00"}, NOW - MINUTE, MINUTE, id="not in the far future"),
        pytest.param({"to": "2020-01-01T00:00:00+00:00"}, None, LONGEST_BLOCK, id="an hour ago at the most"),
    ],
)  # fmt: skip
async def test_counting_begins(memory, since, begins, serve):
    server = await serve(says(matrix()))
    metric = a_metric(server.address, since=since)
    async with Providers() as providers:
        await analyse([metric], providers, NOW, memories={metric.name: memory})
    left_off = NOW - begins if begins else datetime(2026, 1, 1, 11, 58, tzinfo=UTC)
    length = (END - left_off + LOOK_BACK) // timedelta(milliseconds=1)
    assert {each["query"] for each in server.parameters} == {
        f"{arm}_{signal}{{}}[{length}ms]" for arm in SIDES for signal in ("requests", "bad")
    }


async def test_a_count_that_does_not_say_since_when_is_that_of_one_interval(serve):
    server = await serve(says(matrix(({}, [(70, 0), (10, 9)]))))
    async with Providers() as providers:
        found = await providers.ask(a_metric(server.address), NOW)
    assert found == Sample(value=9, at=END)


async def test_what_comes_in_while_a_metric_warms_up_is_not_counted(serve):
    server = await serve(says(matrix()))
    metric = a_metric(server.address, since=NOW - MINUTE, warm_up=timedelta(seconds=20))
    async with Providers() as providers:
        await analyse([metric], providers, NOW)
    length = (END - NOW + timedelta(seconds=40) + LOOK_BACK) // timedelta(milliseconds=1)
    assert f"[{length}ms]" in server.parameters[0]["query"]


@pytest.mark.parametrize(("verdict", "least"), [(Verdict.FAIL, 99), (Verdict.PASS, 1)])
async def test_a_failure_of_a_critical_metric_is_enough(verdict, least, serve):
    server = await serve(says(vector("5")))
    metric = a_metric(
        server.address,
        judge="threshold",
        asks=(Ask(query="up"),),
        threshold_range=Bounds(min=least),
        critical=True,
    )
    async with Providers() as providers:
        (check,) = (await analyse([metric], providers, NOW)).checks
    assert (check.verdict, check.proven) == (verdict, verdict is Verdict.FAIL)


@pytest.mark.parametrize(("status", "unanswered"), [(200, False), (503, True)])
async def test_a_check_says_whether_its_question_was_answered(status, unanswered, serve):
    server = await serve(says(vector("5"), status=status))
    metric = a_metric(server.address, judge="threshold", asks=(Ask(query="up"),))
    async with Providers() as providers:
        (check,) = (await analyse([metric], providers, NOW)).checks
    assert check.unanswered is unanswered


async def test_nothing_is_counted_twice_where_a_clock_is_set_back(serve):
    server = await serve(says(matrix()))
    metric = a_metric(server.address, since=NOW - MINUTE)
    async with Providers() as providers:
        ahead = {metric.name: {"to": (NOW + MINUTE).isoformat()}}
        report = await analyse([metric], providers, NOW, memories=ahead)
    assert (server.requests, report.verdict) == ([], Verdict.INCONCLUSIVE)
    assert counted_to(report.memories[metric.name]) == NOW + MINUTE


async def test_a_run_of_blocks_is_judged_and_remembered(serve):
    server = await serve(says(matrix(({}, [(70, 0), (10, 9)]))))
    metric = a_metric(server.address)
    async with Providers() as providers:
        report = await analyse([metric], providers, NOW)
    (check,) = report.checks
    assert (check.verdict, check.value) == (Verdict.PASS, 0)
    assert counted_to(report.memories[metric.name]) == END


async def test_a_shadow_is_judged_and_does_not_count(serve):
    server = await serve(says(vector("1")))
    shadow = a_metric(
        server.address,
        judge="threshold",
        asks=(Ask(query="up"),),
        threshold_range=Bounds(min=99),
        shadow=True,
    )
    async with Providers() as providers:
        report = await analyse([shadow], providers, NOW)
    assert (report.checks[0].verdict, report.checks[0].shadow) == (Verdict.FAIL, True)
    assert (report.verdict, report.failures) == (Verdict.PASS, ())


async def test_a_question_for_counts_is_not_answered_with_those_of_another_time(serve):
    server = await serve(says(matrix()))
    first = a_metric(server.address, since=NOW - MINUTE)
    async with Providers() as providers:
        await analyse([first], providers, NOW)
        await analyse([first], providers, NOW + timedelta(milliseconds=5))
    assert len({each["time"] for each in server.parameters}) == 2
    assert "sequential" in JUDGES.names()

"""Stores that answer several queries side by side: what a metric counts is one request to them."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

import orjson
import pytest
from aiohttp import web

from analysis.asking import Providers
from analysis.errors import FailureKind, LoginRefused, QueryError
from analysis.model import (
    SIDES,
    Ask,
    Bounds,
    Credentials,
    Metric,
    NoData,
    Outcome,
    ProviderSpec,
    QueryFailure,
    Sample,
    Signal,
)
from analysis.providers import PROVIDERS, counts_together
from analysis.providers.counted import CountingProvider
from analysis.providers.dynatrace import DynatraceProvider
from analysis.providers.opensearch import OpenSearchProvider
from tests.analysis.servers import Handler, in_turn, says
from tests.case import NOW, minutes, provider_cases
from tests.cases.providers import azuremonitor, cloudwatch, dynatrace, influxdb, splunk, wavefront
from tests.cases.providers.newrelic import KEYS as QUERY_KEY
from tests.cases.providers.newrelic import USER_KEY

PATIENCE = 60
SINCE = NOW - minutes(10)
Value = float | None


@dataclass(frozen=True, kw_only=True)
class Side:
    """A store that takes several queries, and how it answers them."""

    spec: ProviderSpec
    query: Callable[[str], str]
    """Writes a query that counts what has a name."""
    answer: Callable[[list[Value]], Handler]
    """Answers with one part for each query; None is a part without data."""
    refusal: Handler
    """Refuses one of the queries, with status 200 where the store does so."""
    asked: Callable[[Mapping[str, str], bytes], list[Any]]
    """Reads the queries out of a request."""
    alone: tuple[str, ...] = ()
    """Queries that this store is asked alone."""
    unlike: tuple[Handler, ...] = ()
    """Answers that are none to several queries."""


def nerdgraph(values: list[Value]) -> Handler:
    fields = {
        f"nrql{n}": {"results": [{"count": each}] if each is not None else [], "metadata": None}
        for n, each in enumerate(values)
    }
    return says({"data": {"actor": {"account": fields}}})


def render(values: list[Value]) -> Handler:
    end = int((NOW - minutes(1)).timestamp())
    return says(
        [
            {"target": f"tidegate{n}", "datapoints": [[each, end - 60], [7, end]]}
            for n, each in reversed(list(enumerate(values)))
            if each is not None
        ]
    )


def searched(value: Value) -> dict[str, Any]:
    shards = {"total": 1, "failed": 0}
    found = {} if value is not None else {"aggregations": {"a": {"value": None}}}
    hits = {"total": {"value": value or 0, "relation": "eq"}, "hits": []}
    return {"timed_out": False, "_shards": shards, "hits": hits, "status": 200, **found}


def searches(values: list[Value]) -> Handler:
    return says({"took": 1, "responses": [searched(each) for each in values]})


def failed_search(status: int) -> Handler:
    error = {"type": "parsing_exception", "reason": "unknown query"}
    return says({"took": 1, "responses": [searched(1), {"error": error, "status": status}]})


def statements(values: list[Value]) -> Handler:
    results = [
        {"statement_id": n}
        if each is None
        else {
            "statement_id": n,
            "series": [{"name": "http", "columns": ["time", "sum"], "values": [[1, each]]}],
        }
        for n, each in enumerate(values)
    ]
    return says({"results": results})


def columns(values: list[Value], names: str = "q") -> Handler:
    listed = [
        {"name": f"{names}{n}", "type": "number", "values": [each]} for n, each in enumerate(values)
    ]
    return says({"data": {"type": "scalar_response", "attributes": {"columns": listed}}})


def bodies(_: Mapping[str, str], content: bytes) -> list[Any]:
    _, *lines = map(orjson.loads, content.splitlines())
    return [each["query"]["bool"]["filter"][1] for each in lines[::2]]


def an_index(name: str) -> Side:
    return Side(
        spec=ProviderSpec(type=name, options=(("index", "traces-*"),)),
        query=lambda what: orjson.dumps({"query": {"term": {"is": what}}}).decode(),
        answer=searches,
        refusal=failed_search(400),
        asked=lambda form, content: [each["term"]["is"] for each in bodies(form, content)],
    )


def vectors(values: list[Value]) -> Handler:
    found = [
        {"metric": {"tidegate_part": str(n)}, "value": [1, str(each)]}
        for n, each in enumerate(values)
        if each is not None
    ]
    return says({"status": "success", "data": {"resultType": "vector", "result": found}})


def in_logs(form: Mapping[str, str], _: bytes) -> list[Any]:
    assert "$__range" not in form["query"]
    return re.findall(r"sum\((\w+)", form["query"])


def amazon(values: list[Value]) -> Handler:
    results = [
        {
            "Id": f"tidegate{n}_m1",
            "Label": "RequestCount",
            "Timestamps": [] if each is None else [float(cloudwatch.END - 60)],
            "Values": [] if each is None else [each],
            "StatusCode": "Complete",
        }
        for n, each in reversed(list(enumerate(values)))
    ]
    return says({"MetricDataResults": results, "Messages": []})


def metric_of(what: str, **more: object) -> str:
    stat = {"Metric": {"Namespace": "Shop", "MetricName": what}, "Period": 60, "Stat": "Sum"}
    return orjson.dumps([{"Id": "m1", "MetricStat": stat} | more]).decode()


def union(values: list[Value]) -> Handler:
    """Answer as a union does: each query has a column of its own, which is null for the others."""
    columns = ["AppRoleName", *(f"count_{n}" for n, _ in enumerate(values)), "tidegate_part"]
    rows = [
        ["pay", *(value if m == n else None for m, _ in enumerate(values)), n]
        for n, value in enumerate(values)
    ]
    named = [{"name": each, "type": "string" if each == columns[0] else "long"} for each in columns]
    return says({"tables": [{"name": "PrimaryResult", "columns": named, "rows": rows}]})


def selector(what: str) -> str:
    return f'ext:{what}:filter(eq("dt.entity.service", "SERVICE-1")):splitBy():sum'


def selected(values: list[Value], *names: str, quoted: bool = True) -> Handler:
    """Answer in another order, by the texts of selectors without their white space."""
    texts = [selector(each).replace(" ", "") for each in names or ("requests", "errors", "others")]
    result = [
        {
            "metricId": text if quoted else text.replace('"', ""),
            "dataPointCountRatio": 1e-05,
            "dimensionCountRatio": 1e-05,
            "data": [
                {
                    "dimensions": [],
                    "dimensionMap": {},
                    "timestamps": [dynatrace.END * 1000],
                    "values": [value],
                }
            ],
        }
        for text, value in reversed(list(zip(texts, values, strict=False)))
        if value is not None
    ]
    return says({"totalCount": 3, "nextPageKey": None, "resolution": "Inf", "result": result})


def published(values: list[Value], label: str = "tidegate") -> Handler:
    """Answer with a stream whose labels say which program has published what."""
    metadata = [
        splunk.event("metadata", tsId=f"T{n}", properties={"sf_streamLabel": f"{label}{n}"})
        for n, _ in enumerate(values)
    ]
    found = {f"T{n}": each for n, each in enumerate(values) if each is not None}
    return says(
        "".join(
            (
                splunk.START,
                *metadata,
                splunk.data(splunk.MINUTE, **found),
                splunk.data(splunk.MINUTE + 60, **found),
                splunk.STOP,
            )
        ),
        media_type="text/event-stream",
    )


def collected(values: list[Value], tag: str = "tidegate_part") -> Handler:
    found = [
        {
            "label": "http.requests",
            "tags": {tag: str(n), "collect_3": str(n)},
            "data": [[wavefront.MINUTE - 60, each], [wavefront.MINUTE, 0]],
        }
        for n, each in reversed(list(enumerate(values)))
        if each is not None
    ]
    return says({"query": "collect(…)", "granularity": 60, "timeseries": found})


def yielded(values: list[Value], name: str = "tidegate") -> Handler:
    """Answer with a block of tables for each result, as Flux does."""
    blocks = [
        influxdb.HEAD.format("double") + f",{name}{n},0,2025-12-31T23:59:30Z,{each}\r\n"
        for n, each in enumerate(values)
        if each is not None
    ]
    return says("\r\n".join((*blocks, "")), media_type="text/csv")


def united(values: list[Value]) -> Handler:
    """Answer with the rows of a union; a sum of nothing is null, and left out of its row."""
    return says(
        [
            {"tidegate_part": str(n), "version": "2.1"}
            | ({} if each is None else {"requests": each})
            for n, each in reversed(list(enumerate(values)))
        ]
    )


def insights(values: list[Value]) -> Handler:
    return says({"results": [{"count": each} for each in values], "performanceStats": {}})


FLUX = (
    'import "strings"\nfrom(bucket: "telegraf") '
    "|> range(start: v.timeRangeStart, stop: v.timeRangeStop) "
    '|> filter(fn: (r) => r._field == "{0}") |> group() |> sum() |> yield(name: "mine")'
)
SQL = "SELECT version, SUM({0}) AS {0} FROM http WHERE time >= $start AND time < $end GROUP BY 1"


def flux_of(script: str) -> list[str]:
    """Read the names of fields out of a script that imports once, and yields for each of them."""
    assert script.count("import") == 1
    assert 'yield(name: "mine")' not in script
    assert re.findall(r'yield\(name: "(\w+)"', script) == ["tidegate0", "tidegate1", "tidegate2"]
    return re.findall(r'_field == "(\w+)"', script)


UNLIKE_VECTORS = (
    says({"data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "5"]}]}}),
    vectors([1.0, 2.0, 3.0]),
    says({"data": {"resultType": "scalar", "result": [1, "5"]}}),
)
STORES = {
    "newrelic": Side(
        spec=ProviderSpec(type="newrelic", credentials=USER_KEY),
        query=lambda what: f"SELECT count(*) FROM Span WHERE is = '{what}'",
        answer=nerdgraph,
        refusal=says({"errors": [{"message": "NRQL Syntax Error"}], "data": None}),
        asked=lambda _, content: [
            value.partition(" SINCE ")[0].partition("= ")[2].strip("'")
            for key, value in orjson.loads(content)["variables"].items()
            if key.startswith("nrql")
        ],
    ),
    "graphite": Side(
        spec=ProviderSpec(type="graphite"),
        query=lambda what: f"target=summarize({what}, '1min', 'sum')",
        answer=render,
        refusal=says({"error": "unknown function"}),
        asked=lambda _, content: [
            each.removeprefix("alias(summarize(").partition(",")[0]
            for name, each in parse_qsl(content.decode())
            if name == "target"
        ],
        unlike=(says([{"target": "summarize(x)", "datapoints": []}]),),
    ),
    "loki": Side(
        spec=ProviderSpec(type="loki"),
        query=lambda what: f"sum({what}{{}}[$__range])  # {what}",
        answer=vectors,
        refusal=says("parse error", status=400, media_type="text/plain"),
        asked=in_logs,
        unlike=UNLIKE_VECTORS,
    ),
    "stackdriver": Side(
        spec=ProviderSpec(
            type="stackdriver",
            credentials=Credentials(token="t", others=(("project", "shop-1"),)),
            options=(("language", "promql"),),
        ),
        query=lambda what: f"sum({what}{{}}[$__range])",
        answer=vectors,
        refusal=says(
            {"status": "error", "errorType": "bad_data", "error": "parse error"}, status=400
        ),
        asked=in_logs,
        unlike=UNLIKE_VECTORS,
    ),
    "elasticsearch": an_index("elasticsearch"),
    "opensearch": an_index("opensearch"),
    "influxdb": Side(
        spec=ProviderSpec(
            type="influxdb", options=(("database", "telegraf"), ("language", "influxql"))
        ),
        query=lambda what: f"SELECT SUM({what}) FROM http WHERE time >= $start AND time < $end",
        answer=statements,
        refusal=says({"results": [{"statement_id": 0, "error": "max-series limit exceeded"}]}),
        asked=lambda form, _: [
            each.partition("(")[2].partition(")")[0] for each in form["q"].split(";")
        ],
        alone=("SELECT SUM(a) FROM http WHERE time >= $start AND time < $end -- all",),
    ),
    "influxdb in Flux": Side(
        spec=ProviderSpec(type="influxdb", credentials=influxdb.TOKEN),
        query=lambda what: FLUX.replace("{0}", what),
        answer=yielded,
        refusal=says({"code": "invalid", "message": "error @1:1-1:5: undefined"}, status=400),
        asked=lambda _, content: flux_of(orjson.loads(content)["query"]),
        alone=(
            'x = "a"\nfrom(bucket: x) |> range(start: v.timeRangeStart, stop: v.timeRangeStop)',
            FLUX.replace("|> yield", '|> yield(name: "a") |> map(fn: (r) => r) |> yield'),
        ),
        unlike=(yielded([1.0, 2.0], name="_result"), yielded([1.0, 2.0, 3.0])),
    ),
    "influxdb in SQL": Side(
        spec=ProviderSpec(type="influxdb", options=(("database", "telegraf"), ("language", "sql"))),
        query=SQL.format,
        answer=united,
        refusal=says({"error": "Error during planning: No field named errors"}, status=400),
        asked=lambda _, content: re.findall(r"SUM\((\w+)\)", orjson.loads(content)["q"]),
        alone=(SQL.format("a") + " -- all",),
        unlike=(united([1.0, 2.0, 3.0]), says([{"requests": 5}])),
    ),
    "cloudwatch": Side(
        spec=ProviderSpec(type="cloudwatch", region="eu-west-1", credentials=cloudwatch.KEYS),
        query=metric_of,
        answer=amazon,
        refusal=says({"__type": "com.amazonaws#InvalidParameterValue"}, status=400),
        asked=lambda _, content: [
            each["MetricStat"]["Metric"]["MetricName"]
            for each in orjson.loads(content)["MetricDataQueries"]
        ],
        alone=('[{"Id": "e1", "Expression": "m1 + m2", "Period": 60}]',),
    ),
    "azuremonitor": Side(
        spec=ProviderSpec(
            type="azuremonitor",
            credentials=azuremonitor.TOKEN,
            options=(("workspace", azuremonitor.WORKSPACE),),
        ),
        query=lambda what: f"AppRequests // {what}\n| summarize countif({what}) by AppRoleName",
        answer=union,
        refusal=azuremonitor.refuses(400, "SemanticError"),
        asked=lambda _, content: re.findall(r"countif\((\w+)\)", orjson.loads(content)["query"]),
        alone=("let x = 5; AppRequests | count", "AppRequests | count | render timechart"),
        unlike=(azuremonitor.rows([5]), union([1.0, 2.0, 3.0])),
    ),
    "dynatrace": Side(
        spec=ProviderSpec(type="dynatrace", credentials=dynatrace.TOKEN),
        query=selector,
        answer=selected,
        refusal=says({"error": {"code": 400, "message": "unknown metric"}}, status=400),
        asked=lambda form, _: re.findall(r"ext:(\w+)", form["metricSelector"]),
        alone=(selector(" requests "),),
        unlike=(selected([1.0, 2.0], "requests", "others"),),
    ),
    "splunk": Side(
        spec=ProviderSpec(type="splunk", credentials=splunk.TOKEN),
        query=lambda what: f"data('{what}', rollup='sum').sum().publish(label=\"{what}\")",
        answer=published,
        refusal=says({"code": 400, "message": "Unexpected token"}, status=400),
        asked=lambda _, content: re.findall(r"data\('(\w+)'", content.decode()),
        alone=(
            "data('a', rollup='sum').publish('a')\ndata('b', rollup='sum').publish('b')",
            "def f(x):\n  return x\nf(data('a', rollup='sum')).publish()",
            "data('a', rollup='sum').publish('a', enable=True)",
        ),
        unlike=(published([1.0, 2.0], label="mine"), published([1.0, 2.0, 3.0])),
    ),
    "wavefront": Side(
        spec=ProviderSpec(type="wavefront", credentials=wavefront.TOKEN),
        query=lambda what: f'align(1m, sum, rawsum(ts("{what}", service="pay")))',
        answer=collected,
        refusal=says({"query": "", "errorType": "QuerySyntaxError", "errorMessage": "line 1"}),
        asked=lambda form, _: re.findall(r'ts\("(\w+)"', form["q"]),
        unlike=(collected([1.0, 2.0], tag="service"), collected([1.0, 2.0, 3.0])),
    ),
    "newrelic by the Insights API": Side(
        spec=ProviderSpec(type="newrelic", credentials=QUERY_KEY),
        query=lambda what: f"SELECT count(*) FROM Span WHERE is = '{what}'",
        answer=insights,
        refusal=says({"error": "NRQL Syntax Error"}, status=400),
        asked=lambda form, _: re.findall(r"\), WHERE is = '(\w+)'", form["nrql"]),
        alone=(
            "FROM Transaction SELECT count(*) WHERE is = 'a'",
            "SELECT count(*) FROM Span",
            "SELECT count(*) FROM Span WHERE is = 'a' FACET name",
            "SELECT percentage(count(*), WHERE error) FROM Span WHERE is = 'a'",
        ),
        unlike=(insights([1.0, 2.0, 3.0]), says({"results": [{"count": 5}]})),
    ),
    "datadog": Side(
        spec=ProviderSpec(
            type="datadog",
            credentials=Credentials(
                others=(("datadog_api_key", "a"), ("datadog_application_key", "b"))
            ),
            options=(("aggregator", "sum"), ("api", "v2")),
        ),
        query=lambda what: f"sum:{what}{{*}}.as_count()",
        answer=columns,
        refusal=says({"errors": ["one query timed out"]}),
        asked=lambda _, content: [
            each["query"].removeprefix("sum:").partition("{")[0]
            for each in orjson.loads(content)["data"]["attributes"]["queries"]
        ],
        alone=('{"queries": [], "formulas": []}',),
        unlike=(columns([1.0, 2.0, 3.0], names="query"), columns([1.0])),
    ),
}
SIDE_BY_SIDE = [pytest.param(each, id=name) for name, each in STORES.items()]


async def answered(side: Side, address: str, *queries: str) -> list[Outcome]:
    """Ask what a metric counts of its sides."""
    places = [(arm, signal) for arm in SIDES for signal in (Signal.REQUESTS, Signal.BAD)]
    metric = Metric(
        name="errors",
        asks=tuple(
            Ask(query=query, arm=arm, signal=signal, since=SINCE)
            for query, (arm, signal) in zip(queries, places, strict=False)
        ),
        provider=replace(side.spec, address=address),
        interval=minutes(1),
        threshold_range=Bounds(),
        judge="sequential",
    )
    async with asyncio.timeout(PATIENCE), Providers() as providers:
        return list(
            await asyncio.gather(*(providers.ask(metric, NOW, each) for each in metric.asks))
        )


def values(outcomes: list[Outcome]) -> list[Value]:
    return [each.value if isinstance(each, Sample) else None for each in outcomes]


@pytest.mark.parametrize("side", SIDE_BY_SIDE)
async def test_what_a_metric_counts_is_one_request_with_a_part_for_each(side, serve):
    server = await serve(side.answer([100.0, None, 90.0]))
    names = ["requests", "errors", "others"]
    found = await answered(side, server.address, *map(side.query, names))
    assert values(found) == [100, None, 90]
    assert isinstance(found[1], NoData)
    assert len({each.at for each in found if isinstance(each, Sample)}) == 1
    assert len(server.requests) == 1
    assert side.asked(server.parameters[0], server.contents[0]) == names


@pytest.mark.parametrize("side", SIDE_BY_SIDE)
async def test_what_is_refused_together_is_asked_alone_or_fails(side, serve):
    server = await serve(side.refusal)
    found = await answered(side, server.address, side.query("requests"), side.query("errors"))
    assert all(isinstance(each, QueryFailure) for each in found)
    kinds = {each.kind for each in found if isinstance(each, QueryFailure)}
    assert len(server.requests) == (3 if kinds == {FailureKind.QUERY} else 1)


@pytest.mark.parametrize(
    ("side", "handler"),
    [
        pytest.param(each, handler, id=f"{name}-{number}")
        for name, each in STORES.items()
        for number, handler in enumerate(
            (*each.unlike, says({}), says([]), says({"data": {}}), says({"responses": [1]}))
        )
    ],
)
async def test_an_answer_to_other_queries_is_none(side, handler, serve):
    server = await serve(handler)
    found = await answered(side, server.address, side.query("requests"), side.query("errors"))
    assert not any(isinstance(each, Sample) for each in found) or len(server.requests) == 3


@pytest.mark.parametrize(
    ("side", "alone"),
    [
        pytest.param(side, each, id=f"{name}: {number}")
        for name, side in STORES.items()
        for number, each in enumerate(side.alone)
    ],
)
async def test_a_query_that_cannot_stand_beside_others_is_asked_alone(side, alone, serve):
    server = await serve(side.answer([5.0]))
    await answered(side, server.address, side.query("requests"), alone)
    assert len(server.requests) == 2
    assert server.requests[0].path == server.requests[1].path


@pytest.mark.parametrize("status", [429, 503])
async def test_one_search_that_has_failed_is_of_its_kind(status, serve):
    side = STORES["opensearch"]
    server = await serve(failed_search(status))
    found = await answered(side, server.address, side.query("requests"), side.query("errors"))
    kinds = {429: FailureKind.THROTTLED, 503: FailureKind.UNAVAILABLE}
    assert [each.kind for each in found if isinstance(each, QueryFailure)] == [kinds[status]] * 2
    assert "unknown query" in found[0].reason if isinstance(found[0], QueryFailure) else False
    assert len(server.requests) == 1


@pytest.mark.parametrize("side", SIDE_BY_SIDE)
async def test_what_is_not_whole_yet_is_not_asked_about(side, serve):
    server = await serve(side.answer([5.0]))
    provider = PROVIDERS.load(side.spec.type)(replace(side.spec, address=server.address))
    assert isinstance(provider, CountingProvider)
    found = await provider.count_together([side.query("a"), side.query("b")], NOW, NOW)  # type: ignore[attr-defined]
    await provider.close()
    assert [isinstance(each, NoData) and each.warming_up for each in found] == [True, True]
    assert not server.requests


async def test_a_store_that_recovers_is_asked_together_again(serve):
    side = STORES["influxdb"]
    server = await serve(in_turn([says("", status=503), side.answer([1.0, 2.0])]))
    queries = [side.query("requests"), side.query("errors")]
    assert not any(
        isinstance(each, Sample) for each in await answered(side, server.address, *queries)
    )
    assert values(await answered(side, server.address, *queries)) == [1, 2]


def test_an_api_or_a_language_that_takes_one_query_is_known_beforehand():
    cases = provider_cases()
    together = {
        name
        for name, case in cases.items()
        if counts_together(case.spec("http://store")) and case.spec("http://store").type in STORES
    }
    assert together == {
        *(each for each in cases if each.startswith("newrelic")),
        "azuremonitor",
        "cloudwatch",
        "dynatrace",
        "splunk",
        "wavefront",
        "graphite",
        "loki",
        "stackdriver in PromQL",
        "elasticsearch",
        "opensearch",
        *(each for each in cases if each.startswith("influxdb")),
        *(each for each in cases if each.startswith("datadog ") and "2" in each),
    }


async def test_credentials_that_allow_each_query_and_not_several_count_all_the_same(serve):
    """Users of OpenSearch may search an index, and need another right for several searches at once."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("_msearch"):
            error = {"type": "security_exception", "reason": "no permissions"}
            return await says({"error": error, "status": 403}, status=403)(request)
        return await says(searched(5.0))(request)

    side = STORES["opensearch"]
    server = await serve(answer)
    provider = OpenSearchProvider(replace(side.spec, address=server.address))
    queries = [side.query("requests"), side.query("errors")]
    async with asyncio.timeout(PATIENCE):
        for _ in range(2):
            found = await provider.count_together(queries, SINCE, NOW)
            assert values([*found]) == [5, 5]
    # What they do not allow is tried once.
    assert [each.path.rpartition("/")[2] for each in server.requests] == [
        "_msearch",
        *["_search"] * 4,
    ]
    server.handler = says({"status": 403}, status=403)
    with pytest.raises(LoginRefused):
        await provider.count_together(queries, SINCE, NOW)
    await provider.close()


async def test_selectors_that_are_listed_under_other_texts_are_asked_alone_from_then_on(serve):
    side = STORES["dynatrace"]
    server = await serve(selected([5.0], "another"))
    provider = DynatraceProvider(replace(side.spec, address=server.address))
    queries = [side.query("requests"), side.query("errors")]
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(QueryError, match="names a metric otherwise"):
            await provider.count_together(queries, SINCE, NOW)
        found = await provider.count_together(queries, SINCE, NOW)
    await provider.close()
    assert values([*found]) == [5, 5]
    assert [side.asked(each, b"") for each in server.parameters] == [
        ["requests", "errors"],
        ["requests"],
        ["errors"],
    ]

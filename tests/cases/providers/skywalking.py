"""SkyWalking, asked by its GraphQL API, after its time zone."""

import orjson
from aiohttp import web

from analysis.errors import FailureKind
from analysis.model import ProviderSpec
from tests.analysis.checked import replied
from tests.analysis.servers import Handler, says
from tests.case import Asked, ProviderCase, minutes

#: The window ends two minutes before midnight.
END = 1767225480
QUERY = orjson.dumps({"service": "pay", "expression": "sum(service_cpm)"}).decode()


def answers(body: object) -> Handler:
    """Say what time zone it is, and answer an expression with a body."""

    async def answer(request: web.Request) -> web.StreamResponse:
        asked = orjson.loads(await request.read())
        if "getTimeInfo" in asked["query"]:
            return replied({"data": {"time": {"timezone": "+0800"}}})
        return replied(body)

    return answer


def result(*series: list[tuple[object, object]], error: str | None = None) -> Handler:
    """Answer in the form of execExpression: ids and values, as text."""
    results = [{"values": [{"id": id_, "value": each} for id_, each in one]} for one in series]
    return answers({"data": {"result": {"error": error, "results": results}}})


CASE = ProviderCase(
    spec=lambda address: ProviderSpec(type="skywalking", address=address),
    query=QUERY,
    lag=minutes(3),
    asked=Asked(
        method="POST",
        path="/graphql",
        content={"query": "query { time: getTimeInfo { timezone } }"},
    ),
    five=result([(None, "5")]),
    nothing=result(),
    nan=result([(None, "NaN")]),
    values={
        "the newest minute": (
            result([(f"{END - 120}000", "4"), (f"{END - 60}000", "5"), (f"{END}000", "9")]),
            5,
        ),
    },
    no_data={"no value": result([(None, None)]), "no values": result([])},
    failures={
        "several series": (
            result([(None, "5")], [(None, "6")]),
            FailureKind.AMBIGUOUS,
            "2 series",
        ),
        "an error with status 200": (
            result(error="Metric: [service_cpmm] does not exist"),
            FailureKind.QUERY,
            "service_cpmm",
        ),
        "an error of GraphQL": (
            answers({"errors": [{"message": "Validation error"}]}),
            FailureKind.QUERY,
            "Validation error",
        ),
        "no time zone": (
            says({"data": {"time": {"timezone": "CST"}}}),
            FailureKind.QUERY,
            "otherwise than it should",
        ),
        "throttled": (says("", status=429), FailureKind.THROTTLED, "429"),
        "text": (result([(None, "five")]), FailureKind.QUERY, "otherwise than it should"),
    },
)

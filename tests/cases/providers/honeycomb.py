"""Honeycomb: a query is made, a result of it is asked for, and read once it is complete."""

import orjson
from aiohttp import web

from analysis.errors import FailureKind
from analysis.model import Credentials, NoData, ProviderSpec
from tests.analysis.checked import FakeChecks, replied
from tests.analysis.servers import Handler, says
from tests.case import Asked, Login, ProviderCase, ResumedCase, minutes

KEY = Credentials(others=(("api_key", "s3cr3t-token"),))
QUERY = orjson.dumps(
    {"calculations": [{"op": "COUNT"}], "filters": [{"column": "error", "op": "exists"}]}
).decode()
#: The minute before half a minute before midnight.
END = 1767225570


def result(*rows: dict[str, object]) -> dict[str, object]:
    """Give a result that is complete."""
    return {
        "id": "r1",
        "complete": True,
        "query": {"id": "q1"},
        "data": {"series": [], "results": [{"data": row} for row in rows]},
        "links": {"query_url": "https://ui.honeycomb.io/…"},
    }


def gives(*rows: dict[str, object]) -> Handler:
    """Make a query and a result, and give it at once."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return replied(result(*rows))
        made = "q1" if request.path.startswith("/1/queries") else "r1"
        return replied({"id": made, "complete": False}, 201)

    return answer


class Honeycomb(FakeChecks):
    """Honeycomb, with the results that were asked for."""

    def answer(self, request: web.Request, content: object) -> web.Response | None:
        """Answer as the Query Data API does."""
        _, _, what, dataset, *rest = request.path.split("/")
        if dataset != "shop":
            return None
        if what == "queries":
            return replied({"id": "q1"})
        if request.method == "POST":
            self.checks[f"r{len(self.checks)}"] = "q1"
            return replied({"id": f"r{len(self.checks) - 1}", "complete": False}, 201)
        if rest[0] not in self.checks:
            return None
        return replied(result({"COUNT": 5}) if self.over else {"id": rest[0], "complete": False})


CASE = ProviderCase(
    spec=lambda address: ProviderSpec(
        type="honeycomb", address=address, credentials=KEY, options=(("dataset", "shop"),)
    ),
    query=QUERY,
    lag=minutes(2),
    logins={"key": Login(credentials=KEY, sent={"X-Honeycomb-Team": "s3cr3t-token"})},
    answers=frozenset({200, 201}),
    five=gives({"COUNT": 5}),
    nothing=gives(),
    nan=gives({"COUNT": "NaN"}),
    asked=Asked(
        method="POST",
        path="/1/queries/shop",
        content={
            "calculations": [{"op": "COUNT"}],
            "filters": [{"column": "error", "op": "exists"}],
            "start_time": END - 60,
            "end_time": END,
        },
    ),
    values={"a fraction": (gives({"P99(duration_ms)": 12.5}), 12.5)},
    no_data={"no number": gives({"AVG(duration_ms)": None})},
    failures={
        "several rows": (gives({"COUNT": 5}, {"COUNT": 6}), FailureKind.AMBIGUOUS, "2 rows"),
        "refused": (
            says({"error": "unknown API key - check your credentials"}, status=401),
            FailureKind.REFUSED,
            "unknown API key",
        ),
        "throttled": (
            says({"error": "rate limit exceeded"}, status=429, headers={"Retry-After": "60"}),
            FailureKind.THROTTLED,
            "rate limit",
        ),
        "a query that it refuses": (
            says({"title": "The provided input is invalid."}, status=422),
            FailureKind.QUERY,
            "invalid",
        ),
        "text": (gives({"COUNT": "five"}), FailureKind.QUERY, "otherwise than it should"),
    },
    resumed=ResumedCase(
        query=QUERY,
        store=Honeycomb,
        started=lambda _: Asked(
            method="POST",
            path="/1/query_results/shop",
            content={"query_id": "q1", "disable_series": True},
        ),
        cancelled=None,
        once=False,
        outcomes={
            "a value": (says(result({"COUNT": 5})), 5.0, ""),
            "no rows": (says(result()), NoData, "no value in the window"),
        },
    ),
)

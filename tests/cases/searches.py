"""What Elasticsearch and OpenSearch answer alike: searches, refusals, and how one is let in."""

from datetime import datetime, timedelta
from typing import Any

import orjson

from analysis.errors import FailureKind
from analysis.model import Credentials, ProviderSpec
from tests.analysis.servers import Handler, says
from tests.case import LOGINS, NOW, Asked, CountCase, Login, ProviderCase, minutes

#: The window ends half a minute before midnight.
BOUNDS = {"gte": "2025-12-31T23:58:30+00:00", "lt": "2025-12-31T23:59:30+00:00"}
ERRORS = {"term": {"level": "error"}}
API_KEY = Login(
    credentials=Credentials(others=(("api_key", "s3cr3t-token"),)),
    sent={"Authorization": "ApiKey s3cr3t-token"},
)


def within(start: datetime, end: datetime) -> dict[str, str]:
    """Give the bounds of a block."""
    return {"gte": start.isoformat(), "lt": end.isoformat()}


def hits(count: object, aggregations: Any = None, failed: int = 0, **more: object) -> Handler:
    """Answer in the form of /INDEX/_search."""
    return says(
        {
            "took": 4,
            "timed_out": False,
            "_shards": {"total": 2, "successful": 2 - failed, "skipped": 0, "failed": failed},
            "hits": {"total": {"value": count, "relation": "eq"}, "max_score": None, "hits": []},
            **({"aggregations": aggregations} if aggregations is not None else {}),
            **more,
        }
    )


def refuses(status: int, kind: str) -> Handler:
    """Refuse as both do."""
    return says(
        {"error": {"type": kind, "reason": f"told {kind}"}, "status": status}, status=status
    )


REFUSALS = {
    "a bad query": (
        refuses(400, "parsing_exception"),
        FailureKind.QUERY,
        "parsing_exception: told parsing_exception",
    ),
    "refused": (refuses(401, "security_exception"), FailureKind.REFUSED, "security_exception"),
    "no such index": (
        refuses(404, "index_not_found_exception"),
        FailureKind.QUERY,
        "index_not_found_exception",
    ),
    "throttled": (
        refuses(429, "circuit_breaking_exception"),
        FailureKind.THROTTLED,
        "circuit_breaking_exception",
    ),
}


def case(kind: str, **also: ProviderCase) -> ProviderCase:
    """Give the case of either, asked by a search."""
    return ProviderCase(
        spec=lambda address: ProviderSpec(
            type=kind, address=address, options=(("index", "traces-*"),)
        ),
        query=orjson.dumps({"query": ERRORS, "size": 10}).decode(),
        counts=CountCase(
            query=orjson.dumps({"query": ERRORS}).decode(),
            end=NOW - timedelta(seconds=30),
            asked=lambda start, end: Asked(
                method="POST",
                path="/traces-*/_search",
                parameters={"allow_partial_search_results": "false"},
                content={
                    "query": {
                        "bool": {"filter": [{"range": {"@timestamp": within(start, end)}}, ERRORS]}
                    },
                    "size": 0,
                    "track_total_hits": True,
                },
            ),
        ),
        lag=minutes(1),
        logins={**LOGINS, "api key": API_KEY},
        asked=Asked(
            method="POST",
            path="/traces-*/_search",
            parameters={"allow_partial_search_results": "false"},
            content={
                "query": {"bool": {"filter": [{"range": {"@timestamp": BOUNDS}}, ERRORS]}},
                "size": 0,
                "track_total_hits": True,
            },
        ),
        five=hits(5),
        nothing=hits(9, {"mean": {"value": None}}),
        nan=hits(9, {"mean": {"value": "NaN"}}),
        values={
            "no hits": (hits(0), 0),
            "an average": (hits(9, {"mean": {"value": 5.5}}), 5.5),
            "a percentile": (hits(9, {"p": {"values": {"99.0": 5.5}}}), 5.5),
            "a filter": (hits(9, {"bad": {"doc_count": 5}}), 5),
        },
        no_data={"no buckets": hits(9, {"arm": {"buckets": []}})},
        failures={
            "several buckets": (
                hits(9, {"arm": {"buckets": [{"doc_count": 5}, {"doc_count": 4}]}}),
                FailureKind.AMBIGUOUS,
                "2 series",
            ),
            "several aggregations": (
                hits(9, {"a": {"value": 5}, "b": {"value": 4}}),
                FailureKind.AMBIGUOUS,
                "2 series",
            ),
            "an aggregation that is no number": (
                hits(9, {"top": {"hits": {}}}),
                FailureKind.QUERY,
                "no number",
            ),
            "a part with status 200": (hits(5, failed=1), FailureKind.PARTIAL, "shards"),
            "cut short with status 200": (
                hits(5, terminated_early=True),
                FailureKind.PARTIAL,
                "a part of the data",
            ),
            "a time-out with status 200": (
                hits(5, timed_out=True),
                FailureKind.UNAVAILABLE,
                "did not finish",
            ),
            "a count that is no number": (
                hits([5]),
                FailureKind.QUERY,
                "otherwise than it should",
            ),
            **REFUSALS,
        },
        also=also,
    )

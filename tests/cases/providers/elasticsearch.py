"""Elasticsearch, asked by a search and in ES|QL."""

from datetime import timedelta

from analysis.errors import FailureKind
from analysis.model import ProviderSpec
from tests.analysis.servers import Handler, says
from tests.case import NOW, Asked, CountCase, ProviderCase
from tests.cases.searches import REFUSALS, case

ESQL = "FROM traces-* | WHERE @timestamp >= ?start AND @timestamp < ?end | STATS COUNT(*)"


def rows(*values: list[object], names: tuple[str, ...] = ("errors",), **more: object) -> Handler:
    """Answer in the form of /_query."""
    columns = [{"name": name, "type": "long"} for name in names]
    return says({"took": 4, "is_partial": False, "columns": columns, "values": values, **more})


CASE = case(
    "elasticsearch",
    **{
        "in ES|QL": ProviderCase(
            spec=lambda address: ProviderSpec(
                type="elasticsearch", address=address, options=(("language", "esql"),)
            ),
            query=ESQL,
            asked=Asked(
                method="POST",
                path="/_query",
                parameters={"allow_partial_results": "false"},
                content={
                    "query": ESQL,
                    "params": [
                        {"start": "2025-12-31T23:58:30+00:00"},
                        {"end": "2025-12-31T23:59:30+00:00"},
                    ],
                },
            ),
            counts=CountCase(
                query=ESQL,
                end=NOW - timedelta(seconds=30),
                asked=lambda start, end: Asked(
                    method="POST",
                    path="/_query",
                    parameters={"allow_partial_results": "false"},
                    content={
                        "query": ESQL,
                        "params": [{"start": start.isoformat()}, {"end": end.isoformat()}],
                    },
                ),
            ),
            uncounted={"FROM traces-* | STATS COUNT(*)": "add WHERE @timestamp >= ?start"},
            five=rows([5]),
            nothing=rows(),
            nan=rows([None]),
            values={
                "a fraction": (rows([5.5]), 5.5),
                "beside text": (rows([5, "2.1"], names=("errors", "version")), 5),
            },
            no_data={"no rows": rows(), "null": rows([None])},
            failures={
                "several rows": (rows([5], [6]), FailureKind.AMBIGUOUS, "2 series"),
                "several columns": (
                    rows([5, 6], names=("errors", "requests")),
                    FailureKind.QUERY,
                    "2 numbers a row",
                ),
                "a part with status 200": (
                    rows([5], is_partial=True),
                    FailureKind.PARTIAL,
                    "a part of the data",
                ),
                **REFUSALS,
            },
        )
    },
)

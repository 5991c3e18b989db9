"""OpenSearch, asked by a search and in PPL."""

from analysis.errors import FailureKind
from analysis.model import ProviderSpec
from tests.analysis.servers import Handler, says
from tests.case import Asked, ProviderCase
from tests.cases.searches import REFUSALS, case

PPL = "source=traces | where level = 'error' | stats count() as errors"


def rows(*values: list[object], names: tuple[str, ...] = ("errors",)) -> Handler:
    """Answer in the form of /_plugins/_ppl."""
    schema = [{"name": name, "type": "integer"} for name in names]
    return says({"schema": schema, "datarows": values, "total": len(values), "size": len(values)})


CASE = case(
    "opensearch",
    **{
        "in PPL": ProviderCase(
            spec=lambda address: ProviderSpec(
                type="opensearch", address=address, options=(("language", "ppl"),)
            ),
            query=PPL,
            uncounted={PPL: "write language: dsl"},
            asked=Asked(method="POST", path="/_plugins/_ppl", content={"query": PPL}),
            five=rows([5]),
            nothing=rows(),
            nan=rows([None]),
            values={"beside text": (rows([5, "2.1"], names=("errors", "version")), 5)},
            no_data={"no rows": rows(), "null": rows([None])},
            failures={
                "several rows": (rows([5], [6]), FailureKind.AMBIGUOUS, "2 series"),
                **REFUSALS,
            },
        )
    },
)

"""A Log Analytics workspace of Azure, asked in KQL."""

from datetime import datetime

from analysis.errors import FailureKind
from analysis.model import Credentials, ProviderSpec
from tests.analysis.servers import Handler, says
from tests.case import NOW, Asked, CountCase, Login, ProviderCase, minutes

WORKSPACE = "11111111-2222-3333-4444-555555555555"
TOKEN = Credentials(token="s3cr3t-token")
KQL = "AppRequests | where AppRoleName == 'pay' | summarize countif(Success == false)"


def rows(*values: list[object], **more: object) -> Handler:
    """Answer with a table."""
    columns = [{"name": f"c{n}", "type": "long"} for n in range(len(values[0]) if values else 1)]
    table = {"name": "PrimaryResult", "columns": columns, "rows": values}
    return says({"tables": [table], **more})


def refuses(status: int, code: str) -> Handler:
    """Refuse as Azure does."""
    return says({"error": {"code": code, "message": f"told {code}"}}, status=status)


def about(start: datetime, end: datetime) -> Asked:
    """Ask about a block."""
    return Asked(
        method="POST",
        path=f"/v1/workspaces/{WORKSPACE}/query",
        content={"query": KQL, "timespan": f"{start.isoformat()}/{end.isoformat()}"},
    )


CASE = ProviderCase(
    spec=lambda address: ProviderSpec(
        type="azuremonitor",
        address=address,
        credentials=TOKEN,
        options=(("workspace", WORKSPACE),),
    ),
    query=KQL,
    lag=minutes(4),
    counts=CountCase(query=KQL, end=NOW - minutes(3), asked=about),
    uncounted={"AppRequests | where TimeGenerated > ago(1m) | count": "leave ago() out"},
    answers=frozenset({200, 204}),
    logins={"token": Login(credentials=TOKEN, sent={"Authorization": "Bearer s3cr3t-token"})},
    asked=Asked(
        method="POST",
        path=f"/v1/workspaces/{WORKSPACE}/query",
        content={
            "query": KQL,
            "timespan": "2025-12-31T23:56:00+00:00/2025-12-31T23:57:00+00:00",
        },
    ),
    five=rows([5]),
    nothing=rows(),
    nan=rows(["NaN", None]),
    values={"a fraction": (rows([5.5]), 5.5), "beside text": (rows(["pay", 5]), 5)},
    no_data={"null": rows([None]), "an empty workspace": says("", status=204)},
    failures={
        "several rows": (rows([5], [6]), FailureKind.AMBIGUOUS, "2 series"),
        "several columns": (rows([5, 6]), FailureKind.QUERY, "2 numbers a row"),
        "a part with status 200": (
            rows([5], error={"code": "PartialError", "message": "There were some errors"}),
            FailureKind.PARTIAL,
            "There were some errors",
        ),
        "an empty answer": (says(""), FailureKind.QUERY, "cannot be read"),
        "a bad query": (refuses(400, "SyntaxError"), FailureKind.QUERY, "told SyntaxError"),
        "refused": (
            refuses(403, "InsufficientAccessError"),
            FailureKind.REFUSED,
            "InsufficientAccessError",
        ),
        "throttled": (
            says("", status=429, headers={"Retry-After": "30"}),
            FailureKind.THROTTLED,
            "429",
        ),
        "a time-out": (refuses(504, "GatewayTimeout"), FailureKind.UNAVAILABLE, "GatewayTimeout"),
    },
)

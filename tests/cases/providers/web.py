"""Any address that answers with JSON."""

from analysis.errors import FailureKind
from analysis.model import ProviderSpec
from tests.analysis.servers import Handler, says
from tests.case import Asked, ProviderCase


def value(found: object) -> Handler:
    """Answer with a value where the query looks for it."""
    return says({"data": {"items": [{}, {"success-percent": found}]}})


CASE = ProviderCase(
    spec=lambda address: ProviderSpec(type="web", address=f"{address}/api/?app=pay"),
    query="{$.data.items[-1]['success-percent']}",
    asked=Asked(path="/api/", parameters={"app": "pay"}),
    answers=frozenset({200, 204}),
    five=value(5.0),
    nothing=says({"data": {"items": []}}),
    nan=value("NaN"),
    values={
        "an integer": (value(5), 5),
        "text": (value("5.5"), 5.5),
        "true": (value(True), 1),
        "false": (value(False), 0),
        "infinity": (value("Infinity"), float("inf")),
        "with status 201": (
            says({"data": {"items": [{"success-percent": 5}]}}, status=201),
            5,
        ),
    },
    no_data={
        "null": value(None),
        "no such name": says({"data": {}}),
        "a list where a name is looked for": says([5]),
        "no content": says("", status=204),
    },
    failures={
        "several values": (value([5, 6]), FailureKind.QUERY, "no single value"),
        "an object": (value({"a": 5}), FailureKind.QUERY, "no single value"),
        "words": (value("five"), FailureKind.QUERY, "otherwise than it should"),
        "truncated": (says(b'{"data": {"items": [{"succ'), FailureKind.QUERY, "cannot be read"),
        "a bad request": (says({"message": "no"}, status=400), FailureKind.QUERY, "16 bytes"),
        "refused": (says("", status=403), FailureKind.REFUSED, "403"),
        "throttled": (
            says("", status=429, headers={"Retry-After": "60"}),
            FailureKind.THROTTLED,
            "429",
        ),
    },
    also={
        "posted to": ProviderCase(
            spec=lambda address: ProviderSpec(
                type="web",
                address=f"{address}/search",
                options=(("body", '{"app": "pay"}'), ("method", "POST")),
            ),
            query="value",
            asked=Asked(method="POST", path="/search", content={"app": "pay"}),
            five=says({"value": 5}),
            nothing=says({}),
            nan=says({"value": None}),
        )
    },
)

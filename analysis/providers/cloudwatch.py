"""Provider `cloudwatch`: one value from a metric data query of Amazon CloudWatch.

A query is a JSON array of MetricDataQuery objects, whose fields may begin with a small letter. One
of them, such as an expression over the others, returns data. Of a count the points of all periods
in the block are added up.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import orjson

from analysis.errors import (
    AnalysisError,
    LoginRefused,
    Partial,
    ProviderUnavailable,
    QueryError,
    Throttled,
)
from analysis.http.exchange import HttpAnswer, Signer
from analysis.identities.aws import KEYS, AwsSigner
from analysis.model import ProviderSpec
from analysis.providers.connection import Headers, header_text
from analysis.providers.counted import SideBySideProvider
from analysis.providers.series import Point, Series, known, number
from analysis.providers.store import Reading, Request, secret_of
from analysis.providers.windows import Window, closed
from analysis.secrecy import shown_text

_FIELDS = {
    name.lower(): name
    for name in (
        *("AccountId", "Dimensions", "Expression", "Id", "Label", "Metric", "MetricName"),
        *("MetricStat", "Name", "Namespace", "Period", "ReturnData", "Stat", "Unit", "Value"),
    )
}
_REFUSED = (
    *("AccessDenied", "ExpiredToken", "IncompleteSignature", "InvalidClientTokenId"),
    *("InvalidSignature", "MissingAuthenticationToken", "NotAuthorized", "OptInRequired"),
    *("RequestExpired", "SignatureDoesNotMatch", "UnrecognizedClient"),
)
_COUNTS = ("SampleCount", "Sum")
_MARK = "tidegate"
"""What an Id begins with, before a number, where several queries are asked in one call."""
_BLOCK = 60
"""The seconds of the shortest block that is counted."""
_THROTTLED = ("Throttl", "RequestLimitExceeded", "TooManyRequests", "LimitExceeded")


class CloudWatchProvider(SideBySideProvider):
    """Ask CloudWatch in a region, with the Secret's credentials or the controller's own."""

    secret_keys: ClassVar[tuple[str, ...]] = KEYS
    home = "https://monitoring.{region}.amazonaws.com"
    root = "that of CloudWatch in a region; leave it out"
    settle = timedelta(seconds=120)
    bucket = timedelta(seconds=60)
    block = timedelta(minutes=1)

    @classmethod
    def check(cls, spec: ProviderSpec) -> None:
        """Also find out whether there is a region, and what signs for it."""
        super().check(spec)
        if not spec.region:
            raise QueryError("provider.region: cloudwatch needs one; write one such as us-east-1")
        AwsSigner.check()

    @classmethod
    def check_count(cls, spec: ProviderSpec, query: str) -> None:
        """Find out whether what a query gives of each period is how much there was in it."""
        queries = [_spelled(each) for each in _parsed(query)]
        if uncounted := [each for each in _statistics(queries) if each not in _COUNTS]:
            raise QueryError(
                f"counts: the statistic {shown_text(uncounted[0])!r} counts nothing; write one of "
                f"{', '.join(_COUNTS)}"
            )
        if any(_BLOCK % max(1, each) for each in _periods(queries)):
            raise QueryError(
                f"counts: requests are counted minute by minute; write the period {_BLOCK} seconds"
            )

    def request_together(self, queries: Sequence[str], window: Window) -> Request:
        """Ask by several queries in one call: an account may make so many in a second."""
        joined = [each for n, query in enumerate(queries) for each in _marked(n, query)]
        return self.request(orjson.dumps(joined).decode(), window)

    def parts(self, payload: Any, asked: Sequence[str]) -> Sequence[Any]:
        """Give the results with the mark of each query."""
        results = payload["MetricDataResults"]
        marked = [
            [each for each in results if each["Id"].startswith(f"{_MARK}{n}_")]
            for n in range(len(asked))
        ]
        return [payload | {"MetricDataResults": each} for each in marked]

    def signer(self) -> Signer:
        """Sign each request."""
        return AwsSigner(region=self._spec.region, service="monitoring", keys=secret_of(self._spec))

    def presented(self, keys: Mapping[str, str]) -> Headers:
        """Give nothing: requests are signed, with keys that could stand in a header."""
        for value in keys.values():
            header_text("credentials", value)
        return ()

    def request(self, query: str, window: Window) -> Request:
        """Ask for the points of the window, and for a whole one at least."""
        queries = [_spelled(each) for each in _parsed(query)]
        # A point is whole where its period is over.
        period = timedelta(seconds=max(60, *_periods(queries)))
        asked_about = closed(
            window.end, window.end - window.start, settle=timedelta(0), bucket=period
        )
        asked = {
            "StartTime": int(asked_about.start.timestamp()),
            "EndTime": int(asked_about.end.timestamp()),
            "ScanBy": "TimestampAscending",
            "MetricDataQueries": queries,
        }
        return Request(
            path="/",
            content=orjson.dumps(asked),
            headers={
                "Content-Type": "application/x-amz-json-1.0",
                "X-Amz-Target": "GraniteServiceVersion20100801.GetMetricData",
            },
        )

    def read(self, payload: Any, query: str, window: Window) -> Reading:
        """Read the results that return data."""
        results = payload["MetricDataResults"]
        for each in results:
            self._require_whole(each["StatusCode"])
        if payload.get("NextToken"):
            raise Partial(f"{self._where} answers with more than a page of points; ask for less")
        messages = payload.get("Messages") or ()
        return Reading(
            series=[_series(each) for each in results],
            warnings=tuple(f"{each['Code']}: {each['Value']}" for each in messages),
        )

    def _require_whole(self, status: str) -> None:
        match status:
            case "Complete":
                return
            case "Forbidden":
                raise LoginRefused(
                    f"{self._where} lets these credentials read no such metric; allow them "
                    "cloudwatch:GetMetricData"
                )
            case "InternalError":
                raise ProviderUnavailable(f"{self._where} has failed to read a metric")
            case _:
                raise Partial(f"{self._where} answers with a part of the data")

    def refused(self, answer: HttpAnswer) -> AnalysisError:
        """Tell what kind of refusal it is by its name: all of them have status 400."""
        name = self.shown(_name(answer))
        told = f"{self._where} answers {answer.status} ({name})"
        if any(each in name for each in _THROTTLED):
            return Throttled(told, answer.retry_after)
        if any(each in name for each in _REFUSED):
            # What stands beside such a name repeats the request with its key.
            return LoginRefused(
                f"{told}: check the credentials, and that they allow cloudwatch:GetMetricData"
            )
        return super().refused(answer)

    def words(self, payload: Any) -> str:
        """Find the name of an error, and its message."""
        match payload:
            case {"__type": str(kind)}:
                message = payload.get("message") or payload.get("Message") or ""
                return f"{kind.rpartition('#')[2]}: {message}"
            case _:
                return ""


def _parsed(query: str) -> list[Any]:
    try:
        queries = orjson.loads(query)
    except orjson.JSONDecodeError as error:
        raise QueryError(f"the query is no JSON: {error}; write a list of queries") from error
    if not isinstance(queries, list) or not queries:
        raise QueryError("the query is no list; write one of MetricDataQuery objects")
    return queries


def _marked(number: int, query: str) -> Iterator[dict[str, Any]]:
    """Mark the queries of one text, to tell their results from those of others.

    Raises:
        QueryError: one names others, which would need their new names.
    """
    for each in map(_spelled, _parsed(query)):
        if "Expression" in each:
            raise QueryError("the query is an expression, which is asked alone")
        yield each | {"Id": f"{_MARK}{number}_{each.get('Id', '')}"}


def _spelled(value: Any) -> Any:
    """Write the names of fields as the API has them."""
    if isinstance(value, dict):
        return {_FIELDS.get(name.lower(), name): _spelled(each) for name, each in value.items()}
    return [_spelled(each) for each in value] if isinstance(value, list) else value


def _periods(queries: list[Any]) -> Iterator[int]:
    for each in queries:
        match each:
            case {"MetricStat": {"Period": int(period)}} | {"Period": int(period)}:
                yield period


def _statistics(queries: list[Any]) -> Iterator[str]:
    for each in queries:
        match each:
            case {"MetricStat": {"Stat": str(statistic)}}:
                yield statistic


def _series(result: Any) -> Series:
    pairs = zip(result["Timestamps"], result["Values"], strict=True)
    return known([Point(number(value), float(at)) for at, value in pairs])


def _name(answer: HttpAnswer) -> str:
    try:
        return str(orjson.loads(answer.body)["__type"]).rpartition("#")[2]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return ""

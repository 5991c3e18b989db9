"""Provider `influxdb`: one value from InfluxDB, in Flux (2), InfluxQL (1, 3) or SQL (3).

The option `language` says which; Flux where there is none. Flux looks back from the end of the
window: `range(start: -1m)`; the window itself is `v.timeRangeStart` and `v.timeRangeStop`, as in
InfluxDB's own pages and Grafana. In InfluxQL and SQL it is `$start` and `$end`:
`WHERE time >= $start AND time < $end`. Of a count all points of the block are added up.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import orjson

from analysis.authentication import AUTHORIZATION, basic
from analysis.errors import ProviderUnavailable, QueryError
from analysis.http.exchange import HttpAnswer
from analysis.model import ProviderSpec
from analysis.providers import influx_together
from analysis.providers.connection import Headers
from analysis.providers.counted import SideBySideProvider
from analysis.providers.series import Point, Series, known, number
from analysis.providers.store import OPTIONS, Reading, Request, secret_of
from analysis.providers.windows import Window

_BOUNDS = {
    "flux": ("v.timeRangeStart", "v.timeRangeStop"),
    "influxql": ("$start", "$end"),
    "sql": ("$start", "$end"),
}
"""How a query in each language names the beginning and the end of the window."""
_RANGES = {
    "flux": "|> range(start: v.timeRangeStart, stop: v.timeRangeStop)",
    "influxql": "WHERE time >= $start AND time < $end",
    "sql": "WHERE time >= $start AND time < $end",
}
_NUMBERS = ("double", "long", "unsignedLong")
_JSON = {"Content-Type": "application/json"}
_NOT_A_COUNT = "SELECT a single number: an aggregate such as SUM(requests)"


class InfluxProvider(SideBySideProvider):
    """Ask InfluxDB with a token, or in version 1 with a user and a password."""

    secret_keys: ClassVar[tuple[str, ...]] = ("token", "org", "username", "password")
    options: ClassVar[tuple[str, ...]] = (*OPTIONS, "database", "language", "org")
    root = "the root of an InfluxDB server"
    settle = timedelta(seconds=20)

    @classmethod
    def check(cls, spec: ProviderSpec) -> None:
        """Also find out whether what its language needs is there."""
        super().check(spec)
        options = dict(spec.options)
        language = options.get("language", "flux")
        if language not in _BOUNDS:
            raise QueryError("provider.options.language: write flux, influxql or sql")
        if language == "flux" and not (options.get("org") or secret_of(spec).get("org")):
            raise QueryError(
                "provider influxdb needs an organization: add the key org to the Secret, or write "
                "the option org"
            )
        if language != "flux" and not options.get("database"):
            raise QueryError(f"provider.options.database: {language} needs one; write its name")

    @classmethod
    def check_count(cls, spec: ProviderSpec, query: str) -> None:
        """Find out whether a query names the window."""
        language = dict(spec.options).get("language", "flux")
        if not all(_named(each, query) for each in _BOUNDS[language]):
            raise QueryError(f"counts: the query counts the window; add {_RANGES[language]}")

    def presented(self, keys: Mapping[str, str]) -> Headers:
        """Give the token as version 2 takes it, which version 3 takes, too."""
        if keys.get("token"):
            return ((AUTHORIZATION, f"Token {keys['token']}"),)
        if keys.get("username"):
            return (basic(keys["username"], keys.get("password", "")),)
        return ()

    def request(self, query: str, window: Window) -> Request:
        """Ask in the language of the query."""
        match self._options.get("language", "flux"):
            case "influxql":
                return self._influxql(query, window)
            case "sql":
                asked = {"db": self._options["database"], "q": query, "format": "json"}
                content = orjson.dumps(asked | {"params": _bound(query, window)})
                return Request(path="/api/v3/query_sql", content=content, headers=_JSON)
            case _:
                return self._flux(query, window)

    def _flux(self, query: str, window: Window) -> Request:
        for name, moment in zip(_BOUNDS["flux"], (window.start, window.end), strict=True):
            query = _pattern(name).sub(_written(moment), query)
        asked = {
            "query": query,
            "type": "flux",
            "now": window.end.isoformat(),
            "dialect": {"annotations": ["datatype"], "header": True},
        }
        return Request(
            path="/api/v2/query",
            parameters={"org": self._options.get("org") or self._keys["org"]},
            content=orjson.dumps(asked),
            headers={**_JSON, "Accept": "application/csv"},
        )

    def _influxql(self, query: str, window: Window) -> Request:
        parameters = {"db": self._options["database"], "q": query, "epoch": "ms"}
        if bound := _bound(query, window):
            parameters["params"] = orjson.dumps(bound).decode()
        return Request(path="/query", parameters=parameters)

    def request_together(self, queries: Sequence[str], window: Window) -> Request:
        """Ask by as many statements, or by one that gives what each query does."""
        match self._options.get("language", "flux"):
            case "flux":
                return self.request(influx_together.one_script(queries), window)
            case "sql":
                return self.request(influx_together.one_statement(queries), window)
        # A semicolon of a query's own, or a comment, would make other statements of it.
        if any(mark in each for each in queries for mark in (";", "--", "/*")):
            raise QueryError("the query has several statements or a comment, so it is asked alone")
        return self._influxql(";\n".join(queries), window)

    def parts(self, payload: Any, asked: Sequence[str]) -> Sequence[Any]:
        """Give the result of each query."""
        match self._options.get("language", "flux"):
            case "flux":
                return influx_together.results(payload, len(asked))
            case "sql":
                return influx_together.rows(_rows(payload), len(asked))
        found = {each["statement_id"]: each for each in payload["results"]}
        return [{"results": [found[n]]} for n in range(len(asked))]

    def decode(self, answer: HttpAnswer) -> Any:
        """Decode the tables of Flux, which are CSV; all else is JSON."""
        if self._options.get("language", "flux") != "flux":
            return orjson.loads(answer.body)
        text = answer.body.decode()
        try:
            return list(csv.reader(io.StringIO(text, newline="")))
        except csv.Error as error:
            raise ValueError(str(error)) from error

    def read(self, payload: Any, query: str, window: Window) -> Reading:
        """Read what the language answers with."""
        match self._options.get("language", "flux"):
            case "influxql":
                return Reading(series=list(self._statements(payload)))
            case "sql":
                return Reading(series=[(_only(row),) for row in _rows(payload)])
            case _:
                return Reading(series=list(self._tables(payload)))

    def _tables(self, lines: list[list[str]]) -> Iterator[Series]:
        """Read annotated CSV: blocks of tables, each block with a header of its own."""
        tables: dict[tuple[int, str, str], list[Point]] = {}
        types: list[str] = []
        header: list[str] = []
        block = 0
        for line in lines:
            if not any(line):
                header, block = [], block + 1
            elif line[0].startswith("#"):
                types = line
            elif not header:
                header = line
                if "error" not in header and "_value" not in header:
                    raise ValueError("no table of Flux")
            else:
                row = dict(zip(header, line, strict=False))
                self._fail_with(row)
                kind = dict(zip(header, types, strict=False)).get("_value", "double")
                if kind not in _NUMBERS:
                    raise QueryError(
                        f"the query gives values of the type {self.shown(kind)} where numbers are "
                        "expected; convert them, such as with toFloat()"
                    )
                key = (block, row.get("result", ""), row.get("table", ""))
                tables.setdefault(key, []).append(_point(row))
        yield from (known(points) for points in tables.values())

    def _fail_with(self, row: Mapping[str, str]) -> None:
        """Raise what went wrong while a query was answered with status 200."""
        if row.get("error"):
            raise ProviderUnavailable(
                f"{self._where} gave up in the middle of its answer: {self.shown(row['error'])}"
            )

    def _statements(self, payload: Any) -> Iterator[Series]:
        """Read the series of statements; a statement that failed says so with status 200."""
        for result in payload["results"]:
            if "error" in result:
                raise QueryError(f"{self._where} refuses the query: {self.shown(result['error'])}")
            for each in result.get("series") or ():
                if len(each["columns"]) != 2:
                    raise QueryError(
                        f"the query gives {len(each['columns']) - 1} fields; {_NOT_A_COUNT}"
                    )
                yield known([Point(number(value), at / 1000) for at, value in each["values"]])

    def words(self, payload: Any) -> str:
        """Find what any of the versions says."""
        match payload:
            case {"code": str(code), "message": str(message)}:
                return f"{code}: {message}"
            case {"error": str(text)}:
                return text
            case _:
                return ""


def _bound(query: str, window: Window) -> dict[str, str]:
    """Bind the parameters that a query uses."""
    bounds = {"start": window.start, "end": window.end}
    return {name: _written(moment) for name, moment in bounds.items() if _named(f"${name}", query)}


def _named(name: str, query: str) -> bool:
    """Tell whether a query names a bound of the window."""
    return _pattern(name).search(query) is not None


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.]){re.escape(name)}\b")


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _rows(payload: Any) -> list[Any]:
    """Give the rows of SQL."""
    if not isinstance(payload, list):
        raise TypeError("SQL is answered with a list of rows")
    return payload


def _only(row: Mapping[str, Any]) -> Point:
    """Read the one number of a row; what is text, and its time, tells what it is about."""
    values = [v for key, v in row.items() if key != "time" and not isinstance(v, str)]
    if len(values) > 1:
        raise QueryError(f"the query gives {len(values)} numbers a row; {_NOT_A_COUNT}")
    # A null may be left out of the row.
    return Point(number(values[0]) if values else None)


def _point(row: Mapping[str, str]) -> Point:
    time = row.get("_time") or row.get("_stop")
    at = datetime.fromisoformat(time).timestamp() if time else None
    return Point(float(row["_value"]) if row["_value"] else None, at)

"""Provider `prometheus`: one value from an instant query, or counts, over the HTTP API.

`increase` of PromQL extrapolates, and misses what a new series counts first: counts are made of raw
samples, read with as few questions as possible. Range data for charts is in `history.py`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import isnan
from typing import Any, ClassVar

import orjson

from analysis.counters import Labels
from analysis.counting import Grown, calls, growth, needed, parse_count, promql, total
from analysis.errors import Ambiguous, AnalysisError, Partial, ProviderUnavailable, QueryError
from analysis.evaluation import edge_of, no_edge
from analysis.expression import Call, Expression, Selector
from analysis.http.exchange import HttpAnswer
from analysis.identities.tokens import TokenSigner
from analysis.model import NoData, Outcome, ProviderSpec, Sample
from analysis.providers import SECRET_KEYS, logins, refusals
from analysis.providers.connection import ProviderConnection, TokenConnection, bad_address
from analysis.providers.halves import Blocks, halves_of_pods
from analysis.providers.increases import IncreaseCounts
from analysis.providers.matrices import LOOK_BACK, ROOT, labels_of, samples_of, unexpected
from analysis.providers.store import check_options
from analysis.secrecy import shown_address, shown_text
from analysis.uniting import part, united

#: Longer queries are posted: servers and proxies cut long request lines, and some proxies let
#: nothing but GET through, so the short ones are not.
LONGEST_IN_ADDRESS = 4000
#: How many warnings a sample carries.
MOST_WARNINGS = 5
#: How long ago counts end: a sample has the time at which its scrape began, and is found after its end.
SETTLE = timedelta(seconds=5)
#: The types of errors that are no fault of the query.
_OVERLOADED = ("canceled", "internal", "timeout", "unavailable")


class PrometheusProvider(IncreaseCounts):
    """Ask a server that speaks Prometheus's HTTP API: Prometheus, Thanos, Mimir, and their like."""

    secret_keys: ClassVar[tuple[str, ...]] = (*SECRET_KEYS, *logins.KEYS)
    options: ClassVar[tuple[str, ...]] = logins.OPTIONS

    def __init__(self, spec: ProviderSpec) -> None:
        if not spec.address:
            raise bad_address(spec.address)
        self.check(spec)
        self._spec = spec
        self._address = f"{spec.address.rstrip('/')}/api/v1/query"
        self._tokens = TokenConnection(spec)
        self._sign = logins.login(spec, self._tokens.post)
        self._connection = ProviderConnection(
            spec, presented=() if self._sign is not None else None, sign=self._sign
        )

    @classmethod
    def check(cls, spec: ProviderSpec) -> None:
        """Find out whether a spec says how it is let in, and nothing that is not read.

        Raises:
            QueryError: it does not; says what to write.
        """
        check_options(spec, cls.options)
        logins.check_login(spec)

    @classmethod
    def places(cls, spec: ProviderSpec) -> tuple[str, ...]:
        """Name the addresses that are presented something of the Secret."""
        return logins.places(spec)

    async def query(
        self,
        query: str,
        at: datetime,
        interval: timedelta,
    ) -> Outcome:
        """Evaluate PromQL at a moment."""
        data, warnings = await self._evaluate(query, at)
        return _outcome(data, at, warnings, self._where)

    async def count(self, query: str, since: datetime, at: datetime) -> Outcome:
        """Count by the raw samples of a time that ends a little before the moment."""
        return (await self.count_together((query,), since, at))[0]

    async def count_together(
        self, queries: Sequence[str], since: datetime, at: datetime
    ) -> tuple[Outcome, ...]:
        """Count by several queries: what one question can read for several of them is asked once."""
        # Of two blocks that meet, the server and we must put a sample into the same one.
        expressions, end = tuple(map(parse_count, queries)), _whole_milliseconds(at - SETTLE)
        if since >= end:
            reason = f"samples are counted {SETTLE.total_seconds():g} s after their time"
            return (NoData(reason=reason, warming_up=True),) * len(queries)
        counted = [call for expression in expressions for call in calls(expression)]
        reading = united(map(needed, counted))
        length = (end - since + LOOK_BACK) // timedelta(milliseconds=1)
        read: dict[Selector, tuple[dict[Labels, float], tuple[str, ...]]] = {}
        for selector in dict.fromkeys(reading.values()):
            data, told = await self._evaluate(f"{promql(selector)}[{length}ms]", end)
            series = samples_of(data, self._where)
            read[selector] = {each: growth(series[each], since) for each in series}, told
        found: dict[Selector, dict[Labels, float]] = {}
        for call in counted:
            mine = part(needed(call), reading, read[reading[needed(call)]][0])
            if not mine and needed(call) not in call.selectors:
                await self._check_edge(call, end)
            for selector in call.selectors:
                found.setdefault(selector, {}).update(mine)
        warnings = tuple(dict.fromkeys(each for _, told in read.values() for each in told))
        return tuple(_total(each, Grown(found), end, warnings) for each in expressions)

    async def halves(
        self, queries: tuple[str, str], at: datetime, block: timedelta, blocks: int
    ) -> Blocks:
        """Count requests, and a part of them, of two halves of the pods, block by block."""
        end = _whole_milliseconds(at - SETTLE)
        return await halves_of_pods(self._evaluate, queries, end, block, blocks, self._where)

    async def _check_edge(self, call: Call, at: datetime) -> None:
        """Find out whether a bucket without samples is missing in a histogram that has others.

        Raises:
            QueryError: it is; names the nearest ones.
        """
        (selector,) = call.selectors
        data, _ = await self._evaluate(f"count by (le) ({promql(selector)})", at)
        if edges := [edge_of(labels, selector) for labels in labels_of(data, self._where)]:
            raise no_edge(call.number, edges, selector)

    @property
    def _where(self) -> str:
        return shown_address(self._spec.address)

    async def _evaluate(self, query: str, at: datetime) -> tuple[Any, tuple[str, ...]]:
        """Evaluate PromQL at a moment; gives its data as they came, with the server's warnings."""
        parameters = {
            "query": query,
            "time": f"{at.timestamp():.3f}",
            "timeout": f"{max(1, self._spec.timeout // timedelta(milliseconds=1))}ms",
        }
        if len(query) > LONGEST_IN_ADDRESS:
            answer = await self._connection.fetch(self._address, form=parameters)
        else:
            answer = await self._connection.fetch(self._address, parameters=parameters)
        if answer.status != 200:
            if answer.status == 401 and isinstance(self._sign, TokenSigner):
                self._sign.renew()
            raise refusal(answer, self._where, self._spec)
        payload = _payload(answer, self._where)
        warnings = tuple(
            shown_text(str(warning), self._spec.secrets)
            for key in ("warnings", "infos")
            for warning in payload.get(key) or ()
        )
        return payload.get("data"), warnings[:MOST_WARNINGS]

    async def prepare(self, query: str, interval: timedelta) -> None:
        """Do nothing: the server watches by itself."""

    async def close(self) -> None:
        """Close every connection."""
        await self._connection.close()
        await self._tokens.close()


def refusal(answer: HttpAnswer, where: str, spec: ProviderSpec) -> AnalysisError:
    """Name a status other than 200, with the server's own words where it has any."""
    if answer.status == 422 and _kind(answer) in _OVERLOADED:
        # Some servers refuse with this status what they had no time for.
        told = f"{where} answers 422 ({shown_text(_kind(answer), spec.secrets)})"
        return ProviderUnavailable(told)
    return refusals.refusal(answer, where, words=_words, secrets=spec.secrets, root=ROOT)


def _kind(answer: HttpAnswer) -> str:
    try:
        return str(orjson.loads(answer.body)["errorType"])
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return ""


def _words(payload: Any) -> str:
    match payload:
        case {"errorType": str(kind), "error": str(text)}:
            return f"{kind}: {text}"
        case _:
            return ""


def _payload(answer: HttpAnswer, where: str) -> dict[str, Any]:
    try:
        payload = orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise QueryError(
            f"{where} answers with {answer.media_type or 'something'} that is no JSON; check that "
            f"the address is {ROOT}"
        ) from error
    if not isinstance(payload, dict) or payload.get("status") != "success":
        raise unexpected(where)
    if payload.get("isPartial"):
        raise Partial(f"{where} answers with a part of the data: some of its storages are away")
    return payload


def _outcome(data: Any, at: datetime, warnings: tuple[str, ...], where: str) -> Outcome:
    match data:
        case {"resultType": "vector", "result": []}:
            return NoData(reason=_remarked("the query found no series", warnings))
        case {"resultType": "vector", "result": [{"value": [_, str(text)]}]}:
            return _sample(text, at, warnings, where)
        case {"resultType": "vector", "result": [{"histogram": _}]}:
            raise QueryError(
                "the query gives a native histogram where one number is expected; make it one, "
                "such as with histogram_quantile()"
            )
        case {"resultType": "vector", "result": [_, _, *_] as series}:
            raise Ambiguous(
                f"the query gives {len(series)} series where one is expected; aggregate them, "
                "such as with sum()"
            )
        case {"resultType": "scalar", "result": [_, str(text)]}:
            return _sample(text, at, warnings, where)
        case {"resultType": "matrix"}:
            raise QueryError(
                "the query gives a range of values where one number is expected; wrap the range in "
                "a function, such as rate() or avg_over_time()"
            )
        case {"resultType": "string"}:
            raise QueryError("the query gives a text where one number is expected")
        case _:
            raise unexpected(where)


def _total(
    expression: Expression, grown: Grown, end: datetime, warnings: tuple[str, ...]
) -> Outcome:
    value = total(expression, grown)
    if isinstance(value, NoData):
        return NoData(reason=_remarked(value.reason, warnings))
    return Sample(value=value, at=end, warnings=warnings[:MOST_WARNINGS])


def _whole_milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _sample(text: str, at: datetime, warnings: tuple[str, ...], where: str) -> Outcome:
    try:
        value = float(text)
    except ValueError as error:
        raise unexpected(where) from error
    if isnan(value):
        reason = "the value is NaN, as of 0 / 0: probably there were no requests"
        return NoData(reason=_remarked(reason, warnings))
    return Sample(value=value, at=at, warnings=warnings)


def _remarked(reason: str, warnings: tuple[str, ...]) -> str:
    return reason + "".join(f"; warning: {each}" for each in warnings)

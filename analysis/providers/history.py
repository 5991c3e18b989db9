"""Range data of a Prometheus server: what a query's value was over time, for charts and replays.

The hot path does not come here: prometheus-api-client blocks, so each read costs a thread.
"""

import asyncio
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isnan
from typing import Any, TypeVar, cast

import requests
from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from analysis.errors import QueryError
from analysis.http.exchange import HttpAnswer, failure, late
from analysis.model import ProviderSpec
from analysis.providers.connection import bad_address, headers_of, tls_context, unanswered
from analysis.providers.matrices import unexpected
from analysis.providers.prometheus import refusal
from analysis.secrecy import shown_address

#: How many reads run at the same time, each in a thread of its own.
MOST_READS = 4
#: A server refuses ranges of more points than this.
MOST_POINTS = 11_000

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The values of a query over time, oldest first; moments without a value are left out."""

    points: tuple[tuple[datetime, float], ...] = ()


class History:
    """Read ranges from the server of a spec. Made inside an event loop."""

    def __init__(self, spec: ProviderSpec) -> None:
        if not spec.address.lower().startswith(("http://", "https://")):
            raise bad_address(spec.address)
        if dict(spec.options).get("auth"):
            raise QueryError("the past is not read with the option auth; it is for queries alone")
        self._spec = spec
        self._context = tls_context(spec)
        self._headers = dict(headers_of(spec))
        self._slots = asyncio.Semaphore(MOST_READS)

    async def read(self, query: str, start: datetime, end: datetime, step: timedelta) -> Series:
        """Evaluate PromQL at every step from start to end.

        Raises:
            QueryError: the range or the query is wrong, or gives more than one series.
            ProviderUnavailable: the server gave no answer in time.
        """
        if step <= timedelta(0) or end < start:
            raise QueryError(f"range from {start} to {end} by {step}: write an end after the start")
        if (end - start) / step >= MOST_POINTS:
            raise QueryError(
                f"range from {start} to {end} by {step}: more than {MOST_POINTS} points; "
                "write a greater step"
            )
        limit = self._spec.timeout.total_seconds()
        try:
            async with asyncio.timeout(limit), self._slots:
                result = await _in_thread(lambda: self._read(query, start, end, step))
        except TimeoutError as error:
            raise late(shown_address(self._spec.address), limit) from error
        return _series(result, shown_address(self._spec.address))

    def _read(self, query: str, start: datetime, end: datetime, step: timedelta) -> Any:
        """Read in a thread: a list of series as the API gives them."""
        address = self._spec.address.rstrip("/")
        where = shown_address(address)
        responses: list[requests.Response] = []
        with requests.Session() as session:
            session.max_redirects = 0
            session.auth = _NothingAdded()
            session.hooks["response"].append(lambda response, **_: responses.append(response))
            try:
                client = PrometheusConnect(
                    url=address,
                    headers=self._headers,
                    session=session,
                    timeout=self._spec.timeout.total_seconds(),
                )
                # The client has mounted an adapter whose retries multiply the time limit.
                session.mount(address, _Adapter(self._context))
                return client.custom_query_range(
                    query, start, end, step=f"{step.total_seconds():g}"
                )
            except PrometheusApiClientException as error:
                raise refusal(_answer(responses[-1]), where, self._spec) from error
            except (requests.JSONDecodeError, KeyError, TypeError) as error:
                raise unexpected(where) from error
            except requests.Timeout as error:
                limit = self._spec.timeout.total_seconds()
                raise late(where, limit) from error
            except ValueError as error:
                raise bad_address(address) from error
            except (requests.RequestException, OSError) as error:
                told = failure(error, where, self._spec.secrets)
                raise unanswered(error, told) from error


class _NothingAdded(AuthBase):
    """Leave a request as it is: else a .netrc file would put its password in the place of ours."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class _Adapter(HTTPAdapter):
    """Trust what a spec trusts, whatever the environment says, and never retry."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(max_retries=0)

    def build_connection_pool_key_attributes(
        self, request: Any, verify: Any, cert: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Name the host, and our trust in place of the environment's."""
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        checked = self._context.verify_mode is ssl.CERT_REQUIRED
        trust = {
            "ssl_context": self._context,
            "cert_reqs": "CERT_REQUIRED" if checked else "CERT_NONE",
        }
        return host, trust

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Keep the trust that the pool was made with."""


async def _in_thread(work: Callable[[], Result]) -> Result:
    """Run blocking work in a thread that keeps neither a cancelled caller nor the process."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(cast("Result", result))

    def run() -> None:
        result, failure = None, None
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - handed to the waiting caller
            failure = error
        with suppress(RuntimeError):  # the loop has ended: no caller waits
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, name="prometheus-range", daemon=True).start()
    return await future


def _answer(response: requests.Response) -> HttpAnswer:
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return HttpAnswer(status=response.status_code, media_type=media_type, body=response.content)


def _series(result: Any, where: str) -> Series:
    match result:
        case []:
            return Series()
        case [{"values": list(values)}]:
            pass
        case [_, _, *_]:
            raise QueryError(
                f"the query gives {len(result)} series where one is expected; aggregate them, "
                "such as with sum()"
            )
        case _:
            raise unexpected(where)
    try:
        points = [(datetime.fromtimestamp(at, UTC), float(text)) for at, text in values]
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise unexpected(where) from error
    return Series(points=tuple(point for point in points if not isnan(point[1])))

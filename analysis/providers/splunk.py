"""Provider `splunk`: one value from a SignalFlow program of Splunk Observability (SignalFx).

The program's stream ends by itself, because the window is over. Of a count, the sums of its minutes
are added up.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import orjson

from analysis.errors import Partial, ProviderUnavailable, QueryError
from analysis.http.exchange import HttpAnswer
from analysis.model import Outcome, ProviderSpec
from analysis.providers.connection import Headers
from analysis.providers.counted import SideBySideProvider
from analysis.providers.series import Point, known, number
from analysis.providers.store import Reading, Request
from analysis.providers.windows import Window

_API = re.compile(r"^(https?://)api\.", re.IGNORECASE)
_SUMS = re.compile(r"\brollup\s*=\s*(['\"])(sum|delta)\1")
_PUBLISHED = re.compile(r"""\.publish\s*\(\s*(?:(?:label\s*=\s*)?(['"])[^'"\\]*\1)?\s*\)""")
_PUBLISH = re.compile(r"\bpublish\b")
_GIVEN = re.compile(r"^(?:(\w+)\s*=(?!=)|(def|from|import)\b)", re.MULTILINE)
#: The label of what a program publishes, before its number, where several are run as one.
_LABEL = "tidegate"
_MINUTE_MS = 60_000


class SplunkProvider(SideBySideProvider):
    """Run a program over the window, at the realm of its address."""

    required: ClassVar[tuple[str, ...]] = ("sf_token_key",)
    secret_keys = required
    root = "that of your realm, such as https://api.us1.signalfx.com"
    settle = timedelta(seconds=30)
    bucket = timedelta(seconds=10)
    block = timedelta(minutes=1)

    def __init__(self, spec: ProviderSpec) -> None:
        super().__init__(spec)
        # Programs run beside the API that an address may name.
        self._address = _API.sub(r"\1stream.", self._address)

    def presented(self, keys: Mapping[str, str]) -> Headers:
        """Give the token."""
        return (("X-SF-Token", keys["sf_token_key"]),)

    @classmethod
    def check_count(cls, spec: ProviderSpec, query: str) -> None:
        """Find out whether each value is how much there was in its time."""
        if _SUMS.search(query) is None:
            raise QueryError(
                "counts: the program gives no sums; write rollup='sum' into data(…), or "
                "rollup='delta' for a counter that only grows"
            )

    async def ask_outcome(self, query: str, window: Window, *, counted: bool = False) -> Outcome:
        """Ask for the value over a window; of a count, minute by minute."""
        if not counted:
            return await super().ask_outcome(query, window)
        answer = await self.send(_run(query, window, _MINUTE_MS))
        found = self.understand(answer, lambda payload: self.read_count(payload, query, window))
        return self.made_of(found, window, counted=True)

    def request_together(self, queries: Sequence[str], window: Window) -> Request:
        """Run all programs as one, which publishes what each of them does."""
        given = [name for each in queries for name in {*map("".join, _GIVEN.findall(each))}]
        if len(given) > len({*given}) or {"def", "from", "import"} & {*given}:
            raise QueryError("the program gives names that others give, so it is run alone")
        return _run(
            "\n".join(_labelled(n, each) for n, each in enumerate(queries)), window, _MINUTE_MS
        )

    def parts(self, payload: Any, asked: Sequence[str]) -> Sequence[Any]:
        """Give the data that each program has published, and whatever else there is."""
        labels = {
            said["tsId"]: said["properties"]["sf_streamLabel"]
            for kind, said in payload
            if kind == "metadata"
        }
        known = {f"{_LABEL}{n}" for n, _ in enumerate(asked)}
        if unknown := {*labels.values()} - known:
            raise ValueError(f"labels of others: {len(unknown)}")
        return [list(_of(f"{_LABEL}{n}", payload, labels)) for n, _ in enumerate(asked)]

    def read_count(self, payload: Any, query: str, window: Window) -> Reading:
        """Read the data of each minute, of which those within the window count."""
        return Reading(series=list(map(tuple, self._points(payload))))

    def request(self, query: str, window: Window) -> Request:
        """Post the program, for one value over the whole window."""
        return _run(query, window, (window.end - window.start) // timedelta(milliseconds=1))

    def decode(self, answer: HttpAnswer) -> Any:
        """Decode a stream of events: the kind of each, with what it says as JSON."""
        return list(_events(answer.body.decode()))

    def read(self, payload: Any, query: str, window: Window) -> Reading:
        """Read the data of each time series: the request has said which times count."""
        return Reading(series=[known(points) for points in self._points(payload)])

    def _points(self, payload: Any) -> list[list[Point]]:
        """Read the points of each time series, and whether the stream is whole."""
        found: dict[str, list[Point]] = {}
        ended = False
        for kind, said in payload:
            match kind, said:
                case "data", {"logicalTimestampMs": at, "data": data}:
                    for each in data:
                        point = Point(number(each["value"]), at / 1000)
                        found.setdefault(each["tsId"], []).append(point)
                case "error", _:
                    raise QueryError(f"{self._where} refuses the program: {self._said(said)}")
                case "control-message", {"event": "CHANNEL_ABORT"}:
                    told = self.shown((said.get("abortInfo") or {}).get("sf_job_abortReason", ""))
                    raise ProviderUnavailable(f"{self._where} has ended the program: {told}")
                case "control-message", {"event": "END_OF_CHANNEL"}:
                    ended = True
        if not ended:
            raise Partial(f"{self._where} gave no whole answer: the stream has no end")
        return list(found.values())

    def _said(self, error: Any) -> str:
        return self.shown(self.words(error) or "it does not say why")

    def words(self, payload: Any) -> str:
        """Find the message of an error, before the stream or in it."""
        match payload:
            case {"message": str(message)}:
                return message
            case {"errors": [{"message": str(message)}, *_]}:
                return message
            case _:
                return ""


def _labelled(number: int, program: str) -> str:
    """Have a program publish under a label of ours.

    Raises:
        QueryError: it does not say plainly what it publishes.
    """
    label = f".publish(label='{_LABEL}{number}')"
    labelled, found = _PUBLISHED.subn(lambda _: label, program)
    if found != 1 or len(_PUBLISH.findall(program)) != 1:
        raise QueryError("the program publishes several streams, so it is run alone")
    return labelled


def _of(label: str, payload: Any, labels: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """Give the events of a stream that are about a label, or about none."""
    for kind, said in payload:
        if kind == "data":
            data = [each for each in said["data"] if labels[each["tsId"]] == label]
            yield kind, said | {"data": data}
        else:
            yield kind, said


def _run(program: str, window: Window, resolution: int) -> Request:
    """Write the request that runs a program, at a resolution in milliseconds."""
    start, end = (round(each.timestamp() * 1000) for each in (window.start, window.end))
    asked = {"start": start, "stop": end, "resolution": resolution, "immediate": "true"}
    return Request(
        path="/v2/signalflow/execute?" + "&".join(f"{k}={v}" for k, v in asked.items()),
        content=program.encode(),
        headers={"Content-Type": "text/plain", "Accept": "text/event-stream"},
    )


def _events(text: str) -> Iterator[tuple[str, Any]]:
    """Read server-sent events, each ended by an empty line."""
    kind, data = "message", ""
    lines = text.replace("\r\n", "\n").split("\n")
    if ":" not in text:
        raise ValueError("no stream of events")
    for line in lines:
        name, _, value = line.partition(":")
        match name:
            case "":
                if data:
                    yield kind, orjson.loads(data)
                kind, data = "message", ""
            case "event":
                kind = value.strip()
            case "data":
                data += value

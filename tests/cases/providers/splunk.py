"""Splunk Observability, whose programs answer with a stream of events."""

from datetime import datetime

import orjson
from aiohttp import web

from analysis.errors import FailureKind
from analysis.model import Credentials, ProviderSpec
from tests.analysis.servers import Handler, says
from tests.case import NOW, Asked, CountCase, Login, ProviderCase, minutes

TOKEN = Credentials(others=(("sf_token_key", "s3cr3t-token"),))
PROGRAM = "data('errors', filter=filter('service', 'pay'), rollup='sum').sum().publish()"
#: The window ends half a minute before midnight.
END = 1767225570
#: The minute before a minute before midnight.
MINUTE = 1767225480


def event(kind: str, **said: object) -> str:
    """Give an event of the stream."""
    return f"event: {kind}\ndata: {orjson.dumps(said).decode()}\n\n"


def data(at: int, **values: object) -> str:
    """Give the event with the values of a moment, by time series."""
    found = [{"tsId": name, "value": value} for name, value in values.items()]
    return event("data", logicalTimestampMs=at * 1000, data=found)


START = event("control-message", event="STREAM_START") + event(
    "control-message", event="JOB_START", handle="F1"
)
META = event("metadata", tsId="A", properties={"sf_streamLabel": "errors"})
STOP = event("control-message", event="END_OF_CHANNEL")


def stream(*events: str, end: str = STOP) -> Handler:
    """Answer as POST /v2/signalflow/execute does."""
    return says("".join((START, META, *events, end)), media_type="text/event-stream")


async def five(request: web.Request) -> web.StreamResponse:
    """Answer with 5 for the last time that is asked about."""
    last = (int(request.query["stop"]) - int(request.query["resolution"])) // 1000
    return await stream(data(last, A=5.0))(request)


def counted(start: datetime, end: datetime) -> Asked:
    """Ask for the sums of some minutes."""
    return Asked(
        method="POST",
        path="/v2/signalflow/execute",
        parameters={
            "start": str(int(start.timestamp()) * 1000),
            "stop": str(int(end.timestamp()) * 1000),
            "resolution": "60000",
            "immediate": "true",
        },
        content=PROGRAM,
    )


CASE = ProviderCase(
    spec=lambda address: ProviderSpec(type="splunk", address=address, credentials=TOKEN),
    query=PROGRAM,
    lag=minutes(1),
    logins={"token": Login(credentials=TOKEN, sent={"X-SF-Token": "s3cr3t-token"})},
    asked=Asked(
        method="POST",
        path="/v2/signalflow/execute",
        parameters={
            "start": str((END - 60) * 1000),
            "stop": str(END * 1000),
            "resolution": "60000",
            "immediate": "true",
        },
        content=PROGRAM,
    ),
    five=five,
    nothing=stream(),
    nan=stream(data(END - 60, A=None)),
    values={
        "an integer": (stream(data(END - 60, A=5)), 5),
        "the newest": (stream(data(END - 60, A=4.0), data(END - 30, A=5.0)), 5),
        "a newer gap": (stream(data(END - 60, A=5.0), data(END - 30, A=None)), 5),
        "NaN is text": (stream(data(END - 60, A="5.0")), 5),
    },
    no_data={"gaps": stream(data(END - 60, A=None)), "no data": stream(data(END - 60))},
    counts=CountCase(
        query=PROGRAM,
        end=NOW - minutes(1),
        asked=counted,
        totals={
            "the sums of minutes": (
                stream(data(MINUTE - 120, A=2), data(MINUTE - 60, A=None), data(MINUTE, A=5)),
                7,
            ),
            "a point of the next block": (stream(data(MINUTE, A=5), data(MINUTE + 60, A=9)), 5),
        },
    ),
    uncounted={"data('errors').mean().publish()": "write rollup='sum'"},
    failures={
        "several series": (stream(data(END, A=5.0, B=6.0)), FailureKind.AMBIGUOUS, "2 series"),
        "truncated": (stream(data(END, A=5.0), end=""), FailureKind.PARTIAL, "no end"),
        "a job that was ended": (
            stream(
                data(END, A=5.0),
                event(
                    "control-message",
                    event="CHANNEL_ABORT",
                    abortInfo={"sf_job_abortReason": "too many series"},
                ),
            ),
            FailureKind.UNAVAILABLE,
            "too many series",
        ),
        "an error with status 200": (
            stream(event("error", errors=[{"code": "ANALYTICS", "message": "no such function"}])),
            FailureKind.QUERY,
            "no such function",
        ),
        "a bad query": (
            says({"code": 400, "message": "Unexpected token"}, status=400),
            FailureKind.QUERY,
            "Unexpected token",
        ),
        "refused": (
            says({"code": 401, "message": "Unauthorized"}, status=401),
            FailureKind.REFUSED,
            "check sf_token_key of the Secret",
        ),
        "throttled": (says("", status=429), FailureKind.THROTTLED, "429"),
        "a value that is no number": (
            stream(data(END, A=[5])),
            FailureKind.QUERY,
            "otherwise than it should",
        ),
    },
)

"""Logs: one line an entry, as JSON or for people, with no secret in it.

What a log entry says of its Canary is in its extra fields: `canary`, `namespace`, `run`, `phase`.
"""

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

from analysis.secrecy import hide_suspicious

JSON = "json"
CONSOLE = "console"

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}

#: Libraries speak of their every request; what they say at DEBUG may hold headers and bodies.
_LIBRARIES = {
    "aiohttp": logging.WARNING,
    "aiohttp.access": logging.WARNING,
    "asyncio": logging.WARNING,
    "httpcore": logging.WARNING,
    "httpx": logging.WARNING,
    "kopf": logging.WARNING,
    # What kopf says of a start that failed, and of an API server that is away, we say ourselves: in
    # a sentence, and without a traceback.
    "kopf._core.reactor.observation": logging.CRITICAL,
    "kopf.activities": logging.CRITICAL,
    "kubernetes": logging.WARNING,
    "slack_sdk": logging.WARNING,
    "urllib3": logging.WARNING,
}
#: These may say more where everything is asked for.
_TALKATIVE = {"asyncio": logging.INFO, "httpx": logging.INFO, "kopf": logging.DEBUG}


def configure(level: str, log_format: str, stream: TextIO | None = None) -> None:
    """Send every log entry of a level (debug, info, warning, error) and above to a stream.

    Without a stream it is standard error. Doing this twice is doing it once.
    """
    handler = _Handler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == JSON else ConsoleFormatter())
    root = logging.getLogger()
    for earlier in [each for each in root.handlers if isinstance(each, _Handler)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    number = logging.getLevelNamesMapping()[level.upper()]
    root.setLevel(number)
    for name, least in _LIBRARIES.items():
        allowed = _TALKATIVE.get(name, least) if number <= logging.DEBUG else least
        logging.getLogger(name).setLevel(max(allowed, number))
    logging.captureWarnings(capture=True)


class _Handler(logging.StreamHandler[TextIO]):
    """Our own handler, told apart from those that others have added."""


class JsonFormatter(logging.Formatter):
    """Writes an entry as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Write an entry: time, level, logger and message, then its extra fields."""
        entry: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _plain(record.getMessage()),
        }
        for name, value in _extra(record).items():
            entry.setdefault(name, _plain(value))
        if trace := _trace(record):
            entry["exception"] = trace
        return orjson.dumps(entry).decode()


class ConsoleFormatter(logging.Formatter):
    """Writes an entry for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Write an entry on one line, with a traceback, if any, below it."""
        extra = "".join(f"  {name}={_plain(value)}" for name, value in _extra(record).items())
        line = printable(f"{hide_suspicious(record.getMessage())}{extra}")
        trace = _trace(record)
        return f"{_time(record)} {record.levelname:<8} {line}" + (f"\n{trace}" if trace else "")


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(record).items()
        if name not in _STANDARD and not name.startswith("_")
    }


def _plain(value: Any) -> str | int | float | bool | None:
    """Write a value as JSON holds it."""
    if value is None or isinstance(value, bool | float) or type(value) is int:
        return value
    return hide_suspicious(str(value)).encode(errors="replace").decode()


def _trace(record: logging.LogRecord) -> str:
    if record.exc_info and record.exc_info[1] is not None:
        return hide_suspicious("".join(traceback.format_exception(record.exc_info[1])).rstrip())
    return hide_suspicious(record.exc_text or "")


def printable(text: str) -> str:
    """Keep an entry on its line, whatever a text from outside holds."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )

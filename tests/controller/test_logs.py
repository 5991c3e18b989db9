"""Logs: one line an entry, its Canary in fields, and never a secret."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import datetime

import pytest

from analysis.secrecy import hide_suspicious
from canary.controller.logs import CONSOLE, JSON, JsonFormatter, configure

SECRETS = {
    "a bearer header": ("Authorization: Bearer s3cr3t.token", "Authorization: ***"),
    "a basic header": ("authorization: Basic czNjcjN0OnMzY3IzdA==", "authorization: ***"),
    "a header in a dictionary": ("{'Authorization': 'Bearer s3cr3t'}", "{'Authorization': '***'}"),
    "a header in JSON": ('{"authorization":"s3cr3t"}', '{"authorization":"***"}'),
    "a header in a list": ("[(b'authorization', b's3cr3t')]", "[(b'authorization', b'***')]"),
    "a scheme of many parts": (
        "Authorization: AWS4-HMAC-SHA256 Credential=s3cr3t, Signature=s3cr3t",
        "Authorization: ***",
    ),
    "a key": ("X-Api-Key: s3cr3t", "X-Api-Key: ***"),
    "a cookie": ("Set-Cookie: session=s3cr3t; Path=/; x=s3cr3t", "Set-Cookie: ***"),
    "a bearer token alone": ("sent Bearer s3cr3ts3cr3t to x", "sent Bearer *** to x"),
    "a parameter": ("GET /x?access_token=s3cr3t&a=1", "GET /x?access_token=***&a=1"),
    "a field of JSON": ('{"token": "s3cr3t", "a": 1}', '{"token": "***", "a": 1}'),
    "a password": ("password=s3cr3t", "password=***"),
    "the user of a url": ("GET https://me:s3cr3t@host/x", "GET https://***@host/x"),
    "a Slack webhook": (
        "POST https://hooks.slack.com/services/T0/B0/s3cr3t done",
        "POST https://hooks.slack.com/*** done",
    ),
    "a Slack token": ("with xoxb-1234-s3cr3t", "with ***"),
    "a service account's token": ("got eyJhbGciOiJS.eyJpc3M.s3cr3t", "got ***"),
}


class Log:
    """What was logged."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def entries(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    """Put logging back as it was when a test is done."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    names = ("aiohttp", "aiohttp.access", "asyncio", "httpcore", "httpx", "kopf", "kubernetes")
    levels = {name: logging.getLogger(name).level for name in (*names, "slack_sdk", "urllib3")}
    yield Log()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, number in levels.items():
        logging.getLogger(name).setLevel(number)
    logging.captureWarnings(capture=False)


@pytest.mark.parametrize("secret", SECRETS)
def test_what_looks_like_a_secret_is_hidden(secret: str) -> None:
    text, hidden = SECRETS[secret]
    assert hide_suspicious(text) == hidden


@pytest.mark.parametrize(
    "text",
    [
        "podinfo.test is promoted: all 3 steps passed",
        'secrets "podinfo-token" not found',
        "GET https://prometheus.test:9090/api/v1/query?query=up answers 503",
        "me@example.test asked for https://host/x",
        "the tokens are gone",
    ],
)
def test_what_is_no_secret_is_left_as_it_is(text: str) -> None:
    assert hide_suspicious(text) == text


@pytest.mark.parametrize("log_format", [JSON, CONSOLE])
@pytest.mark.parametrize("secret", SECRETS)
def test_no_part_of_an_entry_holds_a_secret(log: Log, log_format: str, secret: str) -> None:
    configure("info", log_format, log.stream)
    text = SECRETS[secret][0]
    logger = logging.getLogger("canary.test")
    try:
        raise ValueError(text)
    except ValueError:
        logger.exception("%s", text, extra={"run": text})
    assert "s3cr3t" not in log.text
    assert "ValueError" in log.text


def test_json_entries_hold_time_level_logger_message_and_fields(log: Log) -> None:
    configure("info", JSON, log.stream)
    extra = {"canary": "test/podinfo", "namespace": "test", "run": 3, "phase": "Progressing"}
    logging.getLogger("canary.test").warning("held at %s", "step 2", extra=extra)
    (entry,) = log.entries
    moment = datetime.fromisoformat(str(entry.pop("time")))
    assert moment.tzinfo is not None
    assert entry == {
        "level": "warning",
        "logger": "canary.test",
        "message": "held at step 2",
        **extra,
    }


def test_a_field_cannot_take_the_place_of_another(log: Log) -> None:
    configure("info", JSON, log.stream)
    logging.getLogger("canary.test").info("true", extra={"level": "false", "logger": "false"})
    assert (log.entries[0]["level"], log.entries[0]["logger"]) == ("info", "canary.test")


def test_text_that_is_no_unicode_is_logged_nevertheless() -> None:
    # Not through a logger: pytest's own handler keeps what it is given, and can't hand this on.
    record = logging.makeLogRecord({"msg": "bad \ud800", "run": "\ud800", "levelname": "INFO"})
    entry = json.loads(JsonFormatter().format(record))
    assert (entry["message"], entry["run"]) == ("bad ?", "?")


@pytest.mark.parametrize("log_format", [JSON, CONSOLE])
def test_a_text_of_somebody_else_makes_no_line_of_its_own(log: Log, log_format: str) -> None:
    configure("info", log_format, log.stream)
    logging.getLogger("canary.test").info("body\r\nERROR forged\x1b[31m \u2028")
    assert log.text.count("\n") == 1
    assert "\r" not in log.text
    assert "\x1b" not in log.text


def test_console_entries_are_for_people(log: Log) -> None:
    configure("info", CONSOLE, log.stream)
    logging.getLogger("canary.test").info("promoted", extra={"canary": "test/podinfo"})
    assert log.text.endswith(" INFO     promoted  canary=test/podinfo\n")


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", ["canary DEBUG", "canary INFO", "httpx INFO", "kopf DEBUG", "kopf INFO"]),
        ("info", ["canary INFO"]),
        ("error", []),
    ],
)
def test_libraries_say_less_than_we_do(log: Log, level: str, shown: list[str]) -> None:
    configure(level, JSON, log.stream)
    for name in (
        "canary",
        "httpx",
        "httpcore",
        "kopf",
        "kubernetes",
        "slack_sdk",
        "aiohttp.access",
    ):
        for number in (logging.DEBUG, logging.INFO):
            logging.getLogger(name).log(number, logging.getLevelName(number))
    assert sorted(f"{each['logger']} {each['message']}" for each in log.entries) == shown


def test_warnings_of_libraries_are_always_logged(log: Log) -> None:
    configure("info", JSON, log.stream)
    logging.getLogger("kopf.objects").warning("watch out")
    assert log.entries[0]["message"] == "watch out"


def test_configuring_twice_logs_each_entry_once(log: Log) -> None:
    configure("info", JSON, log.stream)
    configure("info", JSON, log.stream)
    logging.getLogger("canary.test").info("once")
    assert len(log.entries) == 1

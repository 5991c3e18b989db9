"""Apprise: which of its services are served, how their requests are sent, and what becomes of answers."""

import ast
import inspect
import subprocess
import sys
from importlib import import_module
from typing import Any
from urllib.parse import unquote_plus

import pytest

from canary.api.status import Severity
from canary.notifiers import NotDelivered, NotifierConfig
from canary.notifiers.apprise import _STAND_IN, SERVICES, AppriseNotifier, _written_by
from tests.notifiers.alerts import an_alert
from tests.receiver import Answer, Receiver

MODULES = sorted(set(SERVICES.values()))
#: What opens connections, starts programs or reads files.
FORBIDDEN = {
    *("aiohttp", "asyncio", "ctypes", "http", "httpx", "imaplib", "io", "multiprocessing"),
    *("paho", "pathlib", "pickle", "requests_oauthlib", "shutil", "smtplib", "socket", "ssl"),
    *("subprocess", "sys", "tempfile", "urllib3"),
}


def source(module: str) -> str:
    return inspect.getsource(import_module(f"apprise.plugins.{module}"))


def imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(str(node.module).partition(".")[0])
    return names


async def sent(address: str, **changes: Any) -> None:
    await AppriseNotifier(NotifierConfig(address=address)).send(an_alert(**changes))


async def refused(address: str) -> NotDelivered:
    with pytest.raises(NotDelivered) as caught:
        await sent(address)
    return caught.value


# ------------------------------------------------------------------------------------ the table


@pytest.mark.parametrize("scheme", SERVICES)
def test_a_service_of_the_table_has_its_scheme_and_is_sent_by_us(scheme: str) -> None:
    made = _written_by(SERVICES[scheme], scheme)

    assert sys.modules[made.__module__].requests is _STAND_IN


@pytest.mark.parametrize("module", MODULES)
def test_a_service_of_the_table_sends_by_requests_alone(module: str) -> None:
    tree = ast.parse(source(module))
    # `os` is there for names of files that are attached, which no alert has.
    assert imported(tree) & FORBIDDEN == set()
    ways = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "requests"
    }
    assert ways <= {
        *("RequestException", "auth", "codes", "exceptions"),
        *("delete", "get", "patch", "post", "put", "request"),
    }


@pytest.mark.parametrize("module", MODULES)
def test_a_service_of_the_table_opens_no_file_but_what_is_attached(module: str) -> None:
    opened = [
        ast.unparse(node.args[0])
        for node in ast.walk(ast.parse(source(module)))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"
    ]
    # An attachment is an argument of `notify`, and none is given.
    assert set(opened) <= {"payload.path", "attach.path", "attachment.path"}


@pytest.mark.parametrize(
    "address",
    [
        *("dbus://", "gnome://", "macosx://", "windows://", "syslog://", "rsyslog://host"),
        *("mailto://user:password@host", "mqtt://host/topic", "file:///etc/passwd"),
        *("vapid://a@b.c/d@e.f", "fcm://project/?keyfile=/etc/passwd", "workflows://h/w/s"),
        *("json://host/path", "https://ntfy.sh/topic", "ntfys", "", "://"),
    ],
)
async def test_what_is_not_in_the_table_is_refused(address: str) -> None:
    failure = await refused(address)

    assert not failure.retryable
    assert "write it as https://appriseit.com/services/" in str(failure)


@pytest.mark.parametrize("name", ["Session", "sessions", "adapters", "utils"])
def test_a_service_cannot_go_around_what_stands_for_requests(name: str) -> None:
    with pytest.raises(AttributeError):
        getattr(_STAND_IN, name)


def test_nothing_of_it_is_imported_before_an_alert_is_sent() -> None:
    code = (
        "import sys; from canary.notifiers import NOTIFIERS, NotifierConfig;"
        "assert 'requests' not in sys.modules;"
        "NOTIFIERS.load('apprise')(NotifierConfig(address='ntfys://ntfy.sh/x'));"
        "assert 'apprise' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_the_package_an_alert_says_what_to_install() -> None:
    code = (
        "import asyncio, sys; sys.modules['apprise'] = None;"
        "from canary.notifiers import NOTIFIERS, NotifierConfig, NotDelivered;"
        "from tests.notifiers.alerts import an_alert;"
        "made = NOTIFIERS.load('apprise')(NotifierConfig(address='ntfys://ntfy.sh/x'));"
        "asyncio.run(made.send(an_alert()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    said = "apprise is not installed; install it with: pip install 'tidegate[apprise]'"
    assert said in done.stderr.splitlines()[-1]


# -------------------------------------------------------------------------------- what is sent


async def test_ntfy_is_sent_headline_message_and_fields(receiver: Receiver) -> None:
    address = f"ntfy{receiver.url.removeprefix('http')}/releases"
    await sent(address)
    (request,) = receiver.requests

    assert request.headers["Idempotency-Key"] == an_alert().id
    assert request.document["topic"] == "releases"
    assert request.document["title"] == "podinfo.test: Promoted"
    assert request.document["message"].splitlines() == [
        "podinfo is promoted: all 3 steps passed",
        "Cluster: blue",
        "Target: Deployment/podinfo.test",
        "Images: podinfo:6.1 → podinfo:6.2",
        "Revision: 5d8c9f",
    ]


@pytest.mark.parametrize(
    "address",
    [
        "nctalk://user:password@{}/room",
        "synology://{}/token",
        "hassio://{}/long-lived-token-of-a-user",
        "signal://{}/+15550001111/+15550002222",
    ],
    ids=lambda address: address.partition(":")[0],
)
@pytest.mark.parametrize("severity", Severity)
async def test_a_service_of_ones_own_is_sent_the_message(
    address: str, severity: Severity, receiver: Receiver
) -> None:
    receiver.answers(Answer(status=200, body=b'{"success": true}'))
    await sent(address.format(receiver.url.removeprefix("http://")), severity=severity)

    assert "podinfo is promoted" in unquote_plus(receiver.requests[0].body.decode())


async def test_a_service_that_answers_no_with_a_success_has_not_taken_the_alert(
    receiver: Receiver,
) -> None:
    receiver.answers(Answer(status=204))
    failure = await refused(f"gotify{receiver.url.removeprefix('http')}/token")

    assert "the service has answered that it does not take the alert" in str(failure)
    assert not failure.retryable


async def test_one_alert_is_not_sent_to_any_number_of_recipients(receiver: Receiver) -> None:
    topics = "/".join(f"topic{number}" for number in range(40))
    failure = await refused(f"ntfy{receiver.url.removeprefix('http')}/{topics}")

    assert "more than 10 requests" in str(failure)
    assert (failure.retryable, len(receiver.requests)) == (False, 10)


@pytest.mark.parametrize("option", ["redirect=yes", "verify=no", "cto=60&rto=60"])
async def test_options_of_an_address_change_nothing_about_how_it_is_sent(
    option: str, receiver: Receiver
) -> None:
    receiver.answers(Answer(status=302, headers={"Location": "http://127.0.0.1:9/"}))
    failure = await refused(f"gotify{receiver.url.removeprefix('http')}/token?{option}")

    assert "redirects to http://127.0.0.1:9" in str(failure)


async def test_no_part_of_an_address_comes_out_of_an_answer_that_repeats_it(
    receiver: Receiver,
) -> None:
    host = receiver.url.removeprefix("http://")
    parts = ("us3r-of-it", "passw0rd-of-it", "r00m-of-it")
    receiver.answers(Answer(status=403, body=" ".join(parts).encode()))
    failure = await refused("nctalk://{}:{}@{}/{}".format(*parts[:2], host, parts[2]))

    assert not any(each in str(failure) for each in parts)

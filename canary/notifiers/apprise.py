"""Notifier `apprise`: sends an alert to one of the many services that Apprise can write to.

The address is one of Apprise's, in the Secret: `ntfys://ntfy.example.com/releases`. Apprise makes the
requests, and we send them: its services are given a stand-in for `requests` that leads to our own
client. So an alert goes only where policy allows, follows no redirect, ends in time, and what the
service answers is known. Only services that need nothing else are in the table: none acts on this
machine, reads a file or connects by itself. The package is an extra, which is imported when an alert
is sent.
https://appriseit.com/services/
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any, cast

import requests

from analysis.errors import QueryError
from analysis.http.posting import Reply, post
from analysis.http.transport import Client, guarded_client, trust
from canary.api.status import Severity
from canary.notifiers import Alert, NotDelivered, NotifierConfig
from canary.notifiers.defaults import NotifierDefaults

_SCHEMES: Mapping[str, str] = MappingProxyType(
    {
        "betterstack": "betterstack",
        "clicksend": "clicksend",
        "dingtalk": "dingtalk",
        "feishu": "feishu",
        "goalert": "goalert goalerts",
        "gotify": "gotify gotifys",
        "home_assistant": "hassio hassios",
        "ilert": "ilert",
        "incidentio": "incidentio",
        "lark": "lark",
        "line": "line",
        "messagebird": "msgbird",
        "misskey": "misskey misskeys",
        "nextcloudtalk": "nctalk nctalks",
        "ntfy": "ntfy ntfys",
        "prowl": "prowl",
        "pushbullet": "pbul",
        "pushdeer": "pushdeer pushdeers",
        "pushover": "pover",
        "pushy": "pushy",
        "ringcentral": "ringc",
        "serverchan": "schan",
        "signal_api": "signal signals",
        "signl4": "signl4",
        "sinch": "sinch",
        "sns": "sns",
        "spike": "spike",
        "splunk": "splunk victorops",
        "squadcast": "squadcast",
        "synology": "synology synologys",
        "threema": "threema",
        "twilio": "twilio",
        "vonage": "nexmo vonage",
        "webexteams": "webex wxteams",
        "wecombot": "wecombot",
        "whatsapp": "whatsapp",
        "xmatters": "xmatters",
        "zoom": "zoom",
        "zulip": "zulip",
    }
)
"""The modules of Apprise's that know how to write to a service, and the schemes of its addresses."""
SERVICES: Mapping[str, str] = MappingProxyType(
    {scheme: module for module, schemes in _SCHEMES.items() for scheme in schemes.split()}
)
_KINDS = {Severity.INFO: "info", Severity.WARN: "warning", Severity.ERROR: "failure"}
_MOST_REQUESTS = 10
"""A service that logs in first, or writes to several people, takes more than one."""
_FRAMING = frozenset({"connection", "content-length", "transfer-encoding"})
_NO_ADDRESS = (
    "the address is none of a service that is served; write it as https://appriseit.com/services/ "
    "lists it, such as ntfys://HOST/TOPIC"
)


class AppriseNotifier(NotifierDefaults):
    """Send alerts by Apprise."""

    def __init__(self, config: NotifierConfig) -> None:
        self._config = config

    async def send(self, alert: Alert, thread: str | None = None) -> str | None:  # noqa: ARG002 - it has none
        """Deliver an alert."""
        config = self._config
        try:
            client = guarded_client(config.egress, verify=trust(), proxy=config.proxy)
        except QueryError as error:
            raise _undelivered(str(error)) from error
        async with client:
            sending = _Sending(
                client=client, config=config, key=alert.id, loop=asyncio.get_running_loop()
            )
            taken = await asyncio.to_thread(_notify, alert, sending)
        if not taken or sending.last is None:
            raise _refused(sending.last)
        return None


def _refused(last: Reply | None) -> NotDelivered:
    """Say why an alert was not taken, by the answer to the last request."""
    if last is None:
        return _undelivered("the service cannot be told of it; check the parts of its address")
    if last.succeeded:
        return _undelivered("the service has answered that it does not take the alert")
    return NotDelivered(
        f"apprise: {last.reason}", retryable=last.transient, retry_after=last.retry_after
    )


def _undelivered(why: str) -> NotDelivered:
    return NotDelivered(f"apprise: {why}", retryable=False)


# ------------------------------------------------------------------------------- what Apprise does


def _service(address: str) -> Any:
    """Make the service that an address names.

    Raises:
        NotDelivered: it names none, or the package is not installed.
    """
    scheme, separator, _ = address.partition("://")
    module = SERVICES.get(scheme.lower()) if separator else None
    if module is None:
        raise _undelivered(_NO_ADDRESS)
    try:
        made = _written_by(module, scheme.lower())
        from apprise import AppriseAsset
    except ImportError as error:
        package = (error.name or "apprise").partition(".")[0]
        raise _undelivered(
            f"{package} is not installed; install it with: pip install 'tidegate[apprise]'"
        ) from error
    asset = AppriseAsset(
        app_id="tidegate",
        app_desc="tidegate",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        http_redirects=False,
    )
    try:
        service = made(**made.parse_url(address), asset=asset)
    except (TypeError, ValueError) as error:
        # What is wrong names parts of the address, which may be secrets; and None is no address.
        raise _undelivered(_NO_ADDRESS) from error
    # A service that is asked too often says so, and is asked again when it wants.
    service.request_rate_per_sec = 0.0
    return service


def _written_by(module: str, scheme: str) -> Any:
    """Import a service alone, and have what it asks for sent by us."""
    # Apprise logs addresses, with the keys in them, and what is sent.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    service = import_module(f"apprise.plugins.{module}")
    service.requests = _STAND_IN  # type: ignore[attr-defined]
    (made,) = (
        each
        for each in vars(service).values()
        if isinstance(each, type) and each.__module__ == service.__name__ and _serves(each, scheme)
    )
    return made


def _serves(made: Any, scheme: str) -> bool:
    named = (getattr(made, "protocol", None), getattr(made, "secure_protocol", None))
    return any(scheme == each or (isinstance(each, tuple) and scheme in each) for each in named)


def _notify(alert: Alert, sending: "_Sending") -> bool:
    """Have a service write an alert; tell whether it found that it was taken.

    Raises:
        NotDelivered: the address names no service.
    """
    service = _service(sending.config.address)
    _SENDING.set(sending)
    fields = [f"{name}: {value}" for name, value in alert.shown_fields]
    told = "\n".join((alert.message, *fields, *filter(None, (alert.link,))))
    try:
        return bool(
            service.notify(
                body=told,
                title=alert.headline,
                notify_type=_KINDS[alert.severity],
                body_format="text",
                overflow="truncate",
            )
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        # An answer of another form than the service reads.
        return False


# ---------------------------------------------------------------------------------- what we send


@dataclass(kw_only=True)
class _Sending:
    """Sends the requests of one alert, for a thread that waits for the answers."""

    client: Client
    config: NotifierConfig
    key: str
    loop: asyncio.AbstractEventLoop
    last: Reply | None = None
    """The answer to the last request."""
    count: int = 0

    def send(self, request: requests.PreparedRequest) -> requests.Response:
        """Send a request, and give what was answered.

        Raises:
            RequestException: no whole answer came, or there were too many requests.
        """
        self.count += 1
        if self.count > _MOST_REQUESTS:
            told = (
                f"the address asks for more than {_MOST_REQUESTS} requests; name fewer recipients"
            )
            self.last = Reply(status=None, body="", reason=told, transient=False)
            raise requests.RequestException(told)
        reply = asyncio.run_coroutine_threadsafe(self._post(request), self.loop).result()
        self.last = reply
        if reply.status is None:
            raise requests.ConnectionError(reply.reason)
        response = requests.Response()
        response.status_code = reply.status
        response.url = request.url or ""
        response.encoding = "utf-8"
        response._content = reply.content  # noqa: SLF001 - it has no other way in
        return response

    async def _post(self, request: requests.PreparedRequest) -> Reply:
        # Without a file to read from, what `requests` has prepared is text or bytes.
        body = cast("str | bytes", request.body or b"")
        return await post(
            self.client,
            request.url or "",
            content=body.encode() if isinstance(body, str) else body,
            headers={
                **{k: str(v) for k, v in request.headers.items() if k.lower() not in _FRAMING},
                "Idempotency-Key": self.key,
            },
            limit=self.config.timeout,
            secrets=self.config.secrets,
            # An answer may repeat any part of the address, and each part may be a key.
            shown=False,
            method=request.method or "POST",
        )


_SENDING: ContextVar[_Sending] = ContextVar("sending")


class _StandIn:
    """Stands for `requests` in a service: makes requests as it does, and has them sent by us."""

    codes = requests.codes
    auth = requests.auth
    exceptions = requests.exceptions
    RequestException = requests.RequestException

    def request(
        self,
        method: str,
        url: str,
        *,
        verify: object = None,  # noqa: ARG002 - a certificate is always verified
        timeout: object = None,  # noqa: ARG002 - the time limit is ours
        allow_redirects: object = None,  # noqa: ARG002 - no redirect is followed
        **parts: Any,
    ) -> requests.Response:
        """Make a request, and send it."""
        prepared = requests.Request(method, url, **parts).prepare()
        return _SENDING.get().send(prepared)

    def __getattr__(self, name: str) -> Callable[..., requests.Response]:
        """Give the ways to send a request that are named after their methods, and nothing else."""
        if name not in {"get", "post", "put", "patch", "delete"}:
            raise AttributeError(f"services have no requests.{name} here")
        return lambda url, *data, **parts: self.request(
            name.upper(), url, **({"data": data[0]} if data else {}), **parts
        )


_STAND_IN = _StandIn()

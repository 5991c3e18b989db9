"""S2: an address that a resource names leads only where policy allows.

What counts is the address that is connected to, whatever the name said a moment before.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.asking import Providers
from analysis.egress import UNRESTRICTED, EgressPolicy, as_address, rule_problem, unwrapped
from analysis.errors import EgressRefused
from analysis.http.transport import endpoints, guarded_client, resolve
from analysis.model import Ask, Bounds, Metric, ProviderSpec, QueryFailure
from canary.api.people import Webhook
from canary.hooks.caller import HookCaller
from canary.hooks.payload import HookPayload
from canary.notifiers import NOTIFIERS, NotDelivered, NotifierConfig
from tests.controller.running import World
from tests.controller.test_notify import PROVIDER, alert, provider, run
from tests.notifiers.alerts import an_alert
from tests.receiver import Answer, Receiver, receiving

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CLOSED = EgressPolicy()
LOOPBACK = EgressPolicy(allow=("127.0.0.0/8", "::1"))


def refusal(policy: EgressPolicy, host: str, address: str, port: int = 443) -> str:
    """Give the reason why an address may not be connected to; empty where it may."""
    try:
        policy.check(host, ip_address(address), port)
    except EgressRefused as refused:
        return refused.reason
    return ""


@pytest.mark.parametrize(
    ("address", "is_said"),
    [
        ("127.0.0.1", "loopback"),
        ("127.8.9.10", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::127.0.0.1", "loopback"),
        ("64:ff9b::7f00:1", "loopback"),
        ("2002:7f00:1::", "loopback"),
        ("169.254.169.254", "link-local"),
        ("::ffff:169.254.169.254", "link-local"),
        ("fe80::1", "link-local"),
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "unspecified"),
        ("::", "unspecified"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("64:ff9b:1::a9fe:a9fe", "NAT64"),
        ("64:ff9b:1:a9fe:a9:fe00::", "NAT64"),
        ("fd00:ec2::254", "metadata"),
        ("100.100.100.200", "metadata"),
        ("168.63.129.16", "metadata"),
    ],
)
def test_what_no_receiver_has_is_refused_unless_it_is_named_by_address(address, is_said):
    assert is_said in refusal(CLOSED, "hooks.example.com", address)
    by_name = EgressPolicy(allow=("hooks.example.com",))
    assert is_said in refusal(by_name, "hooks.example.com", address), "a name opens no such address"
    named = EgressPolicy(allow=(str(unwrapped(ip_address(address))),))
    assert refusal(named, "hooks.example.com", address) == ""
    assert refusal(UNRESTRICTED, "hooks.example.com", address) == ""


@pytest.mark.parametrize("address", ["10.0.0.7", "192.168.1.1", "93.184.216.34", "fd12::7"])
def test_other_addresses_may_be_connected_to_where_nothing_is_said(address):
    assert refusal(CLOSED, "hooks.example.com", address) == ""


@pytest.mark.parametrize(
    "name", ["metadata.google.internal", "METADATA.google.internal.", "metadata"]
)
def test_names_of_metadata_services_are_refused_wherever_they_lead(name):
    assert "metadata" in refusal(CLOSED, name, "93.184.216.34")


def test_where_anything_is_allowed_the_rest_is_refused():
    policy = EgressPolicy(allow=("*.example.com", "10.0.0.0/8"))
    assert refusal(policy, "hooks.example.com", "93.184.216.34") == ""
    assert refusal(policy, "anything.internal", "10.1.2.3") == ""
    assert "--egress-allow" in refusal(policy, "example.org", "93.184.216.34")
    assert "--egress-allow" in refusal(policy, "example.com", "93.184.216.34")


def test_a_denial_wins():
    policy = EgressPolicy(allow=("*.example.com",), deny=("bad.example.com", "93.0.0.0/8"))
    assert "--egress-deny" in refusal(policy, "bad.example.com", "10.0.0.1")
    assert "--egress-deny" in refusal(policy, "hooks.example.com", "93.184.216.34")
    assert refusal(policy, "hooks.example.com", "10.0.0.1") == ""


def test_the_api_server_stays_closed_whatever_is_allowed():
    policy = EgressPolicy(
        allow=("0.0.0.0/0",), reserved=(("10.96.0.1", 443), ("kube.example.com", 6443))
    )
    assert "API server" in refusal(policy, "anything.example.com", "10.96.0.1", 443)
    assert "API server" in refusal(policy, "kube.example.com", "93.184.216.34", 6443)
    assert refusal(policy, "anything.example.com", "10.96.0.1", 8443) == ""


async def test_the_api_server_is_known_by_its_name_and_by_its_addresses():
    assert ("127.0.0.1", 6443) in await endpoints("https://localhost:6443")
    assert ("localhost", 6443) in await endpoints("https://localhost:6443")
    assert await endpoints("https://10.96.0.1") == (("10.96.0.1", 443),)


@given(st.ip_addresses())
def test_an_address_is_judged_alike_as_a_host_and_as_what_a_name_leads_to(address):
    def host() -> str:
        try:
            CLOSED.check_host(str(address), 443)
        except EgressRefused as refused:
            return refused.reason
        return ""

    assert host() == refusal(CLOSED, "hooks.example.com", str(address))


@pytest.mark.parametrize(
    "rule", ["*.example.com", "hooks.example.com", "localhost", "10.0.0.0/8", "::1", "127.0.0.1"]
)
def test_a_sound_rule_is_taken(rule):
    assert rule_problem(rule) == ""


@pytest.mark.parametrize(
    "rule", ["https://a.example.com", "a.*.com", "10.0.0.0/33", "1.2.3", "a b", "*"]
)
def test_any_other_rule_is_refused_with_what_to_write(rule):
    assert "10.0.0.0/8" in rule_problem(rule)


# ------------------------------------------------------------------------- what is connected to


def port_of(receiver: Receiver) -> str:
    return receiver.url.rpartition(":")[2]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.1", "[::ffff:127.0.0.1]"]
)
async def test_no_way_of_writing_loopback_reaches_it(receiver, host):
    async with guarded_client(CLOSED) as client:
        with pytest.raises(EgressRefused, match="loopback"):
            await client.get(f"http://{host}:{port_of(receiver)}/")
    assert receiver.requests == []


async def test_a_name_that_leads_elsewhere_a_moment_later_gains_nothing(receiver):
    looked_up: list[str] = []

    async def rebinding(host: str, _: int) -> list[str]:
        looked_up.append(host)
        # What is checked is harmless, and nobody listens there; what would come next is not.
        return ["127.0.0.2"] if len(looked_up) == 1 else ["127.0.0.1"]

    policy = EgressPolicy(allow=("127.0.0.2",))
    async with guarded_client(policy, lookup=rebinding) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://rebind.example.com:{port_of(receiver)}/")
    assert (looked_up, receiver.requests) == (["rebind.example.com"], [])


async def test_of_several_addresses_only_those_that_are_allowed_are_tried():
    async def both(_host: str, _port: int) -> list[str]:
        return ["169.254.169.254", "93.184.216.34"]

    assert await resolve(CLOSED, "hooks.example.com", 443, both) == ["93.184.216.34"]


async def test_where_it_is_allowed_requests_go_through(receiver):
    async with guarded_client(LOOPBACK) as client:
        for host in ("127.0.0.1", "localhost"):
            assert (await client.get(f"http://{host}:{port_of(receiver)}/")).status_code == 200
    assert len(receiver.requests) == 2


# ----------------------------------------------------------------------------- everybody who asks

PAYLOAD = HookPayload(
    name="a",
    namespace="b",
    phase="c",
    checksum="d",
    weight=0,
    step=0,
    revision="e",
    images="f",
    cluster="",
)


async def by_hook(url: str, egress: EgressPolicy = CLOSED) -> str:
    caller = HookCaller(egress=egress)
    hook = Webhook.model_validate({"name": "gate", "url": url, "retries": 3})
    try:
        return (await caller.call(hook, PAYLOAD, key="k", secret=None)).message
    finally:
        await caller.close()


async def by_store(type_: str, url: str, egress: EgressPolicy = CLOSED) -> str:
    spec = ProviderSpec(type=type_, address=url, targets=(url,), egress=egress)
    metric = Metric(
        name="m",
        asks=(Ask(query="sum(up)"),),
        provider=spec,
        interval=timedelta(minutes=1),
        threshold_range=Bounds(min=1),
    )
    async with Providers() as providers:
        outcome = await providers.ask(metric, NOW)
    assert isinstance(outcome, QueryFailure)
    return outcome.reason


async def by_notifier(name: str, egress: EgressPolicy = CLOSED, **config: Any) -> str:
    notifier = NOTIFIERS.load(name)(NotifierConfig(egress=egress, channel="c", **config))
    with pytest.raises(NotDelivered) as refused:
        await notifier.send(an_alert())
    assert not refused.value.retryable
    return str(refused.value)


#: Each calls an address that a resource names.
CALLS: dict[str, Callable[..., Any]] = {
    "a hook": by_hook,
    "a store": partial(by_store, "prometheus"),
    "a Slack webhook": lambda url, *egress: by_notifier("slack", *egress, address=url),
    "a Slack bot": lambda url, *egress: by_notifier("slack", *egress, address=url, token="t"),
    "a webhook": lambda url, *egress: by_notifier("webhook", *egress, address=url),
    "a service by Apprise": lambda url, *egress: by_notifier(
        "apprise", *egress, address=f"gotify{url.removeprefix('http')}/token"
    ),
}
WAYS: dict[str, Callable[..., Any]] = {
    **CALLS,
    "a proxy of Slack's": lambda url: by_notifier(
        "slack", address="https://hooks.slack.com/x", proxy=url
    ),
    "a proxy of a service by Apprise": lambda url: by_notifier(
        "apprise", address="gotify://chat.example.com/token", proxy=url
    ),
    "a proxy of a webhook's": lambda url: by_notifier(
        "webhook", address="https://chat.example.com/x", proxy=url
    ),
}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("way", WAYS)
async def test_nobody_who_asks_reaches_what_is_closed(receiver, way, host):
    reason = await WAYS[way](f"http://{host}:{port_of(receiver)}")
    assert "loopback address" in reason
    assert "--egress-allow" in reason
    assert receiver.requests == []


@pytest.mark.parametrize("way", CALLS)
async def test_where_a_redirect_leads_to_nobody_is_asked(receiver, way):
    elsewhere = {"Location": f"{receiver.url}/elsewhere"}
    receiver.answers(Answer(status=HTTPStatus.TEMPORARY_REDIRECT, headers=elsewhere), Answer())
    told = await CALLS[way](receiver.url, LOOPBACK)
    assert "redirect" in told
    assert [each.path for each in receiver.requests if each.path == "/elsewhere"] == []
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.0.0.1.",
        "localhost",
        "a.localhost",
        "kubernetes.default.svc.cluster.local",
        "metadata.goog",
        "[fd20:ce::254]",
    ],
)
def test_what_a_proxy_would_resolve_is_refused_by_how_it_is_written(host):
    with pytest.raises(EgressRefused):
        CLOSED.check_host(host, 443)


@pytest.mark.parametrize("host", ["1.2.3.4.5", "256.1", "4294967296", "08.1", "dead.beef", "1.a"])
def test_a_host_that_is_no_address_is_a_name(host):
    assert as_address(host) is None


@pytest.mark.parametrize("name", ["slack", "webhook"])
async def test_a_proxy_that_is_allowed_opens_no_address_that_is_closed(receiver, name):
    open_proxy = EgressPolicy(allow=("127.0.0.0/8",), deny=("inside.example.com",))
    config = NotifierConfig(
        egress=open_proxy, channel="c", address="http://inside.example.com/x", proxy=receiver.url
    )
    with pytest.raises(NotDelivered, match="--egress-deny"):
        await NOTIFIERS.load(name)(config).send(an_alert())
    assert receiver.requests == []


async def test_a_canary_cannot_make_the_controller_call_its_own_machine(world: World):
    """The attack: a tenant points a hook and an alert at services that listen on loopback."""
    async with receiving() as inside, world.running_controller(egress_allow=()):
        inside.answers(Answer(body=b"the answer of something inside"))
        await world.api.create(provider("ours", inside.url), PROVIDER)
        await run(
            world,
            alerts=[alert("ours", "info")],
            webhooks=[{"type": "pre-rollout", "name": "probe", "url": inside.url}],
        )
        assert (await world.status())["phase"] == "Failed"
        (ended,) = (await world.status())["history"]
        assert "127.0.0.1 is a loopback address" in ended["message"]
        assert inside.requests == []

"""S1: a Secret is sent only where it says itself, and of it only the keys that are named."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import pytest

from canary.api.annotations import SEND_TO
from canary.api.kinds import SECRET, Manifest
from canary.controller.secrets import SENDABLE_TYPES, SecretContent
from canary.errors import InvalidSpec
from tests.controller.running import DEMO, World
from tests.controller.test_notify import PROVIDER, alert, provider, run
from tests.receiver import Receiver

VALUES = {"token": "t0ken-of-hooks", "X-Key": "k3y-of-hooks", "password": "passw0rd-of-others"}


def a_secret(*send_to: str, type_: str = "Opaque") -> SecretContent:
    return SecretContent(name="hooks", type=type_, send_to=send_to, values=VALUES)


@pytest.mark.parametrize(
    ("named", "address"),
    [
        ("https://hooks.example.com", "https://hooks.example.com/run?id=1"),
        ("https://hooks.example.com", "https://HOOKS.example.com:443/"),
        ("https://hooks.example.com:8443", "https://hooks.example.com:8443/"),
        ("hooks.example.com", "https://hooks.example.com/"),
        ("http://hooks.example.com", "http://hooks.example.com:80/x"),
        ("https://[fd00::1]:8443", "https://[fd00::1]:8443/x"),
    ],
)
def test_an_address_that_the_secret_names_is_sent_the_keys_that_are_named(named, address):
    assert a_secret(named).pick_for(address, ["token"]) == {"token": "t0ken-of-hooks"}


@pytest.mark.parametrize(
    ("named", "address"),
    [
        ((), "https://hooks.example.com/"),
        (("https://hooks.example.com",), "http://hooks.example.com/"),
        (("hooks.example.com",), "http://hooks.example.com/"),
        (("https://hooks.example.com",), "https://hooks.example.com:8443/"),
        (("https://hooks.example.com",), "https://hooks.example.com.attacker.example/"),
        (("https://hooks.example.com",), "https://hooks.example.com@attacker.example/"),
        (("https://hooks.example.com",), "https://attacker.example/https://hooks.example.com"),
        (("*",), "https://hooks.example.com/"),
        (("https://",), "https://hooks.example.com/"),
        (("https://hooks.example.com",), ""),
    ],
)
def test_any_other_address_is_sent_nothing_and_told_what_to_annotate(named, address):
    with pytest.raises(InvalidSpec, match=SEND_TO) as refused:
        a_secret(*named).pick_for(address, ["token"])
    assert not any(value in str(refused.value) for value in VALUES.values())


@pytest.mark.parametrize(
    "type_", ["kubernetes.io/service-account-token", "kubernetes.io/dockerconfigjson", "helm.sh/v1"]
)
def test_a_secret_of_another_type_never_leaves(type_):
    secret = a_secret("https://hooks.example.com", type_=type_)
    with pytest.raises(InvalidSpec, match="never sent"):
        secret.pick_for("https://hooks.example.com", ["token"])


@pytest.mark.parametrize("type_", SENDABLE_TYPES)
def test_a_key_that_is_named_and_missing_is_told(type_):
    secret = a_secret("https://hooks.example.com", type_=type_)
    with pytest.raises(InvalidSpec, match="add the key absent"):
        secret.pick_for("https://hooks.example.com", ["token", "absent"])


def test_a_secret_never_shows_its_values():
    assert not any(value in repr(a_secret()) for value in VALUES.values())


# ----------------------------------------------------------------------------------- the attacks


def manifest(name: str, values: Mapping[str, str], **annotations: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": DEMO, "annotations": annotations},
        "data": {key: b64encode(value.encode()).decode() for key, value in values.items()},
    }


def everything_sent(receiver: Receiver) -> str:
    return "".join(f"{each.headers}{each.body!r}" for each in receiver.requests)


async def test_a_hook_cannot_carry_off_a_secret_that_does_not_name_it(
    world: World, receiver: Receiver
):
    """The attack: who may write Canaries names any Secret of the namespace, and an own address."""
    await world.api.create(manifest("database", VALUES), SECRET)
    reference = {"name": "database", "keys": ["token", "X-Key", "password"]}
    hook = {"type": "pre-rollout", "name": "mine", "url": receiver.url, "secretRef": reference}
    async with world.running_controller():
        await world.create_app()
        await world.create_canary(analysis={"webhooks": [hook]})
        await world.until_phase("Initialized")
        await world.release()
        held = await world.until_condition("Stalled", "True")
        assert f"{SEND_TO}: {receiver.url}" in held
        assert (await world.status())["phase"] == "Initialized"
        assert receiver.requests == []


async def test_a_hook_is_sent_the_keys_it_names_of_a_secret_that_names_it(
    world: World, receiver: Receiver
):
    await world.api.create(
        manifest("hooks", VALUES, **{SEND_TO: f"https://other.example, {receiver.url}"}), SECRET
    )
    reference: dict[str, Any] = {"name": "hooks", "keys": ["token", "X-Key"]}
    hook = {"type": "pre-rollout", "name": "ours", "url": receiver.url, "secretRef": reference}
    async with world.running_controller():
        await run(world, webhooks=[hook])
        assert (await world.status())["phase"] == "Succeeded"
        sent = receiver.requests[0].headers
        assert (sent["Authorization"], sent["X-Key"]) == ("Bearer t0ken-of-hooks", "k3y-of-hooks")
        assert "passw0rd" not in everything_sent(receiver)


@pytest.mark.parametrize(
    ("type_", "holds"),
    [
        ("slack", {"token": "xoxb-of-others"}),
        ("slack", {"token": "xoxb-of-others", "address": "\n"}),
        ("webhook", {"hmac": "k3y-of-others"}),
    ],
    ids=["a token", "a token and a blank address", "a key that signs"],
)
async def test_a_chat_s_token_is_not_sent_to_an_address_that_its_secret_does_not_name(
    world: World, receiver: Receiver, type_: str, holds: Mapping[str, str]
):
    """The attack: an AlertProvider names somebody's bot or key, and an address of its own."""
    await world.api.create(manifest("bot", holds), SECRET)
    await world.api.create(
        provider("mine", receiver.url, secretRef={"name": "bot"}, type=type_, channel="c"),
        PROVIDER,
    )
    async with world.running_controller():
        await run(world, alerts=[alert("mine", "info")])
        assert (await world.status())["phase"] == "Succeeded"
        assert receiver.requests == []


async def test_a_chat_s_token_is_sent_to_the_address_that_its_secret_names_or_holds(
    world: World, receiver: Receiver
):
    named = manifest("named", {"token": "xoxb-named"}, **{SEND_TO: receiver.url})
    await world.api.create(named, SECRET)
    both = manifest("both", {"token": "xoxb-both", "address": f"{receiver.url}/wins"})
    await world.api.create(both, SECRET)
    for name in ("named", "both"):
        await world.api.create(
            provider(name, f"{receiver.url}/field", secretRef={"name": name}), PROVIDER
        )
    async with world.running_controller():
        await run(world, alerts=[alert("named", "info"), alert("both", "info")])
        await receiver.received(4)
        sent = {(each.path, each.headers["Authorization"]) for each in receiver.requests}
        assert sent == {("/field", "Bearer xoxb-named"), ("/wins", "Bearer xoxb-both")}

"""S13: how a cluster is reached is said by the administrator's files; what a tenant's Secret holds runs nothing."""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.errors import AnalysisError
from analysis.model import Credentials
from canary.api.annotations import SEND_TO
from canary.api.kinds import SECRET
from canary.api.resources import KINDS
from canary.api.schema import spec_schema
from canary.cluster.credentials import load_credentials
from canary.controller.templates import metric_template_kind
from canary.errors import CanaryError
from tests.analysis.providers.test_compliance import asked_itself
from tests.analysis.servers import FakeServer
from tests.case import provider_cases
from tests.controller.running import DEMO, World
from tests.controller.test_notify import PROVIDER, alert, provider
from tests.receiver import Receiver

ENVIRONMENT = {"GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES": "1"}
"""The strangest environment: the library would run it where the account's type is accepted."""


def hostile(marker: Path) -> Mapping[str, str]:
    """Credentials, by the tool that reads them, each of which runs a command where it is used so."""
    command = ["/usr/bin/touch", str(marker)]
    exec_ = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": command[0],
        "args": command[1:],
        "interactiveMode": "Never",
    }
    return {
        # On one line, so that a header can carry it; JSON is YAML too.
        "a kubeconfig": json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "mine",
                "clusters": [{"name": "mine", "cluster": {"server": "http://127.0.0.1:9"}}],
                "contexts": [{"name": "mine", "context": {"cluster": "mine", "user": "mine"}}],
                "users": [{"name": "mine", "user": {"exec": exec_}}],
            }
        ),
        "an external account of Google": json.dumps(
            {
                "type": "external_account",
                "audience": "//iam.googleapis.com/x",
                "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
                "token_url": "http://127.0.0.1:9/token",
                "credential_source": {
                    "executable": {"command": " ".join(command), "timeout_millis": 5000}
                },
            }
        ),
        "a profile of AWS": f"[default]\ncredential_process = {' '.join(command)}\n",
    }


TOOLS = tuple(hostile(Path("/nowhere")))


def with_in_place(sound: Credentials, text: str) -> Iterator[Credentials]:
    """Give credentials with a text in the place of each value, the others as they should be."""
    yield Credentials(token=text, others=sound.others)
    yield Credentials(username=text, password=text, others=sound.others)
    for key, _ in sound.others:
        others = tuple((each, text if each == key else value) for each, value in sound.others)
        yield replace(sound, others=others)


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("name", provider_cases())
async def test_no_provider_runs_what_its_credentials_say(
    name: str, tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for variable, value in ENVIRONMENT.items():
        monkeypatch.setenv(variable, value)
    case, marker = provider_cases()[name], tmp_path / "run"
    text = hostile(marker)[tool]
    server = FakeServer(case.five)
    await server.start()
    try:
        spec = case.spec(server.address)
        for credentials in with_in_place(spec.credentials, text):
            # What it cannot use it refuses, as it is made or as it asks.
            with suppress(AnalysisError):
                await asked_itself(replace(spec, credentials=credentials), case.query)
    finally:
        await server.stop()
    assert not marker.exists()


@pytest.mark.parametrize("tool", TOOLS)
async def test_no_secret_that_a_canary_names_is_run(
    world: World, receiver: Receiver, tmp_path: Path, tool: str
):
    """The attack: a Secret that would run a command, wherever a resource can name one."""
    marker = tmp_path / "run"
    data = b64encode(hostile(marker)[tool].encode()).decode()
    keys = ("token", "kubeconfig", "config", "value", "credentials.json")
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "mine", "namespace": DEMO, "annotations": {SEND_TO: receiver.url}},
        "data": dict.fromkeys(keys, data),
    }
    await world.api.create(secret, SECRET)
    reference = {"secretRef": {"name": "mine"}}
    template = {
        "apiVersion": "tidegate.dev/v1beta1",
        "kind": "MetricTemplate",
        "metadata": {"name": "mine", "namespace": DEMO},
        "spec": {
            "provider": {"type": "prometheus", "address": receiver.url, **reference},
            "query": "up",
        },
    }
    await world.api.create(template, metric_template_kind("tidegate.dev"))
    await world.api.create(provider("mine", receiver.url, **reference), PROVIDER)
    hook = {"name": "gate", "type": "pre-rollout", "url": receiver.url, **reference}
    metric = {
        "name": "mine",
        "templateRef": {"name": "mine"},
        "thresholdRange": {"max": 1},
        "onError": "fail",
    }
    async with world.running_controller():
        await world.create_app()
        await world.create_canary(
            analysis={"webhooks": [hook], "metrics": [metric], "alerts": [alert("mine", "info")]}
        )
        await world.until_phase("Initialized")
        await world.release()
        await world.until_condition("Stalled", "True")
    assert not marker.exists()


def test_what_is_tried_does_run_a_command_where_it_is_read_as_what_it_is(tmp_path: Path):
    file, marker = tmp_path / "kubeconfig", tmp_path / "run"
    file.write_text(hostile(marker)["a kubeconfig"])
    with suppress(CanaryError):
        load_credentials(str(file), None)
    assert marker.exists()


@pytest.mark.parametrize("kind", [each.name for each in KINDS])
def test_no_field_of_a_resource_says_how_a_cluster_is_reached(kind: str):
    found = [each for each in properties(spec_schema(kind)) if "kubeconfig" in each.lower()]
    assert found == []


def properties(node: object) -> Iterator[str]:
    if isinstance(node, Mapping):
        yield from node.get("properties") or ()
        for each in node.values():
            yield from properties(each)
    elif isinstance(node, list):
        for each in node:
            yield from properties(each)

"""What a command says when it could not: one sentence for somebody who was just woken."""

import asyncio
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest
import yaml

from canary.api.meta import GROUP, PEER_GROUP
from canary.cli.connection import Place
from canary.cli.finding import _hint
from canary.cli.orphans import NAMESPACE
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from canary.demo import manifests
from tests.certificates import server_context
from tests.cli.conftest import CANARY
from tests.cli.running import tidegate
from tests.controller.faults import answer, hang, proxied
from tests.controller.faults import kubeconfig as write_kubeconfig
from tests.controller.running import until
from tidegate_embedded.apiserver import EmbeddedApiServer


def placed(path: Path, server: EmbeddedApiServer, namespace: str = "") -> str:
    """Write a kubeconfig with two contexts, of which `prod` is the current one."""
    write_kubeconfig(path, server.url)
    document = yaml.safe_load(path.read_text())
    (first,) = document["contexts"]
    context = first["context"] | ({"namespace": namespace} if namespace else {})
    document["contexts"] = [{"name": name, "context": context} for name in ("prod", "staging")]
    document["current-context"] = "prod"
    path.write_text(yaml.safe_dump(document))
    return str(path)


async def said(*arguments: str) -> tuple[int, str]:
    """Run a command that fails; give its exit code and the one sentence it says."""
    code, output = await tidegate(*arguments)
    (line,) = output.splitlines()
    assert line.startswith("Error: ")
    return code, line.removeprefix("Error: ")


async def test_a_canary_is_looked_for_in_the_namespace_of_the_context(
    cluster: Cluster, server: EmbeddedApiServer, tmp_path: Path
) -> None:
    kind = canary_kind(GROUP)
    await cluster.create(manifests.namespace("shop"), NAMESPACE)
    shop = CANARY | {"metadata": {"name": "cart", "namespace": "shop"}}
    await cluster.create(shop, kind)
    config = placed(tmp_path / "config", server, "shop")
    for arguments in (["cart"], ["canary/cart"], ["shop/cart"], ["cart", "-n", "shop"]):
        code, output = await tidegate("status", *arguments, "--kubeconfig", config)
        assert (code, output.split()[0]) == (0, "shop/cart"), output
    for arguments in (["default/podinfo"], ["podinfo", "--namespace", "default"]):
        code, output = await tidegate("status", *arguments, "--kubeconfig", config)
        assert (code, output.split()[0]) == (0, "default/podinfo"), output
    code, sentence = await said("pause", "cart", "--kubeconfig", config, "--timeout", "1s")
    assert (code, "cart -n shop" in sentence) == (6, True), sentence


async def test_two_namespaces_for_one_canary_are_wrong_usage(kubeconfig: Path) -> None:
    code, output = await tidegate("status", "shop/cart", "-n", "default")
    assert (code, "shop/cart is not in the namespace of --namespace default" in output) == (2, True)


@pytest.mark.parametrize("written", ["", "shop/", "/cart", "a/b/c", "shop/..", "Cart", "x?y=z"])
async def test_what_is_no_name_asks_for_nothing(written: str) -> None:
    code, output = await tidegate("status", written)
    assert (code, "is not a valid name; write NAME or NAMESPACE/NAME" in output) == (2, True)


@pytest.mark.parametrize(
    ("name", "namespace", "found", "hint"),
    [
        (
            "cart",
            "shop",
            {("eu", "cart"), ("us", "cart")},
            "it is in namespaces eu, us: pick one with -n",
        ),
        ("cart", "shop", {("shop", "carts"), ("eu", "x")}, "did you mean carts?"),
        ("cart", "shop", {("eu", "carts"), ("shop", "x")}, "did you mean eu/carts?"),
        ("cart", "shop", {("shop", "x"), ("shop", "y")}, "that namespace has x, y"),
        ("cart", "shop", {("eu", "x")}, "that namespace has no Canary"),
        ("cart", "shop", set(), ""),
        (
            "cart",
            "shop",
            {("shop", f"x{number}") for number in range(8)},
            "that namespace has x0, x1, x2, x3, x4 and 3 more",
        ),
    ],
)
def test_who_names_no_canary_is_told_which_is_meant(name, namespace, found, hint):
    assert _hint(Place(namespace=namespace, name=name, group=GROUP), found) == hint


async def test_a_canary_that_is_not_there_is_told_with_where_it_is(
    cluster: Cluster, server: EmbeddedApiServer, tmp_path: Path
) -> None:
    config = placed(tmp_path / "config", server, "shop")
    for command in ("status", "approve", "metrics"):
        assert await said(command, "podinfo", "--kubeconfig", config) == (
            1,
            "there is no Canary podinfo in namespace shop; it is in namespace default: add -n default",
        )
    assert await said("status", "podnfo", "-n", "default", "--kubeconfig", config) == (
        1,
        "there is no Canary podnfo in namespace default; did you mean podinfo?",
    )


async def test_a_cluster_without_canaries_says_what_to_do(
    server: EmbeddedApiServer, tmp_path: Path
) -> None:
    config = placed(tmp_path / "config", server)
    assert await said("status", "podinfo", "--kubeconfig", config) == (
        1,
        (
            "the cluster does not serve canaries.tidegate.dev: install tidegate, or choose "
            "another cluster with --context (this is prod)"
        ),
    )


async def test_a_cluster_of_the_other_group_says_how_to_name_it(
    cluster: Cluster, kubeconfig: Path
) -> None:
    code, sentence = await said(
        "status", "podinfo", "--kubeconfig", str(kubeconfig), "--api-group", PEER_GROUP
    )
    assert (code, "choose the other group with --api-group tidegate.dev" in sentence) == (1, True)


async def test_a_context_that_is_not_there_is_told_with_those_that_are(
    server: EmbeddedApiServer, tmp_path: Path
) -> None:
    config = placed(tmp_path / "config", server)
    assert await said("status", "podinfo", "--kubeconfig", config, "--context", "nope") == (
        1,
        "--context: the kubeconfig has no context 'nope'; it has prod, staging",
    )


async def test_a_kubeconfig_without_a_current_context_asks_for_one(
    server: EmbeddedApiServer, tmp_path: Path
) -> None:
    path = tmp_path / "config"
    placed(path, server, "shop")
    document = yaml.safe_load(path.read_text())
    del document["current-context"]
    path.write_text(yaml.safe_dump(document))
    code, sentence = await said("status", "podinfo", "--kubeconfig", str(path))
    assert (code, "choose one with --context (it has prod, staging)" in sentence) == (1, True)
    code, sentence = await said("status", "x", "--kubeconfig", str(path), "--context", "prod")
    assert sentence.startswith("the cluster does not serve canaries.tidegate.dev")


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (
            401,
            (
                "the API server at {url} does not accept your credentials (context test): log in "
                "again, or choose other ones with --context"
            ),
        ),
        (403, "no (context test): ask an admin for this permission"),
        (
            503,
            (
                "the API server at {url} answers 503: no (context test); try again later, or "
                "choose another cluster with --context"
            ),
        ),
    ],
)
@pytest.mark.parametrize("command", ["status", "metrics", "abort", "orphans"])
async def test_what_the_api_server_refuses_is_one_sentence_with_a_remedy(
    server: EmbeddedApiServer, tmp_path: Path, status: int, sentence: str, command: str
) -> None:
    async with proxied(server.url) as proxy:
        proxy.meet("GET", *[answer(status, {"message": "no"})] * 9)
        path = write_kubeconfig(tmp_path / "config", proxy.url)
        name = () if command == "orphans" else ("podinfo",)
        assert await said(command, *name, "--kubeconfig", str(path)) == (
            1,
            sentence.format(url=proxy.url),
        )


async def test_a_server_that_is_not_trusted_is_told_by_its_certificate(tmp_path: Path) -> None:
    async with proxied("http://127.0.0.1:9", tls=server_context()) as proxy:
        path = write_kubeconfig(tmp_path / "config", proxy.url)
        code, sentence = await said("status", "podinfo", "--kubeconfig", str(path))
    at = proxy.url.removeprefix("https://")
    assert (code, sentence.partition(": ")[0]) == (1, f"the certificate of {at} is not trusted")
    assert "(context test)" in sentence


async def test_an_unknown_command_is_told_with_the_nearest_one() -> None:
    code, output = await tidegate("statsu")
    assert (code, "No such command 'statsu'. Did you mean 'status'?" in output) == (2, True)


async def test_what_a_machine_refuses_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    below = tmp_path / "taken" / "below"
    assert await said("crds", "--write", str(below)) == (1, f"{below}: Not a directory")


@pytest.mark.delivery
def test_a_command_whose_dependencies_are_not_installed_says_how_they_are() -> None:
    program = (
        "import sys; sys.modules['jsonpatch'] = None\n"
        "from canary.cli import main; main(['demo'], prog_name='tidegate')"
    )
    ran = subprocess.run(
        (sys.executable, "-c", program), capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (
        1,
        (
            "Error: jsonpatch is not installed, and tidegate demo needs it; install it with: "
            "pip install 'tidegate[demo]'\n"
        ),
    )


@pytest.mark.delivery
@pytest.mark.usefixtures("interruptible")
async def test_ctrl_c_has_an_exit_code_of_its_own(
    server: EmbeddedApiServer, tmp_path: Path
) -> None:
    async with proxied(server.url) as proxy, asyncio.timeout(60):
        proxy.meet("GET", hang)
        path = write_kubeconfig(tmp_path / "config", proxy.url)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "canary", "status", "podinfo", "--kubeconfig", str(path)),
            stdout=PIPE,
            stderr=STDOUT,
        )
        await until(lambda: proxy.requests, "the API server is asked")
        process.send_signal(signal.SIGINT)
        output, _ = await process.communicate()
    assert (process.returncode, output) == (130, b"")

"""`tidegate list`, `get -o`, `explain`, `history`: against an API server, over HTTP."""

import asyncio
import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from aiohttp import web

from canary.api.meta import GROUP
from canary.cli.orphans import NAMESPACE
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from canary.demo import manifests
from canary.views.canary import view_schema
from tests.cli.running import tidegate
from tests.controller.faults import Proxy, answer, proxied
from tests.controller.faults import kubeconfig as write_kubeconfig
from tests.views.fleet import MANIFESTS
from tidegate_embedded.apiserver import EmbeddedApiServer

CANARY = canary_kind(GROUP)


@pytest.fixture
async def fleet(cluster: Cluster, kubeconfig: Path) -> tuple[str, str]:
    """Have all Canaries of the fleet in the namespace `web`; give how the cluster is reached."""
    await cluster.create(manifests.namespace("web"), NAMESPACE)
    for each in MANIFESTS:
        await cluster.create({**each, "metadata": each["metadata"] | {"uid": ""}}, CANARY)
        await cluster.merge_patch(
            *(CANARY, "web", each["metadata"]["name"], {"status": each["status"]}),
            subresource="status",
        )
    return ("--kubeconfig", str(kubeconfig))


async def names(*arguments: str) -> list[str]:
    code, output = await tidegate("list", "-o", "name", *arguments)
    assert code == 0, output
    return [line.removeprefix("canary.tidegate.dev/") for line in output.splitlines()]


async def test_a_list_is_a_row_for_each_canary_of_the_namespace(fleet):
    code, output = await tidegate("list", "-n", "web", *fleet)
    lines = output.splitlines()
    assert (code, lines[0].split()[:3]) == (0, ["NAME", "PHASE", "WEIGHT"])
    assert [line.split()[0] for line in lines[1:]] == [
        each["metadata"]["name"] for each in MANIFESTS
    ]
    assert "PromotionGate: the confirm-promotion gate waits for a person" in lines[1]


async def test_the_namespace_is_the_contexts_and_all_of_them_with_a_flag(fleet):
    assert await names(*fleet) == ["podinfo"]
    assert await names("-A", *fleet) == [
        "podinfo",
        *(each["metadata"]["name"] for each in MANIFESTS),
    ]
    code, output = await tidegate("list", "-A", "-n", "web", *fleet)
    assert (code, "choose one of --namespace and --all-namespaces" in output) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (("--held",), ["cart", "paused"]),
        (("--phase", "failed", "--phase", "New"), ["catalogue", "search"]),
        (("-l", "app=shop"), ["shop"]),
        (("--sort", "attention", "--failing"), ["search", "invalid", "shop"]),
    ],
)
async def test_a_list_is_filtered_and_sorted(fleet, arguments, found):
    assert await names("-n", "web", *arguments, *fleet) == found


async def test_a_list_for_programs_is_one_document_of_views(fleet):
    code, output = await tidegate("list", "-n", "web", "-o", "json", *fleet)
    document = json.loads(output)
    assert (code, document["kind"], len(document["items"])) == (0, "CanaryViewList", len(MANIFESTS))
    for each in document["items"]:
        jsonschema.validate(each, view_schema())
    _, output = await tidegate("list", "-n", "web", "-o", "yaml", *fleet)
    assert yaml.safe_load(output) == document


async def test_an_explanation_for_programs_has_its_sentences_and_commands(fleet):
    code, output = await tidegate("explain", "web/cart", "-o", "json", *fleet)
    document = json.loads(output)
    assert (code, document["name"], document["attention"]) == (0, "cart", "gate")
    assert document["sentences"][0].startswith("cart is ")
    assert document["commands"][0] == {
        "command": "tidegate approve cart -n web",
        "does": "open the gate",
        "may": True,
        "lacks": "",
    }


async def test_what_a_person_may_want_next_is_named_on_standard_error(fleet):
    code, output = await tidegate("get", "web/cart", *fleet)
    assert code == 0
    assert "steps  10 % ✔  20 % ✔  30 % ✔  40 % ✔  50 % held  promote" in output.splitlines()
    assert output.splitlines()[-3:] == [
        "next: tidegate explain cart -n web",
        "next: tidegate approve cart -n web",
        "next: tidegate reject cart -n web",
    ]
    _, quiet = await tidegate("get", "web/cart", "-q", *fleet)
    assert "next: tidegate" not in quiet


async def test_where_there_is_none_that_is_said(fleet):
    code, output = await tidegate("list", "-l", "app=none", *fleet)
    everywhere = "tidegate list -A shows all namespaces.\n"
    assert (code, output) == (0, f"No Canary matches in namespace default; {everywhere}")
    there = await tidegate("list", "-n", "empty", *fleet)
    assert there == (0, f"There is no Canary in namespace empty; {everywhere}")
    code, output = await tidegate("list", "-A", "--phase", "finalising", *fleet)
    assert (code, output) == (0, "No Canary matches in any namespace.\n")


async def test_a_canary_for_programs_is_its_view(fleet):
    for command in ("get", "status"):
        code, output = await tidegate(command, "web/shop", "-o", "json", *fleet)
        document = json.loads(output)
        jsonschema.validate(document, view_schema())
        assert (code, document["name"], document["weights"]["asked"]) == (0, "shop", 20)
    _, output = await tidegate("get", "web/shop", "-o", "yaml", *fleet)
    assert yaml.safe_load(output) == document
    code, output = await tidegate("get", "web/shop", "-w", "-o", "yaml", *fleet)
    assert (code, "--watch writes no YAML; choose -o json" in output) == (2, True)


async def test_an_explanation_ends_with_the_commands_that_change_it(fleet):
    code, output = await tidegate("explain", "web/cart", *fleet)
    assert code == 0, output
    assert "for PromotionGate: the confirm-promotion gate waits for a person" in output
    assert "  tidegate approve cart -n web  # open the gate; you may\n" in output
    assert "no controller is running" in output


async def test_an_explanation_says_which_commands_its_reader_may_not_give(
    fleet: tuple[str, str], server: EmbeddedApiServer, tmp_path: Path
) -> None:
    rule = {"apiGroups": [GROUP], "resources": ["canaries"], "verbs": ["patch", "approve"]}
    refused = "you may not: it takes the verb reject on canaries in web"
    async with proxied(server.url) as proxy:
        there = ("--kubeconfig", str(write_kubeconfig(tmp_path / "proxied", proxy.url)))
        rules = {"incomplete": False, "resourceRules": [rule]}
        told = answer(201, {"kind": "SelfSubjectRulesReview", "status": rules})
        proxy.meet("POST .*selfsubjectrulesreviews", told)
        _, output = await tidegate("explain", "web/cart", *there)
        assert "  tidegate approve cart -n web  # open the gate; you may\n" in output
        assert f"# refuse at the gate; the run is rolled back; {refused}\n" in output


async def test_who_is_not_told_their_rights_is_told_the_commands(
    fleet: tuple[str, str], server: EmbeddedApiServer, tmp_path: Path
) -> None:
    async with proxied(server.url) as proxy:
        there = ("--kubeconfig", str(write_kubeconfig(tmp_path / "proxied", proxy.url)))
        proxy.meet("POST .*selfsubjectrulesreviews", answer(403), always=True)
        code, output = await tidegate("explain", "web/cart", *there)
        assert code == 0
        assert "  tidegate approve cart -n web  # open the gate\n" in output


async def test_the_history_tells_how_runs_ended(fleet):
    code, output = await tidegate("history", "web/search", *fleet)
    assert code == 0, output
    assert re.search(r"1-new +RolledBack +12m +search:6.0 → search:6.1", output)
    assert "request-success-rate 97.1 % is below 99 %, third failure of 3" in output
    code, output = await tidegate("history", "web/search", "-o", "json", *fleet)
    assert [each["outcome"] for each in json.loads(output)["history"]] == ["RolledBack"]
    code, output = await tidegate("history", "web/search", "-o", "wide", *fleet)
    names, run = output.splitlines()
    assert names.split()[:3] == ["BEGAN", "ENDED", "REVISION"]
    assert "ChecksFailed" in run
    assert run.endswith("request-success-rate 97.1 % is below 99 %, third failure of 3")
    code, output = await tidegate("history", "web/ticker", *fleet)
    assert (code, output) == (0, "web/ticker has no past run.\n")


async def test_the_first_page_is_shown_before_the_second_is_asked_for(
    cluster: Cluster, server: EmbeddedApiServer, tmp_path: Path
) -> None:
    """A page holds 100: of 130 Canaries the first rows are out although the rest fails.

    Before a page, what is served and who acts are asked for at once: a cluster may be far away.
    """
    asked: set[str] = set()
    together = asyncio.Event()

    async def with_the_others(proxy: Proxy, request: web.Request) -> web.StreamResponse:
        asked.add(request.path)
        if len(asked) == 3:
            together.set()
        await together.wait()
        return await proxy.forward(request)

    for number in range(130):
        await cluster.create(
            {
                "apiVersion": f"{GROUP}/v1beta1",
                "kind": "Canary",
                "metadata": {"name": f"shop-{number:03}", "namespace": "default"},
                "spec": MANIFESTS[0]["spec"],
            },
            CANARY,
        )
    async with proxied(server.url) as proxy:
        proxy.meet("continue=", answer(503), always=True)
        for each in ("GET /apis/[a-z.]+/v1beta1$", "GET .*/leases"):
            proxy.meet(each, with_the_others, always=True)
        path = write_kubeconfig(tmp_path / "config", proxy.url)
        code, output = await tidegate("list", "--kubeconfig", str(path))
        assert ["canaries?" in each for each in proxy.requests[:5]] == [False] * 3 + [True] * 2
    rows = [line for line in output.splitlines() if line.startswith("shop-")]
    assert (code, len(rows)) == (1, 99), output[-300:]


async def test_a_cluster_without_tidegate_is_told_with_the_remedy(
    server: EmbeddedApiServer, kubeconfig: Path
) -> None:
    code, output = await tidegate("list", "--kubeconfig", str(kubeconfig))
    assert (code, len(output.splitlines())) == (1, 1)
    assert (
        "does not serve canaries.tidegate.dev nor canaries.flagger.app: install tidegate" in output
    )

"""The commands, as a person runs them: processes against a cluster over HTTP."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analysis.model import Bounds
from canary.api.meta import GROUP
from canary.cli.chart import Drawn, draw, save_png
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from tests.cli.conftest import TEMPLATES
from tests.controller.faults import kubeconfig as write_kubeconfig
from tidegate_embedded.apiserver import EmbeddedApiServer


async def tidegate(*arguments: str) -> tuple[int | None, str]:
    """Run a command; give its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "canary",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_status_says_where_a_canary_is(cluster: Cluster, kubeconfig: Path) -> None:
    status = {
        "phase": "Progressing",
        "canaryWeight": 20,
        "weights": {"primary": 80, "canary": 20},
        "waitingFor": {
            "reason": "TrafficGate",
            "message": "qa is to approve",
            "since": "2026-01-01T00:00:00Z",
        },
    }
    await cluster.merge_patch(
        canary_kind(GROUP), "default", "podinfo", {"status": status}, subresource="status"
    )

    code, output = await tidegate("status", "podinfo", "--kubeconfig", str(kubeconfig))

    assert code == 0, output
    assert "Progressing" in output
    assert "primary 80 % / canary 20 %" in output
    assert "qa is to approve" in output


async def test_metrics_are_drawn_with_their_bounds_and_saved_as_a_picture(
    cluster: Cluster, kubeconfig: Path, prometheus: str, tmp_path: Path
) -> None:
    template = {
        "apiVersion": f"{GROUP}/v1beta1",
        "kind": "MetricTemplate",
        "metadata": {"name": "orders", "namespace": "default"},
        "spec": {
            "provider": {"type": "prometheus", "address": prometheus},
            "query": 'orders{app="{{ target }}"}',
        },
    }
    await cluster.create(template, TEMPLATES)
    picture = tmp_path / "metrics.png"

    code, output = await tidegate(
        "metrics",
        "podinfo",
        "--since",
        "30m",
        "--kubeconfig",
        str(kubeconfig),
        "--metrics-server",
        prometheus,
        "--png",
        str(picture),
    )

    assert code == 0, output
    assert "request-success-rate (%): 99 ≤ value" in output
    assert "orders: value ≤ 500" in output
    assert picture.read_bytes().startswith(b"\x89PNG")


async def test_a_canary_that_does_not_exist_is_one_clear_line(
    cluster: Cluster, kubeconfig: Path
) -> None:
    code, output = await tidegate("status", "nobody", "--kubeconfig", str(kubeconfig))

    assert code == 1
    assert "there is no Canary nobody in namespace default; that namespace has podinfo" in output
    assert "Traceback" not in output


@pytest.mark.delivery
async def test_no_kubeconfig_is_one_clear_line(tmp_path: Path) -> None:
    code, output = await tidegate("status", "x", "--kubeconfig", str(tmp_path / "none"))

    assert code == 1
    assert "--kubeconfig" in output
    assert "Traceback" not in output


@pytest.mark.delivery
async def test_run_offers_no_secret_as_a_flag() -> None:
    code, output = await tidegate("run", "--help")

    assert code == 0
    assert "--metrics-server" in output
    assert "--slack-token" not in output
    assert "--slack-url" not in output


def chart(bound: Bounds, *values: float, height: int = 4) -> list[str]:
    start = datetime(2026, 1, 1, 12, tzinfo=UTC)
    points = tuple((start + timedelta(minutes=each), value) for each, value in enumerate(values))
    return draw(Drawn(name="orders", unit="", bound=bound, points=points), height=height)


def test_a_chart_shows_values_bounds_and_times() -> None:
    assert chart(Bounds(max=4.0), 0, 1, 2, 3) == [
        "orders: value ≤ 4",
        "       3.6 ┤╌╌╌╌",
        "         2 ┤   ▅",
        "       0.4 ┤ ▃██",
        "      -1.2 ┤▆███",
        "           └ 12:00:00 … 12:03:00",
    ]


def test_a_chart_zooms_to_values_and_bound_and_draws_the_bound_through_the_values() -> None:
    lines = chart(Bounds(min=99.0), 99.9, 99.8, 98.9, 99.95, height=6)
    assert lines == [
        "orders: 99 ≤ value",
        "   99.8917 ┤   ▂",
        "   99.6583 ┤█▅ █",
        "    99.425 ┤██ █",
        "   99.1917 ┤██ █",
        "   98.9583 ┤╌╌╌╌",
        "    98.725 ┤██▆█",
        "           └ 12:00:00 … 12:03:00",
    ]


def test_no_name_of_a_metric_is_mathematics_in_a_picture(tmp_path: Path) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    metric = Drawn(name="$x_{", unit="$\\", bound=Bounds(max=4.0), points=((now, 1.0),))
    save_png([metric], tmp_path / "a.png", "$y^{")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("value", [0.0, 5.0, -5.0])
def test_a_chart_of_one_value_has_a_height(value: float) -> None:
    assert len(chart(Bounds(min=value), value)) == 6


async def test_where_no_metric_can_be_read_that_is_a_failure(
    cluster: Cluster, kubeconfig: Path
) -> None:
    code, output = await tidegate(
        "metrics",
        "podinfo",
        "--kubeconfig",
        str(kubeconfig),
        "--metrics-server",
        "http://127.0.0.1:9",
    )

    assert code == 1
    assert "no metric could be read" in output


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("--router", "there is no router 'nope'; name one of "),
        (
            "--metrics-provider",
            "there is no metric provider 'nope'; name one of ",
        ),
        ("--plugins", "there is no installed plug-in 'nope'; install the package that brings it"),
    ],
)
async def test_a_default_plugin_that_there_is_not_is_refused_with_the_known_ones(
    cluster: Cluster, kubeconfig: Path, flag: str, said: str
) -> None:
    code, output = await tidegate("run", flag, "nope", "--kubeconfig", str(kubeconfig))

    assert code == 1
    assert f"{flag}: {said}" in output
    assert "Traceback" not in output


@pytest.mark.delivery
@pytest.mark.parametrize("router", ["appmesh", "appmesh:v1beta2"])
async def test_a_default_router_that_has_ended_is_refused_with_its_end_and_the_way_out(
    router: str,
) -> None:
    code, output = await tidegate("run", "--router", router)

    assert code == 1
    assert (
        "--router: AWS ended App Mesh on 30 September 2026: move to istio, or to gatewayapi; there is "
        "no router 'appmesh'; name one of "
    ) in output


@pytest.mark.delivery
@pytest.mark.parametrize("command", [["orphans"], ["metrics", "podinfo"]], ids=" ".join)
async def test_a_command_that_reads_canaries_takes_the_plugins_of_the_controller(
    command: list[str],
) -> None:
    code, output = await tidegate(*command, "--plugins", "nope")

    assert code == 2
    assert "there is no installed plug-in 'nope'; install the package that brings it" in output


async def test_a_port_in_use_is_one_sentence(server: EmbeddedApiServer, kubeconfig: Path) -> None:
    taken = server.url.removeprefix("http://")
    code, output = await tidegate("run", "--listen", taken, "--kubeconfig", str(kubeconfig))

    assert code == 1
    assert f"Error: listen: {taken}: " in output
    assert "choose an address of this machine and a free port" in output
    assert "Traceback" not in output


@pytest.mark.usefixtures("server")
async def test_a_hub_without_credentials_is_named_as_the_hub(
    kubeconfig: Path, tmp_path: Path
) -> None:
    missing = str(tmp_path / "hub")
    where = ("--kubeconfig", str(kubeconfig), "--fleet-kubeconfig", missing)
    code, output = await tidegate("run", *where, "--cluster-name", "eu-1")
    assert code == 1
    assert output.startswith(f"Error: the hub of --fleet-kubeconfig {missing}: no credentials")


@pytest.mark.delivery
async def test_an_api_server_that_is_away_is_one_sentence(tmp_path: Path) -> None:
    away = write_kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:9")
    code, output = await tidegate("status", "podinfo", "--kubeconfig", str(away))

    assert code == 1
    assert output.startswith("Error: the API server at 127.0.0.1:9 refuses connections (context t")
    assert len(output.splitlines()) == 1

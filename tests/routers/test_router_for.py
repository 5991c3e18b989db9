"""Finding a router by the name of a provider."""

import ast
import subprocess
import sys

import pytest

from analysis.errors import UnknownPlugin
from canary.routers import ROUTERS, router_for
from canary.routers.gatewayapi import GatewayApiRouter
from canary.routers.istio import IstioRouter
from canary.routers.smi import SmiRouter

EVERY_NAME = f"name one of {', '.join(ROUTERS.names())}, or"


@pytest.mark.parametrize(
    ("provider", "router", "versions"),
    [
        ("istio", IstioRouter, ("v1", "v1beta1")),
        ("smi", SmiRouter, ("v1alpha4", "v1alpha3", "v1alpha2", "v1alpha1")),
        ("smi:v1alpha2", SmiRouter, ("v1alpha2",)),
        ("smi:v1alpha2:istio", SmiRouter, ("v1alpha2",)),
        ("linkerd", SmiRouter, ("v1alpha4", "v1alpha3", "v1alpha2", "v1alpha1")),
        ("gatewayapi", GatewayApiRouter, ("v1", "v1beta1")),
        ("gatewayapi:v1", GatewayApiRouter, ("v1",)),
    ],
)
def test_a_provider_names_a_router_and_perhaps_a_version(
    provider: str, router: type, versions: tuple[str, ...]
) -> None:
    found = router_for(provider)
    assert found.name == router("").name
    assert found.kinds[0].versions == versions


@pytest.mark.parametrize(
    ("provider", "known"),
    [
        ("isto", EVERY_NAME),
        ("istio+isto", EVERY_NAME),
        ("istio+", EVERY_NAME),
        ("", EVERY_NAME),
        ("smi:v2", "name one of smi, smi:v1alpha1, smi:v1alpha2, smi:v1alpha3, smi:v1alpha4, or"),
        ("smi:", "name one of smi, smi:v1alpha1, smi:v1alpha2, smi:v1alpha3, smi:v1alpha4, or"),
        ("istio:v1", "name one of istio, istio:subsets, or"),
        ("gatewayapi:v1:linkerd", "name one of gatewayapi, gatewayapi:v1, gatewayapi:v1beta1, or"),
    ],
)
def test_an_unknown_provider_is_an_error_that_lists_the_known_ones(
    provider: str, known: str
) -> None:
    with pytest.raises(UnknownPlugin) as error:
        router_for(provider)
    assert f"{known} install a plug-in" in str(error.value)


@pytest.mark.delivery
def test_no_router_is_imported_before_it_is_named_and_then_it_alone() -> None:
    modules = {ROUTERS.load(name).__module__ for name in ROUTERS.names()}
    program = (
        "import sys\n"
        "import canary.controller.controller\n"
        "from canary.routers import ROUTERS, router_for\n"
        f"loaded = lambda: print(sorted({modules!r} & sys.modules.keys()))\n"
        "[ROUTERS.check(name) for name in ROUTERS.names()]\n"
        "loaded()\n"
        "router_for('contour')\n"
        "loaded()\n"
        "router_for('traefik+istio')\n"
        "loaded()\n"
    )
    ran = subprocess.run(
        (sys.executable, "-c", program), capture_output=True, text=True, check=True
    )
    assert [ast.literal_eval(line) for line in ran.stdout.splitlines()] == [
        [],
        ["canary.routers.contour"],
        [f"canary.routers.{name}" for name in ("contour", "istio", "traefik")],
    ]

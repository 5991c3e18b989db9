"""What every test may ask for: golden files that can be rewritten; and which tests are slow."""

import gc
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import pytest
import pytest_asyncio
from hypothesis import is_hypothesis_test, seed

from analysis import plugins
from analysis.plugins import enable
from tests.sampling import register_profiles, samples

if TYPE_CHECKING:
    from tests.testbed.control_plane import ControlPlane

#: Fixtures that start a whole world, or a program for each question, such as a browser: what asks
#: for one is a story, and not part of `make check`.
WORLDS = frozenset(
    {"chat", "chromium", "kubeconfig", "linked", "mesh", "prometheus", "runtime", "target", "world"}
)
#: Where stories are told: the last two are real control planes, too, with others in Istio's place.
EMBEDDED, CONTROL_PLANE = "embedded", "control-plane"
CONTOUR, ENVOY_GATEWAY = "contour", "envoy-gateway"

register_profiles()


def world_of(config: pytest.Config) -> str:
    """Tell in which world stories are told."""
    return str(config.getoption("--world"))


def pytest_configure(config: pytest.Config) -> None:
    """Learn where cases are, and allow for what asyncio leaves behind of TLS.

    The embedded world does not speak TLS. Where a request is cancelled at the very moment at which
    its connection is made, asyncio forgets to close the connection, and a warning says so when it
    is collected.
    """
    enable(filter(None, config.getoption("installed").split(",")))
    if folders := config.getoption("--cases"):
        from tests import case

        case.folders.extend(map(Path, folders))
    if world_of(config) != EMBEDDED:
        for what in ("unclosed transport <_SelectorSocketTransport", "unclosed <socket"):
            config.addinivalue_line("filterwarnings", f"ignore:{what}:ResourceWarning")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage among the tests: there are many, and none is any before the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        control_plane = item.get_closest_marker("control_plane")
        if WORLDS & set(getattr(item, "fixturenames", ())) and not control_plane:
            item.add_marker(pytest.mark.story)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Give each row of a property its own examples, and the same ones every time, in the sample."""
    if samples() and isinstance(item, pytest.Function) and is_hypothesis_test(item.function):
        seed(crc32(item.nodeid.encode()))(item.function)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what is rendered now into the golden files, to be read as a diff",
    )
    parser.addoption(
        "--plugins",
        dest="installed",
        default="",
        metavar="NAME,…",
        help="plug-ins of installed packages that the compliance suites hold, too",
    )
    parser.addoption(
        "--cases",
        action="append",
        default=[],
        metavar="FOLDER",
        help="where the cases of plug-ins of installed packages are, as in tests/cases",
    )
    parser.addoption(
        "--world",
        choices=(EMBEDDED, CONTROL_PLANE, CONTOUR, ENVOY_GATEWAY),
        default=EMBEDDED,
        help="where stories are told: in the embedded world, or on a real control plane with "
        "Istio, Contour or Envoy Gateway",
    )


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def control_plane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator["ControlPlane"]:
    """Start the real control plane that a session of tests shares; `tests/delivery` has another."""
    # Few ask for one, and all others do without importing what it is made of.
    from tests.testbed.conftest import programs
    from tests.testbed.control_plane import ControlPlane
    from tests.testbed.users import DASHBOARD, PEOPLE, TIDEGATE

    logs = tmp_path_factory.mktemp("control-plane")
    async with ControlPlane(programs(), logs=logs, users=(TIDEGATE, DASHBOARD, *PEOPLE)) as plane:
        yield plane


@pytest.fixture
def all_on() -> Iterator[None]:
    """Have those plug-ins of ours found that are off by default."""
    names = {name for group in plugins.ASLEEP.values() for name in group}
    enable(names)
    yield
    plugins._enabled.difference_update(names)

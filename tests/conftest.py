"""What every test may ask for: golden files that can be rewritten; and which tests are slow."""

import pytest

#: Fixtures that start a whole world: what asks for one is a story, and not part of `make check`.
WORLDS = frozenset({"world", "mesh", "runtime"})


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        control_plane = item.get_closest_marker("control_plane")
        if WORLDS & set(getattr(item, "fixturenames", ())) and not control_plane:
            item.add_marker(pytest.mark.story)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what is rendered now into the golden files, to be read as a diff",
    )


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))

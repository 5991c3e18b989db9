"""Fixtures for the tests of the core."""

import pytest


@pytest.fixture(scope="session")
def update_docs(request: pytest.FixtureRequest) -> bool:
    # pytest knows the option only where the directory that adds it is on the command line.
    return bool(request.config.getoption("--update-golden", default=False))

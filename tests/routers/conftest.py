"""Schemas of other projects, read from their Go modules."""

from typing import Any

import pytest
import yaml

from tests.routers.published import PublishedSchemas
from tests.testbed.modules import module_files


@pytest.fixture(scope="session")
def published() -> PublishedSchemas:
    """Give the published CRDs; they are read from the Go module cache, or downloaded into it."""

    def read(module: str, path: str) -> str:
        return module_files(module, path)[path]

    return PublishedSchemas(read)


class GoldenDumper(yaml.SafeDumper):
    """YAML without anchors, so that each step reads by itself."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

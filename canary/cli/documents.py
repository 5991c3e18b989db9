"""Views as programs read them. In ASCII, so that what others wrote cannot steer a terminal."""

import json
from collections.abc import Iterator
from typing import Any

import yaml


def as_json(document: dict[str, Any]) -> Iterator[str]:
    """Write a document on one line."""
    yield json.dumps(document)


def as_yaml(document: dict[str, Any]) -> Iterator[str]:
    """Write a document in lines of YAML."""
    yield from yaml.safe_dump(document, sort_keys=False).splitlines()

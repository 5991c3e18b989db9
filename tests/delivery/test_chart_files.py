"""The chart's files that are made from tables: what each router reads and writes."""

from itertools import groupby
from typing import Any

import yaml

from canary.api.kinds import SERVICE
from canary.routers import ROUTERS, router_for
from tests.delivery.helm import CHART

#: The role has them for every router.
GIVEN = (SERVICE,)
FILE = CHART / "files" / "routers.yaml"
HEAD = """\
# What each router reads and writes. Made from the routers that there are:
# `.venv/bin/python -m pytest tests/delivery/test_chart_files.py --update-golden`
"""


def kinds_of(router: str) -> list[dict[str, Any]]:
    declared = (kind for kind in router_for(router).kinds if kind not in GIVEN)
    kinds = sorted((kind.group, kind.plural) for kind in declared)
    return [
        {"group": group, "resources": [plural for _, plural in found]}
        for group, found in groupby(kinds, key=lambda kind: kind[0])
    ]


def test_the_file_of_routers_is_what_the_routers_declare(update_golden: bool) -> None:
    written = HEAD + yaml.safe_dump({name: kinds_of(name) for name in ROUTERS.names()})
    if update_golden:
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(written)
    assert FILE.read_text() == written

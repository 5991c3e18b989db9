"""Plug-ins of all families do not know each other: taking one out breaks none.

Which plug-ins there are is read from the tables of the families, so that a new one is held to this
by its row.
"""

from functools import cache
from itertools import pairwise, permutations
from typing import Any

import grimp
import pytest

from analysis.judges import JUDGES
from analysis.plugins import PluginTable
from analysis.providers import PROVIDERS
from canary.notifiers import NOTIFIERS
from canary.routers import ROUTERS
from canary.scalers import SCALERS
from canary.targets import TARGETS

FAMILIES: tuple[PluginTable[Any], ...] = (
    JUDGES,
    NOTIFIERS,
    PROVIDERS,
    ROUTERS,
    SCALERS,
    TARGETS,
)
MODULES = sorted({family.load(name).__module__ for family in FAMILIES for name in family.names()})


@cache
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("analysis", "canary", cache_dir=None)


def chains(graph: grimp.ImportGraph) -> list[str]:
    """List the ways by which a plug-in comes to import another."""
    found = (
        graph.find_shortest_chain(importer=importer, imported=imported)
        for importer, imported in permutations(MODULES, 2)
    )
    return [" -> ".join(chain) for chain in found if chain]


def test_no_plugin_imports_another():
    assert len(MODULES) > len(FAMILIES)
    assert chains(imports()) == []


@pytest.mark.parametrize(
    "way",
    [
        ("canary.routers.istio", "canary.routers.smi"),
        ("canary.targets.daemonset", "canary.targets.deployment"),
        ("canary.notifiers.slack", "analysis.http.posting", "analysis.providers.scrape"),
    ],
    ids=" -> ".join,
)
def test_a_plugin_that_imports_another_is_seen(way):
    graph = grimp.build_graph("analysis", "canary", cache_dir=None)
    for importer, imported in pairwise(way):
        graph.add_import(importer=importer, imported=imported)
    assert " -> ".join(way) in chains(graph)

"""The chart's files that are made from tables: the rights that plug-ins and commands need, and what
watches the controller.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import yaml

from canary.api.annotations import AT_GATES, VERBS
from canary.api.kinds import POD, SERVICE, Kind
from canary.monitoring.files import RULES, render
from canary.routers import ROUTERS, router_for
from canary.scalers import SCALERS
from canary.targets import TARGETS, target_for
from tests.delivery.helm import CHART
from tests.routers.builders import canaries

#: The role has them whatever plug-ins there are.
GIVEN = (POD, SERVICE)
FILE = CHART / "files" / "rights.yaml"
HEAD = """\
# The rights that routers, kinds of workload, kinds of autoscaler and commands need. Made from their
# tables: `make generated`
"""
READ, LISTED, FOLLOWED = ("get",), ("list",), ("list", "watch")
#: Primaries are created and updated, the user's workload is scaled by patches, and Kubernetes
#: removes what a Canary owns.
SCALED = ("get", "list", "watch", "create", "update", "patch")
#: Of the user's workload that is primary and canary in one nothing but its partition is written.
DIVIDED = ("get", "list", "watch", "update")
WRITTEN = ("get", "list", "watch", "create", "update", "delete")
#: What is written into and never made is not removed either.
EDITED = ("get", "list", "watch", "update")
#: To write the host of an object that is made.
HOSTED = ("create", "update")
#: Copies are written, and the user's own are paused by patches.
PAUSED = ("get", "list", "watch", "create", "update", "patch", "delete")
_ORDER = {verb: place for place, verb in enumerate(PAUSED)}


Rights = Iterator[tuple[Kind, tuple[str, ...]]]


def made_by(name: str) -> set[Kind]:
    """Name the kinds of which a router makes objects, for any of the Canaries of its case."""
    objects = [router_for(name).objects(each) for each in canaries(name)]
    return {key.kind for each in objects for key in (*each.own, *each.adopted)}


def of_router(name: str) -> Rights:
    router, made = router_for(name), made_by(name)
    yield from ((kind, WRITTEN if kind in made else EDITED) for kind in router.writes)
    yield from ((replace(router.kinds[0], plural=each), HOSTED) for each in router.host_rights)
    yield from ((kind, FOLLOWED) for kind in router.reads)
    yield from ((kind, READ) for kind in router.asks)


def of_targets() -> Rights:
    for target in map(target_for, TARGETS.names()):
        verbs = DIVIDED if target.divides else SCALED
        yield from ((kind, verbs) for kind in target.writes)
        # Former templates are looked up, and all else is followed.
        followed = set(target.reads) - ({target.history} - set(target.beside))
        yield from ((kind, FOLLOWED if kind in followed else LISTED) for kind in target.reads)


def of_scalers() -> Rights:
    for scaler in (SCALERS.load(name)() for name in SCALERS.names()):
        yield from ((kind, PAUSED if scaler.pauses else WRITTEN) for kind in scaler.writes)
        yield from ((kind, FOLLOWED) for kind in scaler.reads)


def rules(rights: Rights) -> list[dict[str, Any]]:
    """Write rights as the rules of a role: a rule for what has the same group and verbs."""
    verbs: Mapping[Kind, set[str]] = defaultdict(set)
    for kind, each in rights:
        verbs[kind] |= set(each) if kind not in GIVEN else set()
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for kind in sorted(filter(verbs.get, verbs), key=lambda kind: (kind.group, kind.plural)):
        alike[kind.group, tuple(sorted(verbs[kind], key=_ORDER.__getitem__))].append(kind.plural)
    return [
        {"apiGroups": [group], "resources": resources, "verbs": list(each)}
        for (group, each), resources in alike.items()
    ]


def test_the_file_of_rights_is_what_the_plugins_declare(update_golden: bool) -> None:
    written = HEAD + yaml.safe_dump(
        {
            "commands": {"all": sorted(VERBS), "gates": sorted(AT_GATES)},
            "routers": {name: rules(of_router(name)) for name in ROUTERS.names()},
            "scalers": rules(of_scalers()),
            "targets": rules(of_targets()),
        }
    )
    if update_golden:
        FILE.write_text(written)
    assert FILE.read_text() == written, "stale: run `make generated`"


def test_dashboards_and_rules_of_the_chart_are_those_of_the_project(update_golden: bool) -> None:
    written = {
        (CHART / "files" / name if name == RULES else CHART / name): text
        for name, text in render().items()
    }
    if update_golden:
        for file, text in written.items():
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
    assert {file: file.read_text() for file in written} == written, "stale: run `make generated`"
    assert {*(CHART / "dashboards").iterdir()} == {*written} - {CHART / "files" / RULES}

"""Golden files: a Canary and what exists, then the objects of each step, then those restored."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from canary.api.canary import Canary
from canary.routers import ROUTERS, ClusterState, Router, router_for
from tests.routers.builders import a_cluster, rendered, restored, the_traffic
from tests.routers.conftest import GoldenDumper

GOLDEN = Path(__file__).parents[1] / "golden" / "routers"
FILES = sorted(GOLDEN.glob("*/*.yaml"))


def walked(case: dict[str, Any]) -> dict[str, Any]:
    """Take the steps of a case, each over what the one before has left."""
    canary = Canary.model_validate(case["canary"])
    router = router_for(str(canary.spec.provider))
    objects = case.get("existing", [])
    steps = []
    for step in case["steps"]:
        cluster = _cluster(router, canary, objects, case.get("served", ""))
        traffic = replace(the_traffic(canary, step["weight"]), mirror=step.get("mirror", 0))
        objects = list(rendered(router, canary, cluster, traffic))
        steps.append(step | {"objects": objects})
    back = restored(router, canary, _cluster(router, canary, objects, case.get("served", "")))
    return case | {
        "steps": steps,
        "restored": {
            "write": list(back.write),
            "remove": [str(key) for key in back.remove],
        }
        | ({"afterwards": [str(key) for key in back.afterwards]} if back.afterwards else {}),
    }


def _cluster(
    router: Router, canary: Canary, objects: list[dict[str, Any]], version: str
) -> ClusterState:
    return a_cluster(router, canary, objects, version)


@pytest.mark.parametrize(
    "file", [pytest.param(each, id=f"{each.parent.name}-{each.stem}") for each in FILES]
)
def test_renders_as_in_the_golden_file(file: Path, *, update_golden: bool) -> None:
    case = yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)
    walk = walked(case)
    if update_golden:
        text = yaml.dump(walk, Dumper=GoldenDumper, sort_keys=False, allow_unicode=True, width=100)
        file.write_text(text, encoding="utf-8")
    assert walk == case or update_golden
    assert str(case["canary"]["spec"]["provider"]).partition(":")[0] == file.parent.name


def test_every_router_has_golden_files() -> None:
    assert {file.parent.name for file in FILES} == set(ROUTERS.names())

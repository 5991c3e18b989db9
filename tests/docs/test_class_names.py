"""One word for one thing: no two public classes of a distribution share a name."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def public_classes(package: Path) -> Iterator[tuple[str, str]]:
    """Give the name of each public class of a package, and where it is."""
    for path in sorted(package.rglob("*.py")):
        for each in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(each, ast.ClassDef) and not each.name.startswith("_"):
                yield each.name, f"{path.relative_to(ROOT)}:{each.lineno}"


@pytest.mark.parametrize(
    "packages",
    [("analysis", "canary"), ("embedded/src/tidegate_embedded",)],
    ids=["tidegate", "tidegate-embedded"],
)
def test_no_two_public_classes_share_a_name(packages: tuple[str, ...]) -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for package in packages:
        for name, place in public_classes(ROOT / package):
            places[name].append(place)

    assert len(places) > 50
    assert {name: found for name, found in places.items() if len(found) > 1} == {}

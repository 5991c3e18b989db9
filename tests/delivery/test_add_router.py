"""A router is added to a copy of the tree: its file, one row, its cases, and what is made of them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.delivery

ROOT = Path(__file__).parents[2]
#: What the tests of a router need.
ROOMS = (
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "pyproject.toml"),
    *("analysis", "canary", "charts", "crds", "docs", "embedded", "tests"),
)
#: What tools leave.
LEFT = {"__pycache__", ".hypothesis"}
TABLE = "canary/routers/__init__.py"
#: Made from the tables.
RENDERED = ("charts/tidegate/files/routers.yaml", "docs/reference.md")
RENDERERS = ("tests/delivery/test_chart_files.py", "tests/docs/test_reference.py")
#: What holds a router, and what lists the routers.
SUITES = (
    "tests/routers/test_compliance.py",
    "tests/routers/test_golden.py",
    "tests/routers/test_router_for.py",
    "tests/test_families.py",
    "tests/api/test_messages.py",
    *RENDERERS,
)


def tree() -> list[str]:
    """List the files of the tree, without those that tools leave on this machine."""
    return sorted(
        path.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in ((ROOT / room).rglob("*") if (ROOT / room).is_dir() else (ROOT / room,))
        if path.is_file() and not LEFT & set(path.parts)
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy the tree, as far as a router has to do with it."""
    for name in tree():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name)
    return tmp_path


def add_router(copy: Path) -> set[str]:
    """Add a router that is like `smi` in all but its name; gives the files it brings."""
    source = (copy / "canary/routers/smi.py").read_text()
    brought = {"canary/routers/example.py": source.replace("SmiRouter", "ExampleRouter")}
    for case in (copy / "tests/golden/routers/smi").glob("*.yaml"):
        text = case.read_text().replace("provider: smi", "provider: example")
        brought[f"tests/golden/routers/example/{case.name}"] = text
    for name, text in brought.items():
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_text(text.replace('"smi"', '"example"'))
    table, row = copy / TABLE, '        "smi": '
    added = f'        "example": "canary.routers.example:ExampleRouter",\n{row}'
    table.write_text(table.read_text().replace(row, added, 1))
    return set(brought)


def run_tests(copy: Path, *arguments: str) -> None:
    """Run tests of the copy."""
    ran = subprocess.run(
        (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments),
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def changed(copy: Path) -> set[str]:
    """List the files that are not as in the tree, and those that only the copy has."""
    known = set(tree())
    there = {
        path.relative_to(copy).as_posix()
        for path in copy.rglob("*")
        if path.is_file() and not LEFT & set(path.parts)
    }
    differing = {
        name for name in known & there if (ROOT / name).read_bytes() != (copy / name).read_bytes()
    }
    return differing | (known ^ there)


def test_a_router_is_added_by_its_file_one_row_and_its_cases(copy: Path) -> None:
    brought = add_router(copy)
    run_tests(copy, "--update-golden", *RENDERERS)
    run_tests(copy, "-k", "not TestEvery or example", *SUITES)
    assert changed(copy) == {TABLE, *RENDERED, *brought}

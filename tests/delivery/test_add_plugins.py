"""A plug-in of each family is added to a copy of the tree: its file, one row, its cases and queries.

All six are added to one copy, and the suites run on it once.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.delivery

ROOT = Path(__file__).parents[2]
#: What tests of plug-ins need.
ROOMS = (
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "pyproject.toml", ".gitignore"),
    *("analysis", "canary", "charts", "crds", "docs", "embedded", "tests"),
)
#: What tools leave.
LEFT = shutil.ignore_patterns("__pycache__", ".hypothesis")
#: Made from the tables, and from the models; `make generated` writes them.
RENDERED = (
    "README.md",
    "charts/tidegate/files/rights.yaml",
    "docs/gates.md",
    "docs/judges.md",
    "docs/metrics.md",
    "docs/plugins.md",
    "docs/reference.md",
    "docs/routers.md",
)
RENDERERS = (
    "tests/delivery/test_chart_files.py",
    "tests/docs/test_reference.py",
    "tests/docs/test_written.py",
)
#: What holds a plug-in, and what lists plug-ins.
SUITES = (
    "tests/analysis/judges/test_compliance.py",
    "tests/analysis/providers/test_compliance.py",
    "tests/analysis/test_builtin.py",
    "tests/api/test_messages.py",
    "tests/notifiers/test_compliance.py",
    "tests/notifiers/test_golden.py",
    "tests/routers/test_compliance.py",
    "tests/routers/test_golden.py",
    "tests/routers/test_router_for.py",
    "tests/scalers/test_compliance.py",
    "tests/targets/test_compliance.py",
    "tests/targets/test_kinds.py",
    "tests/test_families.py",
    *RENDERERS,
)
#: Those that were there before are held by the tree's own run.
CONCERNED = "example or not test_compliance"
THIRD_PARTY = "tests/thirdparty/src/tidegate_thirdparty"


@dataclass(frozen=True, kw_only=True)
class Added:
    """A plug-in that is like another in all but its name."""

    table: str
    """The module that has the family's table."""
    before: str
    """The row that it is put before."""
    row: str
    files: dict[str, str]
    """The files that it brings, by those that they are made of."""
    renamed: dict[str, str]

    def __call__(self, copy: Path) -> Iterable[str]:
        """Add it to a copy of the tree; gives the files that it brings."""
        for name, source in self.files.items():
            text = (ROOT / source).read_text()
            for old, new in self.renamed.items():
                text = text.replace(old, new)
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_text(text)
        table = copy / self.table
        before = f'        "{self.before}": '
        assert table.read_text().count(before) == 1
        table.write_text(table.read_text().replace(before, f"        {self.row},\n{before}"))
        return self.files


def all_of(folder: str, source: str) -> dict[str, str]:
    """Name the files of a folder as they are called in another."""
    return {f"{folder}/{each.name}": f"{source}/{each.name}" for each in (ROOT / source).iterdir()}


ADDED = (
    Added(
        table="canary/routers/__init__.py",
        before="smi",
        row='"example": "canary.routers.example:ExampleRouter"',
        files={
            "canary/routers/example.py": "canary/routers/smi.py",
            "tests/cases/routers/example.py": "tests/cases/routers/smi.py",
            **all_of("tests/golden/routers/example", "tests/golden/routers/smi"),
            **all_of("analysis/queries/example", "analysis/queries/linkerd"),
        },
        renamed={
            "SmiRouter": "ExampleRouter",
            '"smi"': '"example"',
            "provider: smi": "provider: example",
        },
    ),
    Added(
        table="canary/targets/__init__.py",
        before="Deployment",
        row='"ExampleSet": "canary.targets.exampleset:ExampleSetTarget"',
        files={
            "canary/targets/exampleset.py": f"{THIRD_PARTY}/target.py",
            "tests/cases/targets/exampleset.py": "tests/thirdparty/cases/targets/cloneset.py",
        },
        renamed={
            "class CloneSetTarget": "class ExampleSetTarget(TargetDefaults)",
            "from canary.targets import": (
                "from canary.targets.defaults import TargetDefaults\nfrom canary.targets import"
            ),
            "CloneSet": "ExampleSet",
            "clonesets": "examplesets",
        },
    ),
    Added(
        table="canary/scalers/__init__.py",
        before="ScaledObject",
        row='"ExampleScaler": "canary.scalers.examplescaler:ExampleScaler"',
        files={
            "canary/scalers/examplescaler.py": f"{THIRD_PARTY}/scaler.py",
            "tests/cases/scalers/examplescaler.py": (
                "tests/thirdparty/cases/scalers/effectivehorizontalpodautoscaler.py"
            ),
        },
        renamed={
            "class EffectiveHorizontalPodAutoscalerScaler": "class ExampleScaler(ScalerDefaults)",
            "from canary.scalers import": (
                "from canary.scalers.defaults import ScalerDefaults\nfrom canary.scalers import"
            ),
            "EffectiveHorizontalPodAutoscaler": "ExampleScaler",
            "effectivehorizontalpodautoscalers": "examplescalers",
        },
    ),
    Added(
        table="analysis/providers/__init__.py",
        before="prometheus",
        row='"example": "analysis.providers.example:ExampleProvider"',
        files={
            "analysis/providers/example.py": "analysis/providers/scrape.py",
            "tests/cases/providers/example.py": "tests/cases/providers/scrape.py",
        },
        renamed={"ScrapeProvider": "ExampleProvider", 'type="scrape"': 'type="example"'},
    ),
    Added(
        table="canary/notifiers/__init__.py",
        before="slack",
        row='"example": "canary.notifiers.example:ExampleNotifier"',
        files={
            "canary/notifiers/example.py": "canary/notifiers/webhook.py",
            "tests/cases/notifiers/example.py": "tests/cases/notifiers/webhook.py",
            **all_of("tests/golden/notifiers/example", "tests/golden/notifiers/webhook"),
        },
        renamed={"WebhookNotifier": "ExampleNotifier", '="webhook"': '="example"'},
    ),
    Added(
        table="analysis/judges/__init__.py",
        before="threshold",
        row='"example": "analysis.judges.example:ExampleJudge"',
        files={
            "analysis/judges/example.py": f"{THIRD_PARTY}/judge.py",
            "tests/cases/judges/example.py": "tests/cases/judges/threshold.py",
        },
        renamed={"PatientJudge": "ExampleJudge"},
    ),
)


def done(copy: Path, *command: str) -> str:
    """Run a program in the copy; gives what it says."""
    ran = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def run_tests(copy: Path, *arguments: str) -> None:
    """Run tests of the copy."""
    done(copy, sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy the tree into a repository of its own, as far as plug-ins have to do with it."""
    for name in ROOMS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=LEFT)
        else:
            shutil.copy2(ROOT / name, tmp_path / name)
    # What was built once is not built again.
    (tmp_path / ".cache").symlink_to(ROOT / ".cache")
    (tmp_path / ".git" / "info").mkdir(parents=True)
    done(tmp_path, "git", "init", "--quiet")
    (tmp_path / ".git" / "info" / "exclude").write_text(".cache\n")
    done(tmp_path, "git", "add", "--all")
    author = ("-c", "user.name=tests", "-c", "user.email=tests@example.com")
    done(tmp_path, "git", *author, "commit", "--quiet", "--message", "The tree")
    return tmp_path


def changed(copy: Path) -> dict[str, tuple[int, int]]:
    """Give the lines that came and went, by the file."""
    done(copy, "git", "add", "--all")
    lines = done(copy, "git", "diff", "--cached", "--numstat", "--no-renames").splitlines()
    rows = (line.split("\t") for line in lines)
    return {name: (int(came), int(went)) for came, went, name in rows}


def test_a_plugin_of_each_family_is_its_file_one_row_its_cases_and_its_queries(copy: Path) -> None:
    brought = {name for add in ADDED for name in add(copy)}
    run_tests(copy, "--update-golden", *RENDERERS)
    run_tests(copy, "-k", CONCERNED, *SUITES)
    done(copy, str(Path(sys.executable).parent / "lint-imports"), "--no-cache")
    diff = changed(copy)
    tables = {add.table for add in ADDED}
    assert diff.keys() == {*tables, *RENDERED, *brought}
    assert {diff[name] for name in tables} == {(1, 0)}

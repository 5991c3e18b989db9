"""Prose: pages, messages, comments and docstrings have none of the habits that the guide names."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

#: What a native engineer would not say, and what to say instead.
HABITS = {
    r"\bwhoever\b": "name the actor",
    r"\b(some|no)body( else)?\b": "name the actor",
    r"\b(is|are|was|were) told\b": "is sent, is reported, is said",
    r"\b(is|are|was|were) looked at\b": "is checked, is read, is judged",
    r"\banew\b": "again",
    r"\bin vain\b": "without effect",
    r"\b(is|are|was|were) let go\b": "its finalizer is removed",
    r"\bany more\b": "no longer",
    r"\bcan't be asked\b": "cannot be queried",
    r"\bso (long|many|few) (is|are|as are)\b": "a plain noun: delay, number",
    r"\bis to (be|have|get|run|go|give)\b": "must, will",
    r"\bare to (be|have|get|run|go|give)\b": "must, will",
}
READ = (
    "*.md",
    "docs/**/*.md",
    "docs/**/*.yaml",
    "charts/**/*",
    "analysis/**/*.py",
    "canary/**/*.py",
    "embedded/*.md",
    "embedded/src/**/*.py",
)
#: The guide names the habits; the licence and what is generated are not ours to word.
LEFT_OUT = {"docs/style.md", "LICENSE"}


def texts() -> list[Path]:
    found = {path for pattern in READ for path in ROOT.glob(pattern) if path.is_file()}
    names = {str(path.relative_to(ROOT)): path for path in found}
    return [path for name, path in sorted(names.items()) if name not in LEFT_OUT]


@pytest.mark.parametrize("path", texts(), ids=lambda path: str(path.relative_to(ROOT)))
def test_says_what_an_engineer_would_say(path: Path) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]!r}: {instead}"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        for habit, instead in HABITS.items()
        for match in re.finditer(habit, line, re.IGNORECASE)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("habit", HABITS)
def test_the_guide_shows_what_to_say_instead(habit: str) -> None:
    shown = re.findall(r"^\| (.+?) \| ", (ROOT / "docs/style.md").read_text(), re.MULTILINE)
    assert any(re.search(habit, each, re.IGNORECASE) for each in shown)

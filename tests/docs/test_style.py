"""Prose: pages, messages, comments and docstrings have none of the habits that the guide names."""

import re
from collections.abc import Iterator
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
ANY = re.compile("|".join(HABITS), re.IGNORECASE)
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


def texts(pattern: str) -> Iterator[Path]:
    for path in sorted(ROOT.glob(pattern)):
        if path.is_file() and str(path.relative_to(ROOT)) not in LEFT_OUT:
            yield path


def habits(path: Path) -> Iterator[str]:
    """Find the habits of a text: most texts have none, which one look tells."""
    text = path.read_text()
    if not ANY.search(text):
        return
    for number, line in enumerate(text.splitlines(), 1):
        for habit, instead in HABITS.items():
            for match in re.finditer(habit, line, re.IGNORECASE):
                yield f"{path.relative_to(ROOT)}:{number}: {match[0]!r}: {instead}"


@pytest.mark.parametrize("pattern", READ)
def test_says_what_an_engineer_would_say(pattern: str) -> None:
    read = list(texts(pattern))
    assert read
    found = [each for path in read for each in habits(path)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("habit", HABITS)
def test_the_guide_shows_what_to_say_instead(habit: str) -> None:
    shown = re.findall(r"^\| (.+?) \| ", (ROOT / "docs/style.md").read_text(), re.MULTILINE)
    assert any(re.search(habit, each, re.IGNORECASE) for each in shown)

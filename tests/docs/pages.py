"""What stands on the pages: links, objects in YAML, and commands."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import yaml

from canary.api.kinds import Manifest
from canary.api.meta import GROUP

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CHART_README = ROOT / "charts" / "tidegate" / "README.md"
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    CHART_README,
    *sorted(DOCS.rglob("*.md")),
)
EXAMPLES = tuple(sorted((DOCS / "examples").glob("*.yaml")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command line of a page, as the words that the shell makes of it."""

    page: Path
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {shlex.join(self.words)}"


def links(page: Path) -> list[tuple[Path, str]]:
    """Give the links of a page inside the project: a file, and the anchor of a heading or none."""
    found = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    inside = (each.partition("#") for each in found if not each.startswith(("http:", "https:")))
    return [(page.parent / file if file else page, anchor) for file, _, anchor in inside]


def anchors(page: Path) -> set[str]:
    """Give the anchors of a page's headings."""
    return {
        slug(each)
        for each in re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    }


def slug(heading: str) -> str:
    """Make the anchor that a heading gets where the pages are read."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def blocks(page: Path, language: str) -> list[str]:
    """Give the fenced blocks of a page in one language; a list's may be indented."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A block of commands, and what the comment above it says of running them."""

    page: Path
    text: str
    where: str | None
    """In what it is run: empty for a checkout alone. None where it is not run."""
    why_not: str
    """Why it is not run; empty where it is."""

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.text.strip().partition(chr(10))[0]}"


_MARKED = re.compile(
    r"(?:^ *<!-- (?:(?P<runs>runs)(?:: (?P<where>\w+))?|not run: (?P<why_not>[^\n]+)) -->\n)?"
    r"^ *```console\n(?P<text>.*?)^ *```$",
    re.DOTALL | re.MULTILINE,
)


def marked() -> Iterator[Marked]:
    """Give the blocks of commands of all pages, each with its mark."""
    for page in PAGES:
        for block in _MARKED.finditer(page.read_text(encoding="utf-8")):
            yield Marked(
                page=page,
                text=block["text"],
                where=(block["where"] or "") if block["runs"] else None,
                why_not=block["why_not"] or "",
            )


def manifests() -> Iterator[tuple[Path, Manifest]]:
    """Give every object that stands on a page or in an example."""
    texts = [(page, block) for page in PAGES for block in blocks(page, "yaml")]
    texts += [(example, example.read_text(encoding="utf-8")) for example in EXAMPLES]
    for source, text in texts:
        for manifest in yaml.load_all(text, yaml.CSafeLoader):
            yield source, manifest


def as_parameters(found: Iterator[tuple[Path, Manifest]]) -> list[Any]:
    """Name each object by where it stands."""
    return [
        pytest.param(
            manifest, id=f"{source.stem}-{manifest['kind']}-{manifest['metadata']['name']}"
        )
        for source, manifest in found
    ]


#: The objects of our own kinds.
OUR_EXAMPLES = as_parameters(
    (source, each) for source, each in manifests() if each["apiVersion"].startswith(f"{GROUP}/")
)


def commands(program: str) -> list[Command]:
    """Give the command lines of all pages that begin with a program."""
    return [
        command
        for page in PAGES
        for block in blocks(page, "console")
        for command in _commands(page, block)
        if command.words[0] == program
    ]


def _commands(page: Path, block: str) -> Iterator[Command]:
    for line in block.replace("\\\n", " ").splitlines():
        # Output has no prompt, in the blocks that show some; a block without prompts has none.
        if line.startswith("$ ") or not re.search(r"^\$ ", block, re.MULTILINE):
            words = shlex.split(line.removeprefix("$ "), comments=True)
            # What comes after a pipe, or names a file to write, is the shell's.
            own = tuple(takewhile(lambda word: word not in {"|", ">"}, words))
            if own:
                yield Command(page=page, words=own)

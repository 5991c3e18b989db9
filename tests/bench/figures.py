"""Figures: what was measured, held against what is to be reached, and the page that shows them."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the result."""

    name: str
    value: str
    target: str = ""
    reached: bool = True


def machine() -> str:
    """Describe what this runs on."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}"
    )


def table(figures: Sequence[Figure]) -> str:
    """Write figures as Markdown."""
    rows = [("Figure", "Measured", "To reach"), ("---", "---", "---")]
    rows += [
        (each.name, each.value, each.target + ("" if each.reached else " (missed)"))
        for each in figures
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def write_section(name: str, text: str) -> None:
    """Replace the section of the page between the marks of a name."""
    mark, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found, rest = PAGE.read_text(encoding="utf-8").partition(mark)
    _, found_end, after = rest.partition(end)
    if not (found and found_end):
        raise ValueError(f"{PAGE.name} has no place for {name}: put {mark} and {end} into it")
    PAGE.write_text(f"{before}{mark}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def p99(seconds: Sequence[float]) -> float:
    """Give what 99 of 100 stay below; infinite of nothing."""
    ordered = sorted(seconds)
    return ordered[max(int(len(ordered) * 0.99) - 1, 0)] if ordered else inf

"""Rendering pages and their parts from templates. What others wrote is text, and never too long."""

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from canary.controller.logs import printable
from canary.views.blocks import Block, Line, Rows, Styled, Typed

HERE = Path(__file__).parent
STATIC = HERE / "static"
LONGEST_TEXT = 2_000
"""The characters that are shown of a text."""


class PageRenderer:
    """Renders templates for a site that is at a path of its host; empty for the root."""

    def __init__(self, root_path: str) -> None:
        self._environment = _environment(root_path)

    def render(self, template: str, **context: Any) -> str:
        """Render a template."""
        return self._environment.get_template(template).render(context)

    def parts(self, templates: Mapping[str, str], **context: Any) -> dict[str, Markup]:
        """Render the parts of a page, by the ids of their elements."""
        return {
            part: Markup(self.render(template, **context))  # noqa: S704 - escaped when rendered
            for part, template in templates.items()
        }


@cache
def _environment(root_path: str) -> Environment:
    """Load the templates of a site; each is compiled once in a process."""
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"root": root_path, "version": _version(), "stylesheet": _stylesheet}
    environment.filters["paragraphs"] = paragraphs
    return environment


def paragraphs(block: Block) -> list[dict[str, Any]]:
    """Give what a view says as paragraphs of styled pieces, and tables."""
    return [_paragraph(item) for item in block]


def _paragraph(item: Line | Rows | Typed) -> dict[str, Any]:
    match item:
        case Rows():
            rows = [[_piece(cell) for cell in row] for row in item.rows]
            return {"header": item.header, "rows": rows}
        case Typed():
            return {"command": item.command, "note": item.note}
        case _:
            return {"pieces": [_piece(part) for part in item]}


def _piece(part: str | Styled) -> tuple[str, str]:
    return (part, "") if isinstance(part, str) else (part.text, part.style)


def _finalized(value: object) -> object:
    """Bound a text, and show characters that are none as words."""
    if isinstance(value, str) and not isinstance(value, Markup):
        whole = len(value) <= LONGEST_TEXT
        return printable(value if whole else f"{value[:LONGEST_TEXT]}…")
    return value


@cache
def _version() -> str:
    """Tell the files that a page needs from those of another version."""
    digest = sha256()
    for file in sorted(STATIC.iterdir()):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _stylesheet() -> Markup:
    """Give the style of every page, for one that has no server to fetch it from."""
    return Markup((STATIC / "style.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file

"""Manifests in files, read as kubectl reads them, and the line of each of their fields.

A file holds documents of any kind; what is neither ours nor named by ours is not even parsed, so
that a template of something else is no error. Long because a document knows all its places.
"""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import yaml

from canary.api.kinds import Manifest
from canary.api.meta import GROUP, PEER_GROUP
from canary.api.resources import KINDS
from canary.cli.ending import Failed

STDIN = "-"
_SUFFIXES = {".json", ".yaml", ".yml"}
_SEPARATOR = re.compile(r"^---(?=[ \t\r\n]|$)[^\n]*\n?", re.MULTILINE)
_OURS = re.compile(rf"""apiVersion["']?\s*:\s*["']?({re.escape(GROUP)}|{re.escape(PEER_GROUP)})/""")
_KIND = re.compile(r"""\bkind["']?\s*:\s*["']?(\w+)""")
_PART = re.compile(r"\.?([A-Za-z][\w-]*)|\[(\d+)\]|\['([^']*)'\]")
_LISTED = {"List", *(f"{each.name}List" for each in KINDS)}
_TEMPLATE = "it is a template; render it first: helm template NAME CHART | tidegate {} -f -"


def _loader() -> type[yaml.SafeLoader]:
    """Give a reader of YAML in which a date is text, as for kubectl; in C where that is there."""
    base: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    resolvers = {
        first: [(tag, regexp) for tag, regexp in each if not tag.endswith(":timestamp")]
        for first, each in base.yaml_implicit_resolvers.items()
    }
    return type("_Loader", (base,), {"yaml_implicit_resolvers": resolvers})


_Loader = _loader()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """An object in a file."""

    file: str
    obj: Manifest
    node: yaml.MappingNode
    """The same with its places, which are counted from `above`."""
    above: int = 0
    """How many lines of the file come before."""
    start: int = 0
    """How many characters of the file come before."""
    repeated: tuple[tuple[str, int], ...] = ()
    """The fields that are written more than once, with the line of the second time."""

    @property
    def group(self) -> str:
        """The API group of the object."""
        return str(self.obj.get("apiVersion", "")).rpartition("/")[0]

    @property
    def kind(self) -> str:
        """The kind of the object."""
        return str(self.obj.get("kind", ""))

    @property
    def ours(self) -> bool:
        """Whether it is one of tidegate's or of Flagger's."""
        return self.group in {GROUP, PEER_GROUP}

    @property
    def namespace(self) -> str:
        """Its namespace; empty where the file names none."""
        return self._metadata("namespace")

    @property
    def name(self) -> str:
        """Its name; empty where it has none."""
        return self._metadata("name")

    def _metadata(self, field: str) -> str:
        metadata = self.obj.get("metadata")
        value = metadata.get(field) if isinstance(metadata, dict) else None
        return value if isinstance(value, str) else ""

    def __str__(self) -> str:
        """Name it as messages do: `Canary shop/cart`."""
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {place}".rstrip()

    def within(self, namespace: str) -> "Document":
        """Give it in a namespace, unless it names one itself."""
        metadata = self.obj.get("metadata")
        if not namespace or self.namespace or not isinstance(metadata, dict):
            return self
        return replace(self, obj={**self.obj, "metadata": {**metadata, "namespace": namespace}})

    def line(self, field: str = "") -> int:
        """Find the line of a field, or of what is there of the way to it: `spec.analysis.metrics[0]`."""
        key, node = self._found(field)
        return self.above + (key or node).start_mark.line + 1

    def value_of(self, field: str) -> yaml.Node | None:
        """Find the value of a field; None where it is not written."""
        here: yaml.Node | None = self.node
        for part in _parts(field):
            here = _below(here, part)[1] if here is not None else None
        return here

    def key_of(self, field: str) -> yaml.Node | None:
        """Find the key of a field; None where it is not written."""
        return self._found(field)[0] if self.value_of(field) is not None else None

    def _found(self, field: str) -> tuple[yaml.Node | None, yaml.Node]:
        key: yaml.Node | None = None
        here: yaml.Node = self.node
        for part in _parts(field):
            name, value = _below(here, part)
            if value is None:
                break
            key, here = name, value
        return key, here


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A document that is ours and cannot be read."""

    file: str
    line: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A file as it is."""

    file: str
    content: str

    @property
    def below(self) -> Path:
        """Its path below another folder."""
        path = Path(self.file)
        return Path(*(each for each in path.parts if each not in {path.anchor, ".."}))


_Command = Callable[..., None]


def from_files(command: _Command) -> _Command:
    """Offer the options that name files."""
    command = click.argument("more", nargs=-1, metavar="[FILE]...")(command)
    return click.option(
        "-f",
        "--filename",
        "named",
        multiple=True,
        metavar="FILE",
        help="A file or a folder with manifests; - for standard input. May be repeated.",
    )(command)


def texts(names: Iterable[str]) -> Iterator[Text]:
    """Read files, and those in folders whose names end as manifests do.

    Raises:
        Failed: one is not there, or is no text.
    """
    for name in names:
        if name == STDIN:
            yield Text(file="<stdin>", content=sys.stdin.read())
            continue
        for path in _files(Path(name)):
            try:
                yield Text(file=str(path), content=path.read_bytes().decode("utf-8-sig"))
            except UnicodeDecodeError as error:
                raise Failed(f"{path}: it is no text in UTF-8") from error


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for folder, below, files in os.walk(path):
        below[:] = sorted(each for each in below if not each.startswith("."))
        for name in sorted(files):
            if Path(name).suffix in _SUFFIXES and not name.startswith("."):
                yield Path(folder) / name


def documents(
    text: Text, command: str, others: Iterable[str] = ()
) -> Iterator[Document | Unreadable]:
    """Read the documents of a file that are ours, or of other kinds that are named.

    `command` is the one that reads them, for what to run where it is a template.
    """
    wanted = {*others, *_LISTED}
    for start, part in _split(text.content):
        above = text.content.count("\n", 0, start)
        ours = _OURS.search(part) is not None
        if not ours and wanted.isdisjoint(_KIND.findall(part)):
            continue
        try:
            yield from _read(text.file, start, above, part)
        except yaml.YAMLError as error:
            if ours:
                yield _unreadable(text.file, above, part, error, command)
        except RecursionError:
            yield Unreadable(file=text.file, line=above + 1, message="it contains itself")


def first_document(text: Text) -> Document | None:
    """Read the first document of a file, whatever it is; None where that cannot be done."""
    for start, part in _split(text.content):
        try:
            return next(_read(text.file, start, text.content.count("\n", 0, start), part))
        except (StopIteration, RecursionError, yaml.YAMLError):
            continue
    return None


def _split(content: str) -> Iterator[tuple[int, str]]:
    """Cut a file into its documents, each with the number of characters before it."""
    start = 0
    for match in _SEPARATOR.finditer(content):
        yield start, content[start : match.start()]
        start = match.end()
    yield start, content[start:]


def _read(file: str, start: int, above: int, part: str) -> Iterator[Document]:
    loader = _Loader(part)
    try:
        for node in _objects(loader.get_single_node()):
            # Looked for first: what is made of a node has the keys that it merges in as well.
            repeated = tuple((field, above + line) for field, line in _repeated(node, ""))
            obj = loader.construct_document(node)
            yield Document(
                file=file, obj=obj, node=node, above=above, start=start, repeated=repeated
            )
    except (TypeError, ValueError) as error:
        # A key that is a mapping, as in {{ value }}, or a number that is none.
        raise yaml.YAMLError(str(error)) from error
    finally:
        loader.dispose()


def _objects(node: yaml.Node | None) -> Iterator[yaml.MappingNode]:
    """Give an object, or the items of a list."""
    if not isinstance(node, yaml.MappingNode):
        return
    _, kind = _below(node, "kind")
    if kind is None or kind.value not in _LISTED:
        yield node
        return
    _, items = _below(node, "items")
    for item in items.value if isinstance(items, yaml.SequenceNode) else ():
        yield from _objects(item)


def _repeated(node: yaml.Node, path: str) -> Iterator[tuple[str, int]]:
    """Find the keys that are written twice: the API server's clients refuse these."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            below = f"{path}.{name}" if path else name
            if name in seen:
                yield below, key.start_mark.line + 1
            seen.add(name)
            yield from _repeated(value, below)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _repeated(value, f"{path}[{index}]")


def _unreadable(file: str, above: int, part: str, error: Any, command: str) -> Unreadable:
    mark = getattr(error, "problem_mark", None)
    line = above + (mark.line if mark is not None else 0) + 1
    if "{{" in part:
        return Unreadable(file=file, line=line, message=_TEMPLATE.format(command))
    problem = getattr(error, "problem", None) or str(error)
    return Unreadable(file=file, line=line, message=f"it is no YAML: {problem}")


def _parts(field: str) -> Iterator[str | int]:
    """Read a place as problems write it: `spec.analysis.metrics[0]['a key']`."""
    for match in _PART.finditer(field):
        name, index, key = match.groups()
        yield int(index) if index is not None else name if name is not None else key


def _below(node: yaml.Node, part: str | int) -> tuple[yaml.Node | None, yaml.Node | None]:
    """Find a field's key and value, or an item of a list; the last one where there are several."""
    if isinstance(part, int):
        inside = isinstance(node, yaml.SequenceNode) and part < len(node.value)
        return (None, node.value[part]) if inside else (None, None)
    if isinstance(node, yaml.MappingNode):
        for key, value in reversed(node.value):
            if key.value == part:
                return key, value
    return None, None

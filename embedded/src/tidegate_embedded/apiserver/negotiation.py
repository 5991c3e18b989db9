"""Content types: what a client sent, and in which form it wants its answer.

Answers are JSON, or YAML on demand; a client that only names protobuf gets JSON.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from tidegate_embedded.apiserver import errors, protobuf
from tidegate_embedded.apiserver.values import from_json

#: An object as it is, its metadata alone, or a table row.
Form = Literal["object", "metadata", "table"]

JSON = "application/json"
YAML = "application/yaml"
_READABLE = ("*/*", "application/*", JSON, YAML, "application/vnd.kubernetes.protobuf", "text/*")

_FORMS: dict[str, Form] = {
    "Table": "table",
    "PartialObjectMetadata": "metadata",
    "PartialObjectMetadataList": "metadata",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """The form and media type of an answer."""

    form: Form = "object"
    media_type: str = JSON


def wanted(accept: str) -> Wanted:
    """Read an Accept header: the first form that can be made; raises a 406."""
    clauses = [clause.strip() for clause in accept.split(",") if clause.strip()] or ["*/*"]
    for clause in clauses:
        media_type, *listed = [part.strip() for part in clause.split(";")]
        if media_type not in _READABLE:
            continue
        parameters = dict(part.partition("=")[::2] for part in listed)
        kept = YAML if media_type == YAML else JSON
        kind = parameters.get("as")
        if kind is None:
            return Wanted("object", kept)
        if kind in _FORMS and parameters.get("v") == "v1" and "protobuf" not in media_type:
            return Wanted(_FORMS[kind], kept)
    raise errors.not_acceptable([JSON, YAML])


def wants_aggregated(accept: str) -> bool:
    """Tell whether an Accept header asks for aggregated discovery in JSON."""
    return any(
        "as=APIGroupDiscoveryList" in clause
        and "v=v2" in {part.strip() for part in clause.split(";")}
        and clause.strip().startswith(JSON)
        for clause in accept.split(",")
    )


def first_offered(accept: str, offered: Iterable[str]) -> str:
    """Return the first media type of an Accept header that is offered; raises a 406."""
    known = tuple(offered)
    for clause in accept.split(","):
        media_type = clause.partition(";")[0].strip()
        if media_type in {"", "*/*", "application/*"}:
            return known[0]
        if media_type in known:
            return media_type
    raise errors.not_acceptable(known)


class _Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: times stay text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, expression) for tag, expression in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parsed(body: bytes, media_type: str) -> Any:
    """Parse a request's body; raises a 400 or 415."""
    if media_type in {JSON, ""} or media_type.endswith("+json"):
        try:
            return from_json(body)
        except ValueError as error:
            raise errors.bad_request(f"the body of the request is not JSON: {error}") from error
    if media_type == YAML or media_type.endswith("+yaml"):
        try:
            return yaml.load(body, _Loader)  # a SafeLoader
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise errors.bad_request(f"error decoding YAML: {error}") from error
    if media_type == protobuf.MEDIA_TYPE:
        return protobuf.parsed(body)
    raise errors.unsupported_media_type([JSON, YAML])


def as_yaml(value: Any) -> bytes:
    """Write a JSON value as YAML."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True).encode()

"""What a routing object claims: a host, and routes for it in Envoy's form. Pure.

Also here: the parts of a route that every kind of routing object says in its own words.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate_embedded.values import Manifest

ANY_HOST = "*"
_PARTS_OF_A_PERCENT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Routes for the requests to a host; `host` is a Service's full name, or as written."""

    host: str
    routes: tuple[Manifest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One destination of a route: a cluster, its weight, and changes of headers on the way."""

    cluster: str
    weight: float
    changes: Mapping[str, Any]


def destination(shares: Sequence[Share]) -> Manifest:
    """Write where a route leads; one without any weight leads nowhere, and is answered here."""
    total = sum(share.weight for share in shares)
    if len(shares) == 1 and total and not shares[0].changes:
        return {"route": {"cluster": shares[0].cluster}}
    if not total:
        return {"direct_response": {"status": 503}}
    return {
        "route": {
            "weighted_clusters": {
                "clusters": [
                    {"name": share.cluster, "weight": share.weight, **share.changes}
                    for share in shares
                ]
            }
        }
    }


def copies(shares: Iterable[Share]) -> Manifest:
    """Write which clusters get copies of requests; the weight of each is a percentage."""
    policies = [
        {
            "cluster": share.cluster,
            "runtime_fraction": {
                "default_value": {
                    "numerator": round(share.weight * _PARTS_OF_A_PERCENT),
                    "denominator": "MILLION",
                }
            },
        }
        for share in shares
        if share.weight
    ]
    return {"request_mirror_policies": policies} if policies else {}


def text_matcher(how: str, text: str, *, ignore_case: bool = False) -> Manifest:
    """Write a condition on text; `how` is exact, prefix, suffix or regex (of the whole text)."""
    if how == "regex":
        return {"safe_regex": {"regex": f"(?i:{text})" if ignore_case else text}}
    return {how: text, **({"ignore_case": True} if ignore_case else {})}


def header_changes(
    *,
    request: Manifest | None,
    response: Manifest | None,
) -> Manifest:
    """Write changes of headers, each given as maps `set` and `add` and a list `remove`."""
    changes: Manifest = {}
    for side, wanted in (("request", request or {}), ("response", response or {})):
        added = [
            {"header": {"key": name, "value": str(value)}, "append_action": action}
            for verb, action in (
                ("set", "OVERWRITE_IF_EXISTS_OR_ADD"),
                ("add", "APPEND_IF_EXISTS_OR_ADD"),
            )
            for name, value in sorted((wanted.get(verb) or {}).items())
        ]
        if added:
            changes[f"{side}_headers_to_add"] = added
        if wanted.get("remove"):
            changes[f"{side}_headers_to_remove"] = list(wanted["remove"])
    return changes


def replaced_prefix(prefix: str, replacement: str) -> Manifest:
    """Write the change of a path's prefix, so that no slash is doubled or lost."""
    if replacement.endswith("/") and not prefix.endswith("/"):
        pattern = f"^{re.escape(prefix)}/*"
        return {"regex_rewrite": {"pattern": {"regex": pattern}, "substitution": replacement}}
    return {"prefix_rewrite": replacement}


def replaced_path(replacement: str) -> Manifest:
    """Write the replacement of a whole path; the query stays."""
    return {"regex_rewrite": {"pattern": {"regex": "^/.*$"}, "substitution": replacement}}


def unknown(fields: Iterable[str], known: frozenset[str], place: str) -> list[str]:
    """Name the fields that are not known."""
    return [f"{place}.{name}" for name in fields if name not in known]

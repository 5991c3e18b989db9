"""Mutants: objects, answers and annotations as strangers might write them, made of good ones.

Chance is seeded: a seed gives the same mutants everywhere, so that what one run finds the next one
finds again.
"""

import string
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from random import Random
from typing import Any

from canary.api.annotations import PREFIX, VERBS
from canary.api.schema import spec_schema
from tests.api.examples import (
    GOOD_CANARIES,
    GOOD_POLICIES,
    GOOD_RECEIVERS,
    GOOD_TEMPLATES,
    JsonObject,
)
from tests.routers.builders import canaries, every_provider
from tests.security.hostile import HOSTILE

#: The Canaries of a user are those that routers are made for, and those that show every field.
GOOD: Mapping[str, tuple[JsonObject, ...]] = {
    "Canary": (
        *(canary.as_written() for provider in every_provider() for canary in canaries(provider)),
        *(each for each in GOOD_CANARIES.values() if "annotations" not in each["metadata"]),
    ),
    "MetricTemplate": tuple(GOOD_TEMPLATES.values()),
    "AlertProvider": tuple(GOOD_RECEIVERS.values()),
    "DeliveryPolicy": tuple(GOOD_POLICIES.values()),
}

#: Addresses that one reader takes and another does not.
ADDRESSES = (
    "http://[:::]/",
    "http://[::1%25lo]/",
    "http://[1.2.3]/",
    "http://a:99999/",
    "http://a:0/",
    "http://a..b/",
    "http://.a/",
    "http://-/",
    "http://\u2100.example/",
    "http://\uff11\uff12\uff17.0.0.1/",
    "http://\u0130.example/",
    "http://xn--a/",
    "http://" + "a" * 300 + "/",
    "http://a@b/%zz?%",
    "http://a\\b/",
    "http://%31%32%37.0.0.1/",
    "http://0x7f.1/",
    "http://2130706433/",
    "http://user:pa:ss@h/",
    "https://h/\u202e\u0000",
    "https://h/?q=\ud800",
    "http://h:080/{{ name }}",
)
_WORDS = (
    "",
    " ",
    "podinfo",
    "podinfo-primary",
    "kube-system",
    "tidegate.dev/v1beta1",
    "1",
    "true",
    "null",
    "0s",
    "10s",
    "-5s",
    "1e9h",
    "9999999999h",
    ".s",
    "24:00",
    "Europe/Berlin",
    "../../etc/passwd",
    "2026-02-30T00:00",
    "confirm-rollout",
    "rollout",
    "sequential",
    "kubernetes",
    "kubernetes:replicas",
    "gatewayapi",
    "gatewayapi+istio",
    "istio+istio",
    "smi:v9",
    "nginx",
    "linkerd",
    "DaemonSet",
    "StatefulSet",
    "Service",
    "(((((a+)+)+)+)+)$",
    "[",
    "*",
    "{{ target }}",
    "{{ range }}{{ end",
    '{{ printf "%d" 1 }}',
    "\ud800",
    "\ufeffx",
    "ü" * 63,
    "a" * 64,
    "a" * 254,
    "a" * 2049,
)
TEXTS = (*HOSTILE.values(), *ADDRESSES, *_WORDS)
_NUMBERS = (0, 1, -1, 2, 50, 99, 100, 101, 65535, 65536, 2**31, 2**63, -(2**64), 10**400)
_FRACTIONS = (0.0, -0.0, 0.5, 1e308, -1e-300, 10.0, float("nan"), float("inf"))
_KEYS = ("name", "namespace", "weight", "type", "__proto__", "a.b/c", "\ud800", "", "x" * 300)


def mutants(kind: str, seed: int, count: int) -> Iterator[JsonObject]:
    """Give objects of a kind, each a good one with one to four changes."""
    chance = Random(f"{kind} {seed}")
    for _ in range(count):
        obj = deepcopy(chance.choice(GOOD[kind]))
        for _ in range(chance.choice((1, 1, 1, 2, 2, 4))):
            _change(chance, obj, kind)
        yield obj


def _change(chance: Random, obj: JsonObject, kind: str) -> None:
    """Change one thing, most often in the spec."""
    where = chance.random()
    if where < 0.04:
        obj["metadata"] = _with_annotations(chance, obj["metadata"])
    elif where < 0.06:
        key = chance.choice(("apiVersion", "kind", "metadata", "spec", "status"))
        obj[key] = junk(chance)
    elif not isinstance(obj.get("spec"), dict):
        obj["spec"] = deepcopy(chance.choice(GOOD[kind])["spec"])
    else:
        _change_below(chance, obj, spec_schema(kind))


def _with_annotations(chance: Random, metadata: object) -> JsonObject:
    kept = metadata if isinstance(metadata, dict) else {"name": "podinfo"}
    return kept | {"annotations": annotations(chance)}


def _change_below(chance: Random, obj: JsonObject, schema: Mapping[str, Any]) -> None:
    places = [(obj, "spec", schema), *_places(obj["spec"], schema)]
    container, key, below = chance.choice(places)
    way = chance.random()
    if way < 0.15:
        del container[key]
    elif way < 0.45:
        container[key] = fitting(chance, below)
    elif way < 0.60:
        container[key] = junk(chance)
    elif way < 0.80:
        _add(chance, container[key], below)
    elif way < 0.90:
        other, part, _ = chance.choice(places)
        container[key] = deepcopy(other.get(part) if isinstance(other, dict) else other[part])
    elif isinstance(container[key], list) and container[key]:
        container[key] = deepcopy(container[key]) * chance.choice((2, 3, 70))
    else:
        container[key] = chance.choice(TEXTS)


def _places(
    node: Any, schema: Mapping[str, Any]
) -> Iterator[tuple[Any, str | int, Mapping[str, Any]]]:
    """Go through all places of a tree, with what the schema says of each."""
    entries = node.items() if isinstance(node, dict) else enumerate(node)
    for key, inner in list(entries):
        below = _schema_below(schema, key)
        yield node, key, below
        if isinstance(inner, dict | list):
            yield from _places(inner, below)


def _schema_below(schema: Mapping[str, Any], key: str | int) -> Mapping[str, Any]:
    if isinstance(key, int):
        below = schema.get("items", {})
    else:
        below = schema.get("properties", {}).get(key) or schema.get("additionalProperties", {})
    return below if isinstance(below, Mapping) else {}


def _add(chance: Random, node: Any, schema: Mapping[str, Any]) -> None:
    """Add a field that the schema knows, one that it does not, or an item."""
    if isinstance(node, list):
        node.append(fitting(chance, schema.get("items", {})))
    elif isinstance(node, dict):
        known = list(schema.get("properties", {}))
        if known and chance.random() < 0.8:
            name = chance.choice(known)
            node[name] = fitting(chance, schema["properties"][name])
        else:
            node[chance.choice(_KEYS)] = junk(chance)


def fitting(chance: Random, schema: Mapping[str, Any], depth: int = 0) -> Any:
    """Give a value of the type that a schema asks for, often at the edge of what it takes."""
    if "enum" in schema and chance.random() < 0.7:
        return chance.choice(schema["enum"])
    match schema.get("type"):
        case "object":
            required = schema.get("required", ())
            fields = {
                name: fitting(chance, below, depth + 1)
                for name, below in schema.get("properties", {}).items()
                if name in required or chance.random() < 0.3
            }
            values = schema.get("additionalProperties")
            if isinstance(values, Mapping):
                fields |= {chance.choice(_KEYS): fitting(chance, values, depth + 1)}
            return fields if depth < 6 else {}
        case "array":
            length = chance.choice((0, 1, 1, 2, 3))
            items = schema.get("items", {})
            return [fitting(chance, items, depth + 1) for _ in range(length)]
        case "integer":
            edges = [schema.get("minimum", 0), schema.get("maximum", 100)]
            return chance.choice((*edges, edges[0] - 1, edges[1] + 1, chance.randint(0, 100)))
        case "number":
            return chance.choice((*_NUMBERS[:8], *_FRACTIONS))
        case "boolean":
            return chance.random() < 0.5
        case "string":
            return _text(chance, schema)
        case _:
            return junk(chance, depth + 1)


def _text(chance: Random, schema: Mapping[str, Any]) -> str:
    way = chance.random()
    if way < 0.4:
        return chance.choice(_seen_texts())
    if way < 0.6:
        longest = min(schema.get("maxLength", 300), 300)
        length = chance.choice((0, 1, longest, longest + 1))
        return "".join(chance.choices(string.ascii_lowercase, k=length))
    return chance.choice(TEXTS)


@cache
def _seen_texts() -> tuple[str, ...]:
    """List what good objects say anywhere."""
    found = {
        inner
        for objects in GOOD.values()
        for obj in objects
        for container, key, _ in _places(obj, {})
        if isinstance(inner := container[key], str)
    }
    return tuple(sorted(found))


def junk(chance: Random, depth: int = 0) -> Any:
    """Give any value of JSON."""
    makers = [
        lambda: None,
        lambda: chance.random() < 0.5,
        lambda: chance.choice(_NUMBERS),
        lambda: chance.choice(_FRACTIONS),
        lambda: chance.choice(TEXTS),
        dict,
        list,
    ]
    if depth < 4:
        makers += [
            lambda: [junk(chance, depth + 1) for _ in range(chance.randint(1, 3))],
            lambda: {
                chance.choice(_KEYS): junk(chance, depth + 1) for _ in range(chance.randint(1, 3))
            },
            lambda: _nested(chance.choice((10, 200))),
        ]
    return chance.choice(makers)()


def _nested(depth: int) -> Any:
    node: Any = 1
    for level in range(depth):
        node = [node] if level % 2 else {"a": node}
    return node


def annotations(chance: Random) -> dict[str, str]:
    """Give annotations as an API server takes them: all are text."""
    keys = (
        *(PREFIX + verb for verb in VERBS),
        PREFIX + "accept-risk",
        PREFIX + "release",
        PREFIX + "send-to",
        PREFIX + "nothing-of-ours",
        "kubectl.kubernetes.io/last-applied-configuration",
    )
    return {chance.choice(keys): command(chance) for _ in range(chance.randint(1, 4))}


def command(chance: Random) -> str:
    """Give the value of a command's annotation: a signature, more or less."""
    parts = [
        "@",
        chance.choice(("alice", "", "system:serviceaccount:a:b", chance.choice(TEXTS))),
        " via ",
        chance.choice(("cli", "", "dashboard", chance.choice(TEXTS))),
        " at ",
        chance.choice(("2026-01-01T00:00:00Z", "", "never", "9999-99-99", chance.choice(TEXTS))),
        chance.choice(("", " for confirm-promotion", " for 3", " for " + chance.choice(TEXTS))),
        ": ",
        chance.choice(TEXTS),
    ]
    if chance.random() < 0.5:
        del parts[chance.randrange(len(parts))]
    # No API server takes a lone surrogate: it is no text in UTF-8.
    return "".join(parts).encode(errors="replace").decode()


def mutated_json(chance: Random, document: Any) -> Any:
    """Change a document that another program has sent: one to three places of it."""
    root = {"root": deepcopy(document)}
    for _ in range(chance.randint(1, 3)):
        container, key, _ = chance.choice(list(_places(root, {})))
        way = chance.random()
        if way < 0.2 and container is not root:
            del container[key]
        elif way < 0.4 and isinstance(container[key], dict | list):
            _add(chance, container[key], {})
        else:
            container[key] = junk(chance)
    return root.get("root")


def mutated_bytes(chance: Random, body: bytes) -> bytes:
    """Damage a body on its way: cut, doubled, with foreign bytes in it."""
    place = chance.randint(0, len(body))
    way = chance.choice(("cut", "doubled", "foreign", "flipped"))
    if way == "cut":
        return body[:place]
    if way == "doubled":
        return body + body
    if way == "foreign" or not body:
        return body[:place] + chance.randbytes(chance.randint(1, 40)) + body[place:]
    at = min(place, len(body) - 1)
    return body[:at] + bytes([body[at] ^ chance.randint(1, 255)]) + body[at + 1 :]

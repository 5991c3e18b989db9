"""The page of payloads: written from the models of what is sent, with what the code makes of an example."""

import ast
import inspect
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from textwrap import dedent
from types import UnionType
from typing import Any, get_type_hints

from canary.api.annotations import IMAGES, REVISION, STEP, WEIGHT
from canary.api.meta import GROUP
from canary.api.status import Notice, Phase, Severity
from canary.controller.canaries import CanaryObject
from canary.controller.events import EventSource, RecordedEvent, event_of
from canary.controller.payloads import notice_payload
from canary.controller.reading import CanaryReader
from canary.controller.wholes import whole_of
from canary.hooks.payload import EventMetadata, HookPayload
from canary.notifiers import Alert
from canary.notifiers.cdevents import CDEvent, cdevent
from canary.notifiers.cloudevents import CarriedEvent, CloudEvent, carried, event
from canary.notifiers.payload import (
    AlertField,
    AlertLinks,
    AlertPayload,
    RunPayload,
    WholePayload,
    payload,
    whole_payload,
)
from canary.notifiers.posting import as_sent
from canary.notifiers.webhook import SIGNATURE
from tests.docs.pages import DOCS, slug

PAGE = DOCS / "payloads.md"
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
#: What a call carries beside its body, in the order of the page.
HEADERS: Mapping[str, str] = {
    "Content-Type": "`application/json`; of a CloudEvent `application/cloudevents+json`",
    "Idempotency-Key": "the same for every repeat: a receiver can drop what it has seen",
    "X-Tidegate-Attempt": "calls of hooks: 1, and one more for each repeat of this call",
    "traceparent": "calls of hooks, where runs are [traced](monitoring.md#traces): the call's span",
    SIGNATURE: "alerts of the type `webhook`, where the Secret has the key `hmac`: "
    "[a signature](#a-signature)",
    "Authorization": "`Bearer` and the key `token` of the Secret, where there is one",
}
#: The models of the page; each is linked where a field holds it.
MODELS: tuple[type, ...] = (
    HookPayload,
    EventMetadata,
    AlertPayload,
    AlertField,
    WholePayload,
    RunPayload,
    AlertLinks,
    CloudEvent,
    CarriedEvent,
    CDEvent,
    RecordedEvent,
    EventSource,
)
_HEADINGS: Mapping[type, str] = {
    HookPayload: "A call of a hook",
    EventMetadata: "A call that tells what has happened",
    AlertPayload: "An alert",
    AlertField: "A field of an alert",
    WholePayload: "The whole of an alert",
    RunPayload: "A run of an alert",
    AlertLinks: "The links of an alert",
    CloudEvent: "A CloudEvent",
    CarriedEvent: "A CloudEvent with a CDEvent",
    CDEvent: "A CDEvent",
    RecordedEvent: "An event in the cluster",
    EventSource: "The source of an event",
}
_BELOW: Mapping[type, str] = {
    HookPayload: "`name`, `namespace`, `phase`, `checksum` and `metadata` are those of Flagger. "
    "What the answer does is on the page of [hooks](gates.md#hooks).",
    EventMetadata: "For hooks of the types `event` and `post-rollout`, and for "
    "`--event-webhook`. Their answer changes nothing.",
    AlertPayload: "Sent by AlertProviders of the type `webhook`, and by `TIDEGATE_ALERT_WEBHOOK`. "
    "Any 2xx is success; 429, 5xx and a receiver that is down are tried again for an hour. "
    "[Troubleshooting](troubleshooting.md) explains each reason.",
    WholePayload: "Sent by AlertProviders of the type `webhook` with "
    "[`version: 2`](gates.md#what-else-can-be-chosen-of-a-receiver) in their `settings`. The whole "
    "is what the status says when the controller first sends the alert; a repeat after a restart of "
    "the controller may say more. `view` has 48 KiB at most: of a Canary with more to say, the "
    "oldest runs and commands are left out first. It holds nothing of a Secret.",
    CloudEvent: "Sent by AlertProviders of the type `cloudevents`, in structured mode.",
    CarriedEvent: "Sent as well by AlertProviders of the type `cloudevents` with "
    "[`format: cdevents`](gates.md#what-else-can-be-chosen-of-a-receiver) in their `settings`, for "
    "the reasons `Promoted` and `RolledBack` where an image of the promoted revision has a digest.",
    RecordedEvent: "`kubectl describe` and `tidegate events` show them.",
}
ANNOTATIONS: Mapping[str, str] = {
    REVISION: "the revision in question",
    IMAGES: "its images, or what it changes in them",
    WEIGHT: "percent of traffic that the canary had, as text",
    STEP: "the step of the run, as text; `0` before the first",
}
_INTRODUCTION = """\
# Payloads

What hooks and receivers are sent, and what events in the cluster say, field by field.
Made from the models in the code; a test fails when this page is stale.
Ignore fields that you do not know: a release may add some.

## Headers

| header | holds |
|---|---|
"""
_SIGNED = """\
## A signature

`t=1790000000,v1=…`: `t` is when the alert was raised, in seconds since 1970.
`v1` is an HMAC in hexadecimal digits: SHA-256, of `t`, a dot and the body byte for byte, by the value of the key `hmac` without blanks around it.
Compare it in constant time, and ignore parts of other names: a release may add some.
A repeat is signed as the first attempt was, so let an alert be an hour old, and drop an `Idempotency-Key` that you have seen.
"""


def page() -> str:
    """Write the page."""
    headers = "".join(f"| `{name}` | {text} |\n" for name, text in HEADERS.items())
    return "\n".join((f"{_INTRODUCTION}{headers}", _SIGNED, *map(_section, MODELS)))


def fields_of(model: type) -> dict[str, str]:
    """Give the fields of a model with what is written below each."""
    body = ast.parse(dedent(inspect.getsource(model))).body[0]
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    name = ""
    for node in body.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
            found[name] = ""
        elif name and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found[name], name = " ".join(str(node.value.value).split()), ""
    return found


def examples() -> dict[type, Any]:
    """Give what the code sends of one rollback."""
    alert, record, notice = _alert(), _record(), _notice()
    whole = json.loads(as_sent(whole_payload(alert)))
    told = cdevent(alert, event(alert)["source"])
    assert told is not None
    called = json.loads(notice_payload(record, "eu-1", notice, {"team": "carts"}).as_json())
    written = dict(event_of(record, notice))
    return {
        HookPayload: called,
        EventMetadata: called["metadata"],
        AlertPayload: payload(alert),
        AlertField: payload(alert)["fields"][0],
        WholePayload: {name: whole[name] for name in fields_of(WholePayload)},
        RunPayload: whole["run"],
        AlertLinks: whole["links"],
        CloudEvent: event(alert) | {"data": {"id": alert.id, "…": "as above"}},
        CarriedEvent: carried(told),
        CDEvent: told,
        RecordedEvent: written,
        EventSource: written["source"],
    }


def _section(model: type) -> str:
    parts = [f"## {_HEADINGS[model]}\n", f"{(model.__doc__ or '').splitlines()[0]}"]
    if model in _BELOW:
        parts.append(_BELOW[model])
    parts.append("\n| field | type | holds |\n|---|---|---|")
    parts += _rows(model)
    if model is RecordedEvent:
        parts.append("\n| annotation | holds |\n|---|---|")
        parts += [f"| `{name}` | {text} |" for name, text in ANNOTATIONS.items()]
    if model in _BELOW and model is not EventMetadata:
        shown = json.dumps(examples()[model], indent=2, ensure_ascii=False)
        parts.append(f"\n```json\n{shown}\n```")
    return "\n".join((*parts, ""))


def _rows(model: type) -> Iterator[str]:
    hints = get_type_hints(model)
    for name, text in fields_of(model).items():
        yield f"| `{name}` | {_type(hints[name])} | {text} |"


def _type(hint: Any) -> str:
    """Say what a field holds, with a link to its table where it has one."""
    if hint in MODELS:
        return f"[object](#{slug(_HEADINGS[hint])})"
    several = [each for each in getattr(hint, "__args__", ()) if each is not type(None)]
    if isinstance(hint, UnionType):
        return f"{_type(several[0])} or null"
    origin, arguments = getattr(hint, "__origin__", None), getattr(hint, "__args__", ())
    if origin is list:
        return f"[list of objects](#{slug(_HEADINGS[arguments[0]])})"
    if origin is not None:
        return "object of texts" if arguments[-1] is str else "object"
    return {str: "text", int: "number"}[hint]


# ----------------------------------------------------------------------------------- the example

_MESSAGE = "Rolled back: request-duration 612 ms, at most 500 ms, 3 of 3"
_DASHBOARD = "https://tidegate.example.com"
_IMAGES = "shop:6.0 → shop:6.1"


def _alert() -> Alert:
    return Alert(
        id="5f1c9e/63d2a1-0",
        reason="RolledBack",
        severity=Severity.ERROR,
        message=_MESSAGE,
        name="shop",
        namespace="shop",
        target="shop",
        phase=Phase.FAILED,
        weight=20,
        step=2,
        revision="7f3a9c",
        images=_IMAGES,
        serving=f"registry.example.com/web/shop:6.0@sha256:{'19bc04' * 10}19bc",
        cluster="eu-1",
        logs="https://grafana.example.com/explore?app=shop",
        runbook="https://wiki.example.com/runbooks/RolledBack",
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        run=41,
        link=f"{_DASHBOARD}/c/shop/shop",
        whole=whole_of(_record(), 41, _DASHBOARD),
        fields=(("Images", _IMAGES), ("Revision", "7f3a9c")),
        at=MOMENT,
    )


def _record() -> CanaryObject:
    spec = {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
        "service": {"port": 80},
        "analysis": {"stepWeight": 20},
    }
    metadata = {
        "name": "shop",
        "namespace": "shop",
        "uid": "5f1c9e",
        "resourceVersion": "4711",
        "generation": 3,
    }
    return CanaryReader("istio").read(
        {
            "apiVersion": f"{GROUP}/v1beta1",
            "kind": "Canary",
            "metadata": metadata,
            "spec": spec,
            "status": {
                "phase": "Failed",
                "lastAppliedSpec": "7f3a9c",
                "runs": 41,
                "history": [
                    {
                        "revision": "7f3a9c",
                        "images": _IMAGES,
                        "outcome": "RolledBack",
                        "reason": "ChecksFailed",
                        "message": _MESSAGE,
                        "startedAt": "2026-01-02T02:58:05Z",
                        "durationSeconds": 360,
                    },
                    {
                        "revision": "19bc04",
                        "images": "shop:5.9 → shop:6.0",
                        "outcome": "Promoted",
                        "reason": "Promoted",
                        "message": "Promoted: every step passed",
                        "startedAt": "2025-12-30T10:00:00Z",
                        "durationSeconds": 720,
                    },
                ],
            },
        }
    )


def _notice() -> Notice:
    return Notice(
        id="63d2a1-0",
        reason="RolledBack",
        message=_MESSAGE,
        severity=Severity.ERROR,
        at=MOMENT,
        phase=Phase.FAILED,
        weight=20,
        step=2,
        revision="7f3a9c",
        images=_IMAGES,
        run=41,
    )

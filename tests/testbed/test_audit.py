"""An audit log that grows is read on, line by line."""

import json
from pathlib import Path
from typing import Any

from tests.testbed.audit import AuditLog, entries

DECISION = "authorization.k8s.io/decision"


def line(agent: str, name: str, *, verb: str = "patch", stage: str = "ResponseComplete") -> str:
    event: dict[str, Any] = {
        "stage": stage,
        "requestURI": "/",
        "verb": verb,
        "user": {"username": "somebody"},
        "userAgent": agent,
        "objectRef": {"resource": "canaries", "name": name},
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": "2026-01-01T00:00:00.000000Z",
    }
    return json.dumps(event) + "\n"


def names(log: AuditLog) -> list[str]:
    return [entry.name for entry in log.entries]


def append(file: Path, text: str) -> None:
    with file.open("a") as log:
        log.write(text)


def test_it_begins_where_the_log_stands_and_keeps_what_is_asked_for(tmp_path):
    file = tmp_path / "audit.log"
    file.write_text(line("tidegate/a", "before"))
    log = AuditLog(file, user_agents="tidegate/")
    assert names(log) == []
    append(file, line("tidegate/a", "one") + line("kubectl", "other") + line("tidegate/b", "two"))
    assert names(log) == ["one", "two"]
    append(file, line("tidegate/a", "three"))
    assert names(log) == ["one", "two", "three"]


def test_a_line_that_is_being_written_is_read_when_it_is_whole(tmp_path):
    file = tmp_path / "audit.log"
    file.touch()
    log = AuditLog(file, user_agents="tidegate/")
    whole = line("tidegate/a", "one")
    append(file, whole[:20])
    assert names(log) == []
    append(file, whole[20:] + line("tidegate/a", "two")[:-1])
    assert names(log) == ["one"]


def test_a_watch_counts_as_it_opens(tmp_path):
    file = tmp_path / "audit.log"
    file.touch()
    log = AuditLog(file, user_agents="tidegate/")
    append(file, line("tidegate/a", "opened", verb="watch", stage="ResponseStarted"))
    append(file, line("tidegate/a", "ended", verb="watch"))
    assert names(log) == ["opened"]


def test_only_what_the_authorizer_refuses_is_forbidden(tmp_path):
    file = tmp_path / "audit.log"
    decided = [
        {**json.loads(line("tidegate/a", said)), "annotations": {DECISION: said}}
        for said in ("forbid", "allow")
    ]
    file.write_text("".join(json.dumps(each) + "\n" for each in decided))
    assert [(each.name, each.forbidden) for each in entries(file)] == [
        ("forbid", True),
        ("allow", False),
    ]

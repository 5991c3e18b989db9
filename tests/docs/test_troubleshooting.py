"""The page for people who were just woken: every reason has a row that says what to do."""

from canary.core.conditions import (
    AT_RISK,
    INVALID,
    PROGRESSING,
    PROMOTED,
    READY,
    SPEC_WARNINGS,
    STALLED,
)
from canary.core.references import REFERENCES_RESOLVED
from canary.core.waits import MEANINGS, WRONG
from tests.docs.pages import DOCS
from tests.docs.reasons import reasons, rows

PAGE = DOCS / "troubleshooting.md"
#: The conditions, which have a table of their own.
CONDITIONS = {
    READY,
    PROGRESSING,
    STALLED,
    PROMOTED,
    AT_RISK,
    INVALID,
    SPEC_WARNINGS,
    REFERENCES_RESOLVED,
}
#: What the kubelet says of a pod, and a run that is rolled back for it repeats.
FROM_KUBERNETES = {
    "CrashLoopBackOff",
    "ErrImageNeverPull",
    "ImagePullBackOff",
    "InvalidImageName",
    "OOMKilled",
}


def test_every_reason_has_a_row() -> None:
    known = rows(PAGE)
    missing = [
        f"| `{reason}` | what it means | what to look at | what to do |   (from {place})"
        for reason, place in sorted(reasons().items())
        if reason not in known
    ]

    assert missing == [], "add a row for each of these to docs/troubleshooting.md:\n" + "\n".join(
        missing
    )


def test_every_row_is_for_a_reason_that_there_is() -> None:
    code = {*reasons(), *CONDITIONS, *FROM_KUBERNETES}

    assert sorted(set(rows(PAGE)) - code) == [], "remove these rows from docs/troubleshooting.md"


def test_what_is_wrong_has_a_remedy() -> None:
    for reason in WRONG:
        *_, remedy, _ = rows(PAGE)[reason].split("|")
        assert remedy.strip(), reason


def test_the_scan_finds_what_is_known() -> None:
    found = reasons()

    assert found.keys() >= MEANINGS.keys()
    assert found.keys() >= {"Promoted", "ChecksFailed", "AlertNotDelivered", "PolicyIgnored"}

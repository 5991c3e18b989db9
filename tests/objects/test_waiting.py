"""Why containers of a pod wait."""

import pytest

from canary.objects.waiting import waiting_containers


def waits(reason: object, said: object = "", /, **last: object) -> dict[str, object]:
    waiting = {"reason": reason, "message": said}
    return {"name": "app", "state": {"waiting": waiting}, "lastState": {"terminated": last}}


@pytest.mark.parametrize(
    ("container", "cause", "message"),
    [
        (waits("ImagePullBackOff", " no such image "), "ImagePullBackOff", "no such image"),
        (
            waits("CrashLoopBackOff", "back-off", exitCode=3, message="no port\n"),
            "CrashLoopBackOff",
            "back-off; no port; exit code 3",
        ),
        (waits("CrashLoopBackOff", reason="OOMKilled"), "OOMKilled", ""),
        (waits(7, ["x"]), "", ""),
    ],
)
def test_a_container_that_waits_says_why(container, cause, message):
    (found,) = waiting_containers({"status": {"containerStatuses": [container]}})
    assert (found.name, found.cause, found.message) == ("app", cause, message)


def test_containers_that_run_before_the_others_come_first():
    init, app = waits("A"), waits("B")
    status = {"containerStatuses": [app], "initContainerStatuses": [init]}
    assert [each.reason for each in waiting_containers({"status": status})] == ["A", "B"]


@pytest.mark.parametrize(
    "pod",
    [
        {},
        {"status": None},
        {"status": {"containerStatuses": "x"}},
        {"status": {"containerStatuses": ["x", {"state": {"running": {}}}]}},
    ],
)
def test_what_runs_or_cannot_be_read_does_not_wait(pod):
    assert list(waiting_containers(pod)) == []

"""A network of its own: what a command can do in it, and that nothing of it stays."""

import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.testbed.tools import ROOT

pytestmark = pytest.mark.control_plane

DEADLINE_SECONDS = 180.0
SERVES_A_POD = """
import socket, sys, threading
with socket.create_server(("10.244.3.7", 8080)) as pod:
    def answer():
        connection, _ = pod.accept()
        with connection:
            connection.sendall(b"served")
    threading.Thread(target=answer).start()
    with socket.create_connection(("10.244.3.7", 8080), timeout=5) as client:
        print(client.recv(6).decode())
"""
#: A child that has left its parent and its session, as a daemon would.
LEAVES_ONE_BEHIND = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", sys.argv[1]], start_new_session=True)
print("started", flush=True)
sys.stdin.read()
"""
MARKED = "import sys, threading; marker = {marker!r}; threading.Event().wait()"


def started(*command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.testbed.namespace", *command],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ran(*command: str) -> tuple[int, str, str]:
    with started(*command) as process:
        out, err = process.communicate(timeout=DEADLINE_SECONDS)
    return process.returncode, out, err


def marked(marker: str) -> list[int]:
    """The processes of the whole machine that carry a text in their command line."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            said = file.read_text()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if f"marker = {marker!r}" in said and "-m\0tests.testbed.namespace" not in said:
            found.append(int(file.parent.name))
    return found


def eventually(holds, what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"did not happen: {what}"
        threading.Event().wait(0.02)


@pytest.mark.parametrize("code", [0, 1, 42])
def test_the_exit_code_is_that_of_the_command(code):
    assert ran("sh", "-c", f"exit {code}")[0] == code


def test_a_command_that_a_signal_ended_is_told_as_a_shell_does():
    assert ran("sh", "-c", "kill -KILL $$")[0] == 128 + signal.SIGKILL


def test_an_address_of_the_pod_network_serves_like_any_other():
    code, out, err = ran(sys.executable, "-c", SERVES_A_POD)
    assert (code, out, err) == (0, "served\n", "")


def test_a_process_knows_whether_it_is_inside():
    tells = "from tests.testbed.namespace import inside; print(inside())"
    assert ran(sys.executable, "-c", tells)[1] == "True\n"


def test_what_runs_outside_is_not_reached_from_inside():
    with socket.create_server(("127.0.0.1", 0)) as outside:
        address = outside.getsockname()
        asks = f"import socket; socket.create_connection({address!r}, timeout=5)"
        code, _, err = ran(sys.executable, "-c", asks)
    assert code == 1
    assert "ConnectionRefusedError" in err


def test_only_its_own_processes_are_seen():
    code, out, _ = ran("sh", "-c", "echo /proc/[0-9]*")
    assert code == 0
    assert out == "/proc/1 /proc/2\n"


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def sent(request):
    """A signal that is heard: one that is ignored here, as under nohup, no shell below can trap."""
    before = signal.signal(request.param, signal.SIG_DFL)
    yield request.param
    signal.signal(request.param, before)


def test_a_signal_ends_the_command_in_order(sent):
    tells = f"trap 'echo in order; exit 5' {sent.name[3:]}; echo ready; while :; do read x; done"
    with started("sh", "-c", tells) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(sent)
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "in order\n"
        assert process.wait(DEADLINE_SECONDS) == 5


@pytest.mark.parametrize("killed", [False, True], ids=["ended", "killed"])
def test_nothing_stays_behind(tmp_path, killed):
    marker = str(tmp_path)
    child = MARKED.format(marker=marker)
    with started(sys.executable, "-c", LEAVES_ONE_BEHIND, child) as process:
        assert process.stdout.readline() == "started\n"
        eventually(lambda: marked(marker), "the child runs")
        if killed:
            process.kill()
        else:
            process.stdin.close()
        assert process.wait(DEADLINE_SECONDS) == (-signal.SIGKILL if killed else 0)
        eventually(lambda: not marked(marker), "the child has ended")


def test_a_missing_command_is_named_with_an_example():
    code, _, err = ran("no-such-command")
    assert code == 1
    assert "name a command" in err


def test_where_there_can_be_no_namespace_the_remedy_is_said():
    """A namespace that may have no further ones is such a machine."""
    denied = (
        "echo 0 > /proc/sys/user/max_user_namespaces; "
        f"exec {sys.executable} -m tests.testbed.namespace true"
    )
    code, _, err = ran("sh", "-c", denied)
    assert code == 1
    assert "sysctl -w user.max_user_namespaces" in err
    assert "unshare: No space left on device" in err

"""A network of its own for a command: `python -m tests.testbed.namespace COMMAND ...`.

In it every address of the pod and service networks belongs to this machine, so that an ordinary
process can be a pod on its own address. Nothing of it reaches the outside, nothing of the outside
reaches it, and whatever runs in it ends with the command, also when this process is killed.
It needs no root and no program: Linux's system calls are all there is to it.
"""

import ctypes
import fcntl
import os
import shutil
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

#: What the pods of the testbed are given, and what its services are.
POD_NETWORK = "10.244.0.0/16"
SERVICE_NETWORK = "10.96.0.0/16"

# Linux: sched.h, mount.h, prctl.h, if.h, sockios.h, rtnetlink.h.
_NEW_MOUNTS, _NEW_USER, _NEW_PROCESSES, _NEW_NETWORK = 0x20000, 0x10000000, 0x20000000, 0x40000000
_PRIVATE_ALL = 0x44000
_DIE_WITH_PARENT = 1
_SET_FLAGS, _IS_UP = 0x8914, 0x1
_NEW_ROUTE, _REQUEST_CREATE_ACKNOWLEDGE = 24, 0x1 | 0x4 | 0x400
_LOCAL_TABLE, _BOOT, _HOST_SCOPE, _LOCAL_ROUTE = 255, 3, 254, 2
_DESTINATION, _INTERFACE = 1, 4
_LOOPBACK = b"lo"

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_AWAITED = {*_PASSED_ON, signal.SIGCHLD}
_REMEDY = """\
The tests on a real control plane need a user namespace, which this machine refuses ({cause}).
An administrator allows them with whichever of these the machine knows:
  sysctl -w user.max_user_namespaces=15000
  sysctl -w kernel.unprivileged_userns_clone=1
  sysctl -w kernel.apparmor_restrict_unprivileged_userns=0
In a container: run it privileged, or without its seccomp and AppArmor profiles."""


class NamespaceRefused(Exception):
    """The machine does not let us have a namespace; says what would."""


def run(command: Sequence[str]) -> int:
    """Run a command in a network of its own; give its exit code, as a shell does.

    Signals are passed on to the command. Must be called by a process with a single thread.

    Raises:
        NamespaceRefused: there can be no such network here.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
    uid, gid = os.getuid(), os.getgid()
    try:
        _system_call("unshare", _NEW_USER | _NEW_NETWORK | _NEW_PROCESSES | _NEW_MOUNTS)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"0 {uid} 1")
        _write("/proc/self/gid_map", f"0 {gid} 1")
    except OSError as refused:
        raise NamespaceRefused(_REMEDY.format(cause=refused)) from refused
    alive, living = os.pipe()
    first = os.fork()
    if first == 0:
        os.close(living)
        _become_first(command, alive)
    os.close(alive)
    os.write(living, b"!")
    return _wait(first)


def _become_first(command: Sequence[str], alive: int) -> NoReturn:
    """Be the first process of the namespace: when it ends, the kernel ends all others."""
    code = 1
    try:
        _system_call("prctl", _DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
        if os.read(alive, 1):  # else the parent went before we were bound to it
            os.close(alive)
            _mount_processes()
            _raise_loopback()
            for network in (POD_NETWORK, SERVICE_NETWORK):
                _add_local_route(network)
            code = _wait(_start(command))
    except OSError as refused:
        print(_REMEDY.format(cause=refused), file=sys.stderr)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _start(command: Sequence[str]) -> int:
    process_id = os.fork()
    if process_id == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _AWAITED)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        try:
            os.execvp(command[0], list(command))
        except OSError as error:
            print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        os._exit(127)
    return process_id


def _wait(awaited: int) -> int:
    """Wait until a child ends, and bury all others; pass signals on to it meanwhile."""
    while True:
        received = signal.sigwaitinfo(_AWAITED)
        if received.si_signo != signal.SIGCHLD:
            # What the terminal sends, the kernel gives to the whole group: the child has it.
            if received.si_code <= 0:
                with suppress(ProcessLookupError):
                    os.kill(awaited, received.si_signo)
            continue
        while True:
            try:
                ended, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if ended == awaited:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
            if ended == 0:
                break


def _system_call(name: str, *arguments: object) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _write(file: str, text: str) -> None:
    with open(file, "w") as opened:  # noqa: PTH123 - one write, as the kernel wants it
        opened.write(text)


def _mount_processes() -> None:
    """Let /proc show the processes of this namespace, and to nobody outside."""
    _system_call("mount", b"none", b"/", None, _PRIVATE_ALL, None)
    _system_call("mount", b"proc", b"/proc", b"proc", 0, None)


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sh14x", _LOOPBACK, _IS_UP))


def _add_local_route(network: str) -> None:
    """Say to the kernel: ip route add local NETWORK dev lo."""
    address, _, length = network.partition("/")
    route = struct.pack(
        "BBBBBBBBI",
        socket.AF_INET, int(length), 0, 0,
        _LOCAL_TABLE, _BOOT, _HOST_SCOPE, _LOCAL_ROUTE, 0,
    )  # fmt: skip
    route += struct.pack("HH4s", 8, _DESTINATION, socket.inet_aton(address))
    route += struct.pack("HHI", 8, _INTERFACE, socket.if_nametoindex(_LOOPBACK.decode()))
    head = struct.pack("IHHII", 16 + len(route), _NEW_ROUTE, _REQUEST_CREATE_ACKNOWLEDGE, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.send(head + route)
        # An acknowledgement is an error message with the number 0.
        (failed,) = struct.unpack_from("i", kernel.recv(4096), 16)
    if failed:
        raise OSError(-failed, f"route to {network}: {os.strerror(-failed)}")


def inside() -> bool:
    """Tell whether this process has such a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((POD_NETWORK.partition("/")[0][:-1] + "1", 0))
        except OSError:
            return False
    return True


if __name__ == "__main__":
    if not sys.argv[1:] or shutil.which(sys.argv[1]) is None:
        sys.exit("name a command to run in a network of its own, such as: bash")
    try:
        sys.exit(run(sys.argv[1:]))
    except NamespaceRefused as without:
        sys.exit(str(without))

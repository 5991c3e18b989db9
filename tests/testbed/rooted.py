"""A command that finds a folder of ours at the root: `python rooted.py FOLDER AT COMMAND ...`.

Some programs read certificates from a path that is written into them. In a namespace of its own
(`namespace.py`) this needs no root: the command gets a root of its own, in which everything else is
what it is outside.
"""

import ctypes
import os
import sys
from pathlib import Path
from tempfile import mkdtemp

# Linux: sched.h, mount.h.
_NEW_MOUNTS = 0x20000
_PRIVATE_ALL, _BIND_ALL = 0x44000, 0x5000


def become(folder: Path, at: str, command: list[str]) -> None:
    """Become the command; the folder is `/AT` to it."""
    _system_call("unshare", _NEW_MOUNTS)
    _system_call("mount", b"none", b"/", None, _PRIVATE_ALL, None)
    root = Path(mkdtemp(prefix="root-", dir=folder.parent))
    for entry in Path("/").iterdir():
        if entry.name == at:
            continue
        inside = root / entry.name
        if entry.is_symlink():
            inside.symlink_to(entry.readlink())
        elif entry.is_dir():
            inside.mkdir()
            _bind(entry, inside)
    (root / at).mkdir()
    _bind(folder, root / at)
    os.chroot(root)
    os.execv(command[0], command)


def _bind(folder: Path, inside: Path) -> None:
    _system_call("mount", bytes(folder), bytes(inside), None, _BIND_ALL, None)


def _system_call(name: str, *arguments: object) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


if __name__ == "__main__":
    become(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])

"""The image on a base of its own: the Dockerfile's steps in a clean Debian, entered by chroot.

It needs root, to make device files and to enter another root; and Debian's packages. The result
runs as nobody in particular, on a file system that it can't write to.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.controller.running import World, until
from tests.delivery.dockerfile import Image, registries
from tests.testbed.tools import made_once
from tidegate_embedded.network import free_port
from tidegate_embedded.process import last_lines, start_program, stop_program

pytestmark = [
    pytest.mark.delivery,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: chroot, and device files"),
]

SUITE = "bookworm"
PACKAGES = ("ca-certificates", "python3", "python3-pip", "python3-venv")
PATH = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: What tells programs of this machine where the network's services are, and whom to trust.
NETWORK = ("/etc/hosts", "/etc/resolv.conf", "/etc/pip.conf")
#: Enter a root that can't be written to but for /tmp, where `$2` is seen.
ENTER = """
mount --bind "$1" "$1"
mount --bind "$2" "$1/tmp"
mount -o remount,bind,ro "$1"
root=$1 user=$3; shift 3
exec chroot --userspec="$user" --groups= "$root" "$@"
"""


def find_debootstrap(folder: Path) -> tuple[str, dict[str, str]]:
    """Find debootstrap, or unpack its package; give it with the environment that it needs."""
    found = shutil.which("debootstrap")
    if found:
        return found, dict(os.environ)
    folder.mkdir()
    subprocess.run(["apt-get", "-qq", "download", "debootstrap"], cwd=folder, check=True)
    (package,) = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], check=True)
    parts = folder / "usr" / "share" / "debootstrap"
    program = folder / "usr" / "sbin" / "debootstrap"
    return str(program), {**os.environ, "DEBOOTSTRAP_DIR": str(parts)}


def find_archive() -> str:
    """Find where this machine gets the packages of the suite from."""
    asked = ("apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)")
    listed = subprocess.run(
        [*asked, "Created-By: Packages"], capture_output=True, text=True, check=True
    )
    rows = [line.split() for line in listed.stdout.splitlines()]
    found = [address for suite, component, address in rows if (suite, component) == (SUITE, "main")]
    assert found, f"apt has no source for {SUITE} main: name one in /etc/apt/sources.list"
    return found[0]


def make_debian(folder: Path) -> None:
    """Make a Debian with Python, as far as the base image of the Dockerfile has it."""
    program, environment = find_debootstrap(folder.with_name("debootstrap"))
    include = f"--include={','.join(PACKAGES)}"
    subprocess.run(
        [program, "--variant=minbase", include, SUITE, str(folder), find_archive()],
        env=environment,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    (folder / "usr" / "local" / "bin" / "python").symlink_to("/usr/bin/python3")


class Rooted(Image):
    """An image whose stages are whole systems, each a copy of `base`."""

    base: Path

    def begin(self, argument: str) -> None:
        """FROM: put the stage before aside, and start from the base."""
        super().begin(argument)
        self.root.rmdir()
        subprocess.run(["cp", "-a", "--reflink=auto", str(self.base), str(self.root)], check=True)
        bundles = {value for name, value in registries().items() if name == "PIP_CERT"}
        for file in (*NETWORK, *bundles):
            if Path(file).is_file():
                shutil.copy(file, self.root / file.lstrip("/"))

    def inside(self, text: str) -> str:
        """Leave paths as they are: who enters the root sees no other."""
        return text

    def environment(self) -> dict[str, str]:
        """Give the environment of what runs in the image."""
        return {"PATH": PATH} | {
            name: value.replace("$PATH", PATH) for name, value in self.env.items()
        }

    def run(self, command: str, *arguments: str) -> str:
        """RUN: as root, in the root."""
        line = f"cd {self.workdir}; {command}"
        return said(
            ["chroot", str(self.root), "/bin/sh", "-ec", line, "sh", *arguments],
            self.environment() | registries() | {"HOME": "/root"},
        )

    def entered(self, user: str, writable: Path) -> list[str]:
        """Give the start of a command that runs as a user where only /tmp can be written."""
        shell = ["unshare", "--mount", "/bin/sh", "-ec", ENTER, "sh"]
        return [*shell, str(self.root), str(writable), user]


def said(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooted]:
    """The last stage of the Dockerfile, on a clean Debian."""
    folder = tmp_path_factory.mktemp("rooted")
    (folder / "stages").mkdir()
    image = Rooted(root=folder / "root", stages=folder / "stages")
    image.base = made_once(f"debian-{SUITE}", make_debian)
    image.carry_out()
    yield image
    # Hundreds of megabytes, of which pytest would keep three.
    shutil.rmtree(folder)


@pytest.fixture
def writable(tmp_path: Path) -> Path:
    """What a container has as /tmp."""
    tmp_path.chmod(0o755)
    folder = tmp_path / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


USERS = pytest.mark.parametrize("user", ["the image's", "65532:65532"])


@pytest.fixture
def entered(image: Rooted, writable: Path) -> Callable[[str], list[str]]:
    """Enter the image as one of the users."""
    return lambda user: image.entered(image.user if user == "the image's" else user, writable)


@USERS
def test_it_tells_its_version_as_any_user_on_a_system_that_is_read_only(image, entered, user):
    told = said([*entered(user), *image.entrypoint, "version"], image.environment())
    assert "0.1.0" in told
    check = 'id -u; touch /tmp/yes; ! touch /no 2>&1 && ! touch /opt/tidegate/no 2>&1 && echo "ro"'
    lines = said([*entered(user), "/bin/sh", "-ec", check], image.environment()).splitlines()
    assert lines[0] != "0"
    assert lines[-1] == "ro"
    assert [each for each in lines if "Read-only file system" in each] == lines[1:-1] != []


@USERS
async def test_it_runs_the_controller_until_it_is_ready(image, entered, writable, tmp_path, user):
    async with World(tmp_path) as world:
        kubeconfig = writable / "kubeconfig"
        shutil.copy(world.kubeconfig, kubeconfig)
        kubeconfig.chmod(0o644)
        port, log = free_port(), tmp_path / "controller.log"
        program, *arguments = (
            *entered(user),
            "/usr/bin/env",
            "-i",
            *(f"{name}={value}" for name, value in image.environment().items()),
            *image.entrypoint,
            *image.command,
            "--kubeconfig=/tmp/kubeconfig",
            f"--listen=127.0.0.1:{port}",
        )
        process = await start_program(Path(shutil.which(program) or program), *arguments, log=log)
        try:
            async with httpx.AsyncClient() as client:

                async def ready() -> bool:
                    assert process.returncode is None, last_lines(log)
                    try:
                        answer = await client.get(f"http://127.0.0.1:{port}/readyz")
                    except httpx.TransportError:
                        return False
                    return answer.status_code == 200

                await until(ready, "the controller is ready")
        finally:
            await stop_program(process, grace_seconds=25)
        assert process.returncode == 0, last_lines(log)
        agents = {each.user_agent for each in world.server.audit}
        assert "tidegate/0.1.0" in agents

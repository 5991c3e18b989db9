"""The programs of a real control plane: found, fetched, or built from the modules beside this.

What is built lies in the cache under a hash of its module's files, so that it is built again when a
version moves and never otherwise. `python -m tests.testbed.build [NAME ...]` provides them.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from threading import Event, Thread

from tests.testbed.tools import CACHE, find_go, made_once

_HERE = Path(__file__).parent
_PROGRESS_SECONDS = 15.0
#: The compiler collects its garbage at this growth of memory: seldom, which is faster.
_COLLECT_PERCENT = "400"


class BuildFailed(Exception):
    """Go did not build a program; carries the end of what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program of the control plane: where it comes from, and which release it is."""

    name: str
    folder: str
    """The folder of its Go module, beside this file."""
    package: str
    module: str
    """The module whose version is the program's."""
    stamped: tuple[str, ...] = ()
    """Variables that the linker gives a value: `{version}`, `{major}` and `{minor}` are filled in."""
    tags: tuple[str, ...] = ()
    """What the build leaves out or takes in."""
    oldest: str = ""
    """The oldest release on the PATH that does; the one that is built, where none is named."""
    debian: str = ""
    """The Debian package that has it, which is fetched rather than that Go builds for minutes."""

    @property
    def version(self) -> str:
        """The release that the module file asks for, such as v1.36.3."""
        text = (_HERE / self.folder / "go.mod").read_text()
        found = re.search(rf"^\t?(?:require )?{re.escape(self.module)} (v\S+)", text, re.MULTILINE)
        assert found, f"{self.folder}/go.mod requires no {self.module}"
        return found[1]

    @property
    def stamps(self) -> str:
        """The linker's flags."""
        major, minor = _release(self.version)
        filled = (
            each.format(version=self.version, major=major, minor=minor) for each in self.stamped
        )
        return " ".join(["-s -w", *(f"-X {each}" for each in filled)])

    @property
    def built(self) -> Path:
        """Where the cache has the program once it is built."""
        made_from = modules_hash(_HERE / self.folder)
        return CACHE / "control-plane" / f"{self.folder}-{made_from}" / self.name


def _kubernetes(name: str) -> Program:
    module, stamp = "k8s.io/kubernetes", "k8s.io/component-base/version"
    return Program(
        name=name,
        folder="apiserver",
        package=f"{module}/cmd/{name}",
        module=module,
        # Clients that parse the server's version fail without it.
        stamped=(
            f"{stamp}.gitVersion={{version}}",
            f"{stamp}.gitMajor={{major}}",
            f"{stamp}.gitMinor={{minor}}",
        ),
    )


_PROMETHEUS = "github.com/prometheus/prometheus"


def _prometheus(name: str) -> Program:
    return Program(
        name=name,
        folder="prometheus",
        package=f"{_PROMETHEUS}/cmd/{name}",
        module=_PROMETHEUS,
        stamped=("github.com/prometheus/common/version.Version={version}",),
        tags=("remove_all_sd", "enable_kubernetes_sd"),  # the clients of all clouds are not needed
        oldest="2.42.0",
        debian="prometheus",
    )


_ETCD = "go.etcd.io/etcd/server/v3"
_KWOK = "sigs.k8s.io/kwok"
_ISTIO = "istio.io/istio"
_FLAGGER = "github.com/fluxcd/flagger"
_FLUX = "github.com/fluxcd/pkg/ssa"
_ARGO_CD = "github.com/argoproj/argo-cd/v3"
_CONTOUR = "github.com/projectcontour/contour"
_COLLECTOR = "go.opentelemetry.io/collector/otelcol"
_JAEGER = "github.com/jaegertracing/jaeger"
_ENVOY_GATEWAY = "github.com/envoyproxy/gateway"
_VICTORIA_METRICS = "github.com/VictoriaMetrics/VictoriaMetrics"
_METRICS_SERVER = "sigs.k8s.io/metrics-server"
PROGRAMS = (
    Program(name="etcd", folder="etcd", package=_ETCD, module=_ETCD),
    _kubernetes("kube-apiserver"),
    _kubernetes("kube-controller-manager"),
    _kubernetes("kube-scheduler"),
    Program(
        name="kwok",
        folder="kwok",
        package=f"{_KWOK}/cmd/kwok",
        module=_KWOK,
        stamped=(f"{_KWOK}/pkg/consts.Version={{version}}",),
    ),
    _prometheus("prometheus"),
    _prometheus("promtool"),
    Program(
        name="istiod",
        folder="istio",
        package=f"{_ISTIO}/pilot/cmd/pilot-discovery",
        module=_ISTIO,
    ),
    Program(name="contour", folder="contour", package=f"{_CONTOUR}/cmd/contour", module=_CONTOUR),
)
BESIDE = (
    Program(name="flagger", folder="flagger", package=f"{_FLAGGER}/cmd/flagger", module=_FLAGGER),
    Program(name="gitopscheck", folder="gitops", package=".", module=_FLUX),
    Program(name="collector", folder="collector", package=".", module=_COLLECTOR),
    Program(name="jaeger", folder="jaeger", package=f"{_JAEGER}/cmd/jaeger", module=_JAEGER),
    Program(name="argocheck", folder="argocd", package=".", module=_ARGO_CD),
    Program(
        name="envoy-gateway",
        folder="envoy-gateway",
        package=f"{_ENVOY_GATEWAY}/cmd/envoy-gateway",
        module=_ENVOY_GATEWAY,
    ),
    Program(
        name="metrics-server",
        folder="metrics-server",
        package=f"{_METRICS_SERVER}/cmd/metrics-server",
        module=_METRICS_SERVER,
    ),
    Program(
        name="victoria-metrics",
        folder="victoriametrics",
        package=f"{_VICTORIA_METRICS}/app/victoria-metrics",
        module=_VICTORIA_METRICS,
    ),
)
"""What measurements and proofs need beside a control plane: made only where it is asked for by name."""


def modules_hash(folder: Path) -> str:
    """Tell one state of a module's files from another."""
    digest = hashlib.sha256()
    for file in sorted((*folder.glob("go.*"), *folder.glob("*.go"))):
        content = file.read_bytes()
        digest.update(f"{file.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def found(program: Program, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Find a program that needs no building.

    `KUBEBUILDER_ASSETS` is taken at its word. On the PATH a program must be of the release that the
    module file asks for or a later one: distributions carry an etcd that no current API server
    can work with.
    """
    assets = environ.get("KUBEBUILDER_ASSETS")
    if assets and (given := shutil.which(program.name, path=assets)):
        return Path(given)
    installed = shutil.which(program.name, path=environ.get("PATH", os.defpath))
    if installed and _does(Path(installed), program):
        return Path(installed)
    return program.built if program.built.exists() else None


def found_programs(
    names: Iterable[str] = (), environ: Mapping[str, str] = os.environ
) -> dict[str, Path] | None:
    """Find the named programs, or the control plane's; nothing where one would have to be built."""
    wanted = _named(set(names))
    everything = {each.name: found(each, environ) for each in wanted}
    present = {name: path for name, path in everything.items() if path is not None}
    return present if len(present) == len(everything) else None


def provide_programs(names: Iterable[str] = ()) -> dict[str, Path]:
    """Find the named programs, or the control plane's; fetch or build those that are missing.

    Raises:
        BuildFailed: Go did not build one.
    """
    asked = set(names)
    unknown = asked - {each.name for each in (*PROGRAMS, *BESIDE)}
    if unknown:
        known = ", ".join(each.name for each in (*PROGRAMS, *BESIDE))
        raise BuildFailed(f"{', '.join(sorted(unknown))}: no such program; there are {known}")
    wanted = _named(asked)
    started = time.monotonic()
    programs = {
        program.name: _provide(program, f"{program.name} ({number} of {len(wanted)})")
        for number, program in enumerate(wanted, 1)
    }
    _say(f"{len(wanted)} programs: {_elapsed(started)}")
    return programs


def _named(asked: set[str]) -> list[Program]:
    return [each for each in (*PROGRAMS, *BESIDE) if each.name in asked] or list(PROGRAMS)


def _provide(program: Program, label: str) -> Path:
    present = found(program)
    if present is not None:
        _say(f"{label}: {present}")
        return present
    started = time.monotonic()

    def make(target: Path) -> None:
        if program.debian and _fetch(program, target):
            _say(f"{label}: fetched in {_elapsed(started)}")
            return
        _say(f"{label}: building {program.version}")
        _build(program, target)
        _say(f"{label}: built in {_elapsed(started)}")

    return made_once(str(program.built.relative_to(CACHE)), make)


def _does(installed: Path, program: Program) -> bool:
    """Tell whether an installed program is new enough."""
    asked = subprocess.run([installed, "--version"], capture_output=True, text=True, check=False)
    return _release(asked.stdout + asked.stderr) >= _release(program.oldest or program.version)


def _fetch(program: Program, target: Path) -> bool:
    """Take a program out of its Debian package, which needs no root; tell whether that worked."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return False
    with TemporaryDirectory() as workshop:
        folder = Path(workshop)
        for command in (
            ("apt-get", "--quiet", "download", program.debian),
            ("sh", "-c", "dpkg-deb -x ./*.deb ."),
        ):
            # A machine without the lists of packages, or without the network: it can be built.
            if subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode:
                return False
        packed = folder / "usr" / "bin" / program.name
        if not packed.exists() or not _does(packed, program):
            return False
        shutil.copy(packed, target)
        return True


def _release(text: str) -> tuple[int, ...]:
    """Read the first major and minor number out of a text; nothing where there is none."""
    numbers = re.search(r"(\d+)\.(\d+)\.\d+", text)
    return (int(numbers[1]), int(numbers[2])) if numbers else ()


def _build(program: Program, target: Path) -> None:
    settings = {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off", "GOGC": _COLLECT_PERCENT}
    flags = ("-v", "-mod=readonly", f"-tags={','.join(program.tags)}", "-ldflags", program.stamps)
    command = (str(find_go()), "build", *flags)
    with TemporaryFile("w+") as said:
        building = subprocess.Popen(
            [*command, "-o", str(target), program.package],
            cwd=_HERE / program.folder,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert building.stdout is not None
        with building:
            for line in _reporting(program.name, building.stdout):
                said.write(line)
        if building.returncode:
            said.seek(0)
            last = "".join(said.readlines()[-20:])
            raise BuildFailed(f"{program.name}: {' '.join(command)} failed:\n{last}")


def _reporting(name: str, lines: Iterable[str]) -> Iterator[str]:
    """Pass on the lines of a build, and say from time to time how far it has come."""
    started, seen, ended = time.monotonic(), ["reading modules"], Event()

    def report() -> None:
        while not ended.wait(_PROGRESS_SECONDS):
            packages = sum("/" in line and not line.startswith("go: ") for line in seen)
            _say(f"  {name}: {_elapsed(started)}, {packages} packages compiled, at: {seen[-1]}")

    reporter = Thread(target=report, daemon=True)
    reporter.start()
    try:
        for line in lines:
            seen.append(line.strip())
            yield line
    finally:
        ended.set()
        reporter.join()


def _elapsed(since: float) -> str:
    minutes, seconds = divmod(round(time.monotonic() - since), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    try:
        provide_programs(sys.argv[1:])
    except BuildFailed as failed:
        sys.exit(str(failed))

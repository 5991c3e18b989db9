"""A small reader of HAProxy Technologies' annotation, and Debian's HAProxy, which does what it says.

The controller itself cannot be had here. Of it the reader knows `haproxy.org/route-acl` on a
Service, which goes before all paths, the names of its backends, and that a changed rule is a reload
and a changed pod is none.
https://github.com/haproxytech/kubernetes-ingress
"""

import asyncio
import itertools
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from canary.routers.haproxy import ACL
from tests.testbed.ingress_paths import Place, places, precedence
from tests.testbed.reader import Reader, version
from tidegate_embedded.mesh.counters import ClusterCounters, counters_of
from tidegate_embedded.mesh.world import World, cluster_name
from tidegate_embedded.process import ProgramFailed

_SAMPLE = re.compile(
    r'haproxy_backend_http_responses_total\{proxy="(?P<namespace>[^"_]+)_svc_(?P<service>[^"_]+)_[^"]+",'
    r'code="(?P<class>\d)xx"\} (?P<count>\d+)'
)


class HaproxyReader(Reader):
    """A HAProxy that does what Ingresses of the class `haproxy`, and their Services, say."""

    name: ClassVar[str] = "haproxy"
    _told = ""

    def render(self, world: World) -> str:
        """Write a configuration."""
        listen, admin = f"{self.address}:{self.port}", f"127.0.0.1:{self.admin_port}"
        return configuration(world, listen, admin, self._socket)

    def command(self, rendered: str) -> tuple[str, ...]:
        """Write the configuration; a master process starts a new worker at each reload."""
        self._write(rendered)
        return ("-W", "-f", str(self._file))

    async def tell(self, rendered: str) -> None:
        """Tell it of other pods as it runs; have it reload for all else.

        The former worker ends when its connections have. A reload that is asked for during another
        one is forgotten, so each is waited for, and asked for again where it does not come.
        """
        if without_servers(rendered) == without_servers(self._told):
            before = servers(self._told)
            changed = [
                change
                for server, address in servers(rendered).items()
                if before[server] != address
                for change in _changes(server, address)
            ]
            await self._command(*changed)
        else:
            self._write(rendered)
            turns = itertools.count()

            async def reloaded() -> bool:
                if await self.page("/configuration") == version(without_servers(rendered)):
                    return True
                if next(turns) % _TURNS == 0:
                    self._process.send_signal(signal.SIGUSR2)
                return False

            await self.until(reloaded, "it has reloaded")
        self._told = rendered

    async def told(self) -> str:
        """Ask which configuration a new connection meets."""
        answered = await self.page("/configuration")
        return version(self._told) if answered == version(without_servers(self._told)) else ""

    async def counters(self) -> dict[str, ClusterCounters]:
        """Read the responses of every backend, by its Service; a reload begins at 0."""
        counted: dict[str, int] = {}
        for sample in _SAMPLE.finditer(await self.page("/metrics")):
            name = f"cluster.{cluster_name((sample['namespace'], sample['service']), 0)}"
            for kind in ("total", f"{sample['class']}00"):
                key = f"{name}.upstream_rq_{kind}"
                counted[key] = counted.get(key, 0) + int(sample["count"])
        return counters_of(counted)

    def _write(self, rendered: str) -> None:
        mark = version(without_servers(rendered))
        says = f'http-request return content-type text/plain string "{mark}"'
        ours = f"  {says} if {{ path /configuration }}\n"
        self._file.write_text(rendered.replace(_PAGE, ours))
        self._told = rendered

    async def _command(self, *commands: str) -> None:
        """Give commands to the worker that takes new connections."""
        for command in commands:
            reader, writer = await asyncio.open_unix_connection(self._socket)
            writer.write(f"{command}\n".encode())
            said = (await reader.read()).decode().strip()
            writer.close()
            if said and not said.startswith("IP changed") and not said.startswith("no need"):
                raise ProgramFailed(f"haproxy: {command}: {said}")

    @property
    def _file(self) -> Path:
        return self.folder / "haproxy.cfg"

    @property
    def _socket(self) -> Path:
        return self.folder / "haproxy.sock"


#: Where the configuration says which one it is.
_PAGE = "  # configuration\n"
#: So often is looked for a reload before it is asked for again.
_TURNS = 100
#: How many pods a Service may have.
_SLOTS = 8
_SERVER = re.compile(r"  server (\S+) (\S+?)( disabled)?\n")


def servers(rendered: str) -> dict[str, str]:
    """Read the address of each server of a configuration, by `BACKEND/SERVER`; empty for a free one."""
    found: dict[str, str] = {}
    for part in re.split(r"^backend ", rendered, flags=re.MULTILINE)[1:]:
        backend = part.partition("\n")[0]
        for name, address, disabled in _SERVER.findall(part):
            found[f"{backend}/{name}"] = "" if disabled else address
    return found


def without_servers(rendered: str) -> str:
    """Leave out what can change without a reload."""
    return _SERVER.sub("", rendered)


def _changes(server: str, address: str) -> Iterator[str]:
    """Write the commands that give a server an address, or none."""
    if not address:
        yield f"set server {server} state maint"
        return
    host, _, port = address.partition(":")
    yield f"set server {server} addr {host} port {port}"
    yield f"set server {server} state ready"


def configuration(world: World, listen: str, admin: str, socket: Path) -> str:
    """Write what Ingresses of the class `haproxy` ask for."""
    found = sorted(places(world, "haproxy"), key=precedence)
    conditions = {id(each): _condition(world, each) for each in found}
    # One that has a condition goes before all paths, however long those are.
    ordered = sorted(found, key=lambda each: not conditions[id(each)])
    rules = "\n".join(
        f"  use_backend {_backend(each)} if {reached} {conditions[id(each)]}".rstrip()
        for each in ordered
        for reached in _reached(each)
    )
    backends = "\n".join(dict.fromkeys(_servers(each) for each in found))
    return f"""\
global
  # A new worker takes the listening sockets over, with the connections that wait in them.
  stats socket {socket} level admin expose-fd listeners
  hard-stop-after 30s
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  # A former worker tells clients that their connection ends, rather than cutting it under them.
  option idle-close-on-response
frontend admin
  bind {admin}
  http-request use-service prometheus-exporter if {{ path /metrics }}
{_PAGE}frontend http
  bind {listen}
{rules}
{backends}
"""


def _condition(world: World, place: Place) -> str:
    service = world.services[place.service]
    acl = (service["metadata"].get("annotations") or {}).get(ACL, "")
    return f"{{ {acl} }}" if acl else ""


def _reached(place: Place) -> Iterator[str]:
    host = f"{{ req.hdr(host),field(1,:) -i {place.host} }}"
    path = place.path.rstrip("/")
    if place.exact:
        yield f"{host} {{ path {place.path} }}"
    elif path:
        yield f"{host} {{ path {path} }}"
        yield f"{host} {{ path_beg {path}/ }}"
    else:
        yield host


def _backend(place: Place) -> str:
    namespace, service = place.service
    return f"{namespace}_svc_{service}_{place.port}"


def _servers(place: Place) -> str:
    return "\n".join((f"backend {_backend(place)}", "  balance roundrobin", *_server_lines(place)))


def _server_lines(place: Place) -> Iterator[str]:
    for slot in range(_SLOTS):
        taken = slot < len(place.addresses)
        address = place.addresses[slot] if taken else "127.0.0.1:1 disabled"
        yield f"  server SRV_{slot + 1} {address}"

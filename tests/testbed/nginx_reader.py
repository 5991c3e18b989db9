"""A small reader of ingress-nginx's annotations, and Debian's nginx, which does what it says.

ingress-nginx's own Lua needs a patched nginx, which cannot be had here. `nginx_reader.lua` takes the
same decisions by the annotations that tidegate writes, and counts requests in the same series.
https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/#canary
"""

import json
import re
from pathlib import Path
from typing import ClassVar

from canary.api.kinds import Manifest
from canary.routers import INGRESS_PREFIX
from tests.testbed.ingress_paths import Place, places, precedence
from tests.testbed.reader import Reader, version
from tidegate_embedded.mesh.counters import ClusterCounters, counters_of
from tidegate_embedded.mesh.world import World, cluster_name

_LUA = Path(__file__).with_suffix(".lua")
#: ingress-nginx takes a total only from here on.
_TOTAL = 100
_SAMPLE = re.compile(
    r'nginx_ingress_controller_requests\{namespace="(?P<namespace>[^"]*)",ingress="[^"]*",'
    r'service="(?P<service>[^"]*)",canary="(?P<canary>[^"]*)",status="(?P<status>\d+)"\} (?P<count>\d+)'
)


class NginxReader(Reader):
    """An nginx that does what Ingresses of the class `nginx` say."""

    name: ClassVar[str] = "nginx"

    def render(self, world: World) -> str:
        """Write the routes of each host, as `nginx_reader.lua` reads them."""
        return json.dumps(hosts(world), sort_keys=True)

    def command(self, _rendered: str) -> tuple[str, ...]:
        """Write a configuration that leaves everything to Lua."""
        file = self.folder / "nginx.conf"
        listen, admin = f"{self.address}:{self.port}", f"127.0.0.1:{self.admin_port}"
        file.write_text(configuration(self.unpacked.folder, self.folder, listen, admin))
        return ("-p", str(self.folder), "-e", "stderr", "-c", str(file))

    async def tell(self, rendered: str) -> None:
        """Send the routes."""
        sent = {"hosts": json.loads(rendered), "version": version(rendered)}
        (await self.asking.post("/configuration", json=sent)).raise_for_status()

    async def told(self) -> str:
        """Ask which routes it has."""
        return await self.page("/configuration")

    async def counters(self) -> dict[str, ClusterCounters]:
        """Read the series of requests, by the Service that they went to."""
        counted: dict[str, int] = {}
        for sample in _SAMPLE.finditer(await self.page("/metrics")):
            namespace, service, port = sample["namespace"], sample["service"], "0"
            if canary := sample["canary"]:
                service, _, port = canary.removeprefix(f"{namespace}-").rpartition("-")
            name = f"cluster.{cluster_name((namespace, service), int(port))}"
            for kind in ("total", sample["status"]):
                key = f"{name}.upstream_rq_{kind}"
                counted[key] = counted.get(key, 0) + int(sample["count"])
        return counters_of(counted)


def hosts(world: World) -> dict[str, list[Manifest]]:
    """Give the routes of each host, those that go first before the others."""
    found = sorted(places(world, "nginx"), key=precedence)
    said = {id(each): _said(each) for each in found}
    canaries: dict[tuple[str, str, bool], Place] = {}
    for each in found:
        if said[id(each)].get("canary") == "true":
            canaries.setdefault((each.host, each.path, each.exact), each)
    routes: dict[str, list[Manifest]] = {}
    for each in found:
        if said[id(each)].get("canary") != "true":
            canary = canaries.get((each.host, each.path, each.exact))
            beside = {"canary": _canary(canary, said[id(canary)])} if canary else {}
            routes.setdefault(each.host, []).append(_route(each) | beside)
    return routes


def _said(place: Place) -> dict[str, str]:
    prefix = f"{INGRESS_PREFIX}/"
    return {
        name.removeprefix(prefix): value
        for name, value in place.annotations.items()
        if name.startswith(prefix)
    }


def _route(place: Place) -> Manifest:
    namespace, ingress = place.ingress
    return {
        "namespace": namespace,
        "ingress": ingress,
        "service": place.service[1],
        "path": place.path,
        "exact": place.exact,
        "addresses": list(place.addresses),
    }


def _canary(place: Place, said: dict[str, str]) -> Manifest:
    total = int(said.get("canary-weight-total", _TOTAL))
    names = {"header": "-header", "value": "-header-value", "pattern": "-header-pattern"}
    conditions = {
        name: said[f"canary-by{end}"]
        for name, end in (names | {"cookie": "-cookie"}).items()
        if f"canary-by{end}" in said
    }
    return {
        "name": "-".join((*place.service, place.port)),
        "addresses": list(place.addresses),
        "weight": int(said.get("canary-weight", "0")),
        "total": max(total, _TOTAL),
        **conditions,
    }


def configuration(unpacked: Path, folder: Path, listen: str, admin: str) -> str:
    """Write a configuration that asks Lua where each request goes."""
    lua = unpacked / "usr" / "share" / "lua" / "5.1"
    (binary,) = unpacked.glob("usr/lib/*/lua/5.1")
    modules = unpacked / "usr" / "lib" / "nginx" / "modules"
    temporary = "\n".join(
        f"  {each}_temp_path {folder}/{each};"
        for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""\
load_module {modules}/ndk_http_module.so;
load_module {modules}/ngx_http_lua_module.so;
# In the network of the control plane no other user exists.
user root;
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
{temporary}
  lua_package_path "{_LUA.parent}/?.lua;{lua}/?.lua;;";
  lua_package_cpath "{binary}/?.so;;";
  client_body_buffer_size 1m;
  server {{
    listen {listen};
    location / {{
      set $target "";
      access_by_lua_block {{ require("{_LUA.stem}").route() }}
      log_by_lua_block {{ require("{_LUA.stem}").count() }}
      proxy_pass http://$target;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Connection "";
    }}
  }}
  server {{
    listen {admin};
    location = /configuration {{ content_by_lua_block {{ require("{_LUA.stem}").configuration() }} }}
    location = /metrics {{ content_by_lua_block {{ require("{_LUA.stem}").metrics() }} }}
  }}
}}
"""

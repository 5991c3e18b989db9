"""Reading Secrets for those who must present them: hooks, metric stores, chat.

A Secret says itself where it may be sent. A value is kept for a short while only, so that a run
does not read it at every interval and a rotated one is soon used.
"""

from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from analysis.secrecy import origin
from canary.api.annotations import SEND_TO
from canary.api.kinds import SECRET, Manifest
from canary.api.meta import SecretReference
from canary.api.people import Webhook
from canary.cluster.cluster import Cluster
from canary.errors import InvalidSpec, NotFound, Problem

KEPT_SECONDS = 60.0
#: What of Secrets may leave the cluster; tokens of service accounts and the like never do.
SENDABLE_TYPES = ("Opaque", "kubernetes.io/basic-auth", "kubernetes.io/tls")

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SecretContent:
    """The values of a Secret, and where it says that it may be sent."""

    name: str
    type: str
    send_to: tuple[str, ...]
    values: Mapping[str, str]

    def __repr__(self) -> str:
        """Name the Secret and its keys, and no value."""
        return f"SecretContent({self.name!r}, keys={sorted(self.values)})"

    def names(self, address: str) -> bool:
        """Tell whether the Secret says that it may be sent to this address."""
        there = _endpoint(address)
        return there is not None and any(_endpoint(each) == there for each in self.send_to)

    def pick(self, keys: Iterable[str], *, required: bool = True) -> dict[str, str]:
        """Give the values of these keys, for a receiver outside of the cluster.

        Raises:
            InvalidSpec: the Secret is of a type that never leaves, or lacks a required key.
        """
        if self.type not in SENDABLE_TYPES:
            remedy = (
                f"a Secret of type {self.type} is never sent; "
                f"name one of type {', '.join(SENDABLE_TYPES)}"
            )
            raise InvalidSpec([Problem("secretRef.name", self.name, remedy)])
        missing = [key for key in keys if key not in self.values]
        if missing and required:
            remedy = f"add the key {missing[0]} to this Secret, or name other keys"
            raise InvalidSpec([Problem("secretRef.keys", ", ".join(keys), remedy)])
        return {key: self.values[key] for key in keys if key in self.values}

    def pick_for(
        self, address: str, keys: Iterable[str], *, required: bool = True
    ) -> dict[str, str]:
        """Give the values of these keys for an address that the Secret names.

        Raises:
            InvalidSpec: as `pick` does, or the Secret does not name the address.
        """
        if not self.names(address):
            raise InvalidSpec([Problem("secretRef.name", self.name, unnamed(address))])
        return self.pick(keys, required=required)


class Secrets(Protocol):
    """Finds what objects present to others."""

    async def read(self, namespace: str, reference: SecretReference | None) -> SecretContent | None:
        """Read a Secret; None where none is referred to.

        Raises:
            CanaryError: the Secret does not exist or can't be read.
        """


class SecretReader:
    """Reads Secrets, each at most once a minute."""

    def __init__(self, cluster: Cluster, clock: Callable[[], float]) -> None:
        self._cluster = cluster
        self._clock = clock
        self._kept: dict[tuple[str, str], tuple[float, SecretContent]] = {}

    async def read(self, namespace: str, reference: SecretReference | None) -> SecretContent | None:
        """Read a Secret; None where none is referred to.

        Raises:
            ClusterError: the Secret does not exist or can't be read.
        """
        if reference is None:
            return None
        now = self._clock()
        self._kept = {key: kept for key, kept in self._kept.items() if kept[0] + KEPT_SECONDS > now}
        key = (namespace, reference.name)
        if key not in self._kept:
            try:
                manifest = await self._cluster.read(SECRET, namespace, reference.name)
            except NotFound as error:
                raise NotFound(f"Secret {namespace}/{reference.name} does not exist") from error
            self._kept[key] = (now, _content(manifest))
        return self._kept[key][1]

    def forget(self, namespace: str, reference: SecretReference) -> None:
        """Read a Secret again when it is needed next: its content was of no use."""
        self._kept.pop((namespace, reference.name), None)


def unnamed(address: str) -> str:
    """Say what lets a Secret be sent to an address."""
    return (
        f"this Secret does not say that it may be sent to {origin(address)}; "
        f"annotate it with {SEND_TO}: {origin(address)}"
    )


def _content(manifest: Manifest) -> SecretContent:
    annotations = manifest["metadata"].get("annotations") or {}
    return SecretContent(
        name=manifest["metadata"]["name"],
        type=manifest.get("type", "Opaque"),
        send_to=tuple(
            each.strip() for each in annotations.get(SEND_TO, "").split(",") if each.strip()
        ),
        values={
            name: b64decode(value).decode(errors="replace")
            for name, value in (manifest.get("data") or {}).items()
        },
    )


def _endpoint(address: str) -> tuple[str, str, int] | None:
    """Read scheme, host and port; without a scheme it is https, because http is seen by anybody."""
    try:
        parts = urlsplit(address if "://" in address else f"https://{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not host:
        return None
    return scheme, host.rstrip("."), port or _PORTS[scheme]


async def presented(secrets: SecretReader, namespace: str, hook: Webhook) -> dict[str, str] | None:
    """Read what a hook is sent of its Secret; None where it names none.

    Raises:
        ClusterError: the Secret does not exist or can't be read.
        InvalidSpec: the Secret may not be sent there, or lacks a key.
    """
    content = await secrets.read(namespace, hook.secret_ref)
    if content is None or hook.secret_ref is None:
        return None
    return content.pick_for(hook.url or "", hook.secret_ref.keys)

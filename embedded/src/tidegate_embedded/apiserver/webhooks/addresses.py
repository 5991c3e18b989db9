"""Where an admission webhook is: at a URL, or at a pod behind a Service."""

import base64
from dataclasses import dataclass

from tidegate_embedded.apiserver.storage import Storage
from tidegate_embedded.apiserver.values import Object

_SERVICES = ("", "services")
_SLICES = ("discovery.k8s.io", "endpointslices")
_SERVICE_NAME = "kubernetes.io/service-name"


class NoAnswer(Exception):
    """A webhook gave no answer that can be used; says why."""


class Unreachable(NoAnswer):
    """A webhook could not be asked."""

    def __init__(self, why: str) -> None:
        super().__init__(f"failed to call webhook: {why}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to post: `shown` is the address as it is configured, `server_name` whom TLS expects."""

    url: str
    shown: str
    server_name: str | None
    authority: str
    timeout_seconds: float


def address_of(webhook: Object, storage: Storage) -> Address:
    """Return a webhook's address; raises `Unreachable` where no pod is behind its Service."""
    client, seconds = webhook["clientConfig"], webhook["timeoutSeconds"]
    service, query = client.get("service"), f"?timeout={seconds}s"
    if service:
        server_name = f"{service['name']}.{service['namespace']}.svc"
        path = "/" + (service.get("path") or "").lstrip("/") + query
        shown = f"https://{server_name}:{service['port']}{path}"
        url = f"https://{_endpoint(service, shown, storage)}{path}"
    else:
        server_name, url = None, client["url"] + query
        shown = url
    return Address(
        url=url,
        shown=shown,
        server_name=server_name,
        authority=base64.b64decode(client.get("caBundle") or "").decode(errors="replace"),
        timeout_seconds=seconds,
    )


def _endpoint(reference: Object, shown: str, storage: Storage) -> str:
    """Return address and port of a ready endpoint of a Service."""
    namespace, name = reference["namespace"], reference["name"]
    stored = storage.find(_SERVICES, (namespace, name))
    if stored is None:
        raise Unreachable(f'Post "{shown}": service "{name}" not found')
    ports = stored.object["spec"].get("ports") or ()
    port = next((each for each in ports if each["port"] == reference["port"]), None)
    if port is None:
        raise Unreachable(
            f'Post "{shown}": no service port {reference["port"]} found for service "{name}"'
        )
    for (place, _), each in storage.history(_SLICES).objects.items():
        labels = each.object["metadata"].get("labels") or {}
        if place != namespace or labels.get(_SERVICE_NAME) != name:
            continue
        numbers = [
            listed["port"]
            for listed in each.object.get("ports") or ()
            if (listed.get("name") or "") == (port.get("name") or "")
        ]
        for endpoint in each.object.get("endpoints") or ():
            if numbers and (endpoint.get("conditions") or {}).get("ready", True):
                return f"{endpoint['addresses'][0]}:{numbers[0]}"
    raise Unreachable(f'Post "{shown}": no endpoints available for service "{name}"')

"""A server of admission webhooks on loopback, which answers as a test wants."""

import base64
import json
import secrets
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.certificates import authority_pem, server_context

JsonObject = dict[str, Any]

_GROUP = "/apis/admissionregistration.k8s.io/v1"
CONFIGURATIONS = {
    "Mutating": f"{_GROUP}/mutatingwebhookconfigurations",
    "Validating": f"{_GROUP}/validatingwebhookconfigurations",
}
CONFIG_MAPS = {
    "apiGroups": [""],
    "apiVersions": ["v1"],
    "operations": ["*"],
    "resources": ["configmaps"],
}
_PROBE = "/probe"
#: What a real cluster writes into every new namespace, sooner or later.
_CLUSTERS_OWN = "kube-root-ca.crt"
#: Selects what a test writes, and not what `Guarded` finds out by whether webhooks are asked yet.
NO_PROBES = {"matchExpressions": [{"key": "probe", "operator": "DoesNotExist"}]}
#: From a review's request to its response, without the uid; bytes are sent as they are, an int is
#: the status of an empty answer.
Answer = Callable[[JsonObject], JsonObject | bytes | int]


def allows(**more: Any) -> Answer:
    return lambda _request: {"allowed": True, **more}


def denies(**status: Any) -> Answer:
    return lambda _request: {"allowed": False, **({"status": status} if status else {})}


def patches(*operations: JsonObject, **more: Any) -> Answer:
    patch = base64.b64encode(json.dumps(operations).encode()).decode()
    return allows(patch=patch, patchType="JSONPatch", **more)


@dataclass
class Reviewers:
    """Webhooks by their paths; `asked` has the requests in the order in which they came."""

    url: str
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, JsonObject]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    """Lets the answers go on that wait for it."""

    def requests(self, path: str) -> list[JsonObject]:
        return [request for asked, request in self.asked if asked == path]

    def client(self, path: str) -> JsonObject:
        """Give the `clientConfig` of a webhook."""
        bundle = base64.b64encode(authority_pem().encode()).decode()
        return {"url": f"{self.url}{path}", "caBundle": bundle}


def review_of(answer: JsonObject, uid: str) -> bytes:
    return json.dumps(
        {
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "response": {"uid": uid, **answer},
        }
    ).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.reviewers = Reviewers(f"https://127.0.0.1:{self.server_port}")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: callers that do not trust us, or do not wait, are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = json.loads(body)["request"]
        answer = self._answered(self.path.partition("?")[0], request)
        if isinstance(answer, int):
            status, said = answer, b""
        elif isinstance(answer, bytes):
            status, said = 200, answer
        else:
            status, said = 200, review_of(answer, request["uid"])
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def _answered(self, path: str, request: JsonObject) -> JsonObject | bytes | int:
        if request.get("name") == _CLUSTERS_OWN:
            return allows()(request)
        self.server.reviewers.asked.append((path, request))
        return self.server.reviewers.answers.get(path, allows())(request)

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@contextmanager
def reviewing() -> Iterator[Reviewers]:
    """Run the server."""
    server = _Server(server_context())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.reviewers
    finally:
        server.reviewers.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def configuration(phase: str, name: str, *webhooks: JsonObject) -> JsonObject:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{phase}WebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": list(webhooks),
    }


@dataclass
class Guarded:
    """A namespace whose writes are asked about, and the server that is asked."""

    api: Any
    eventually: Any
    reviewers: Reviewers
    created: list[str] = field(default_factory=list)

    def webhook(self, path: str, **more: Any) -> JsonObject:
        """Give a webhook for the ConfigMaps of the namespace."""
        return {
            "name": f"{path.strip('/')}.tidegate.dev",
            "clientConfig": self.reviewers.client(path),
            "rules": [CONFIG_MAPS],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            # A busy machine takes its time.
            "timeoutSeconds": 30,
            "namespaceSelector": {
                "matchLabels": {"kubernetes.io/metadata.name": self.api.namespace}
            },
            **more,
        }

    def configure(self, phase: str, *webhooks: JsonObject) -> None:
        """Configure webhooks, and wait until the server asks them: it hears of them late."""
        name = f"conformance-{secrets.token_hex(4)}"
        probe = self.webhook(f"{_PROBE}-{name}", objectSelector={"matchLabels": {"probe": name}})
        item = configuration(phase, name, *webhooks, probe)
        created = self.api.post(CONFIGURATIONS[phase], item)
        assert created.status_code == 201, created.text
        self.created.append(f"{CONFIGURATIONS[phase]}/{name}")

        def asked() -> bool:
            # Whatever the webhooks of the test say of it.
            probed = {"metadata": {"name": "probe", "labels": {"probe": name}}}
            self.api.post(self.api.path("configmaps"), probed, dryRun="All")
            return bool(self.reviewers.requests(f"{_PROBE}-{name}"))

        answers, self.reviewers.answers = self.reviewers.answers, {}
        self.eventually(asked, f"the webhooks of {name} are asked")
        self.reviewers.answers = answers
        self.reviewers.asked.clear()

    def create(self, name: str = "one", **query: Any) -> Any:
        item = {"metadata": {"name": name}, "data": {"a": "1"}}
        return self.api.post(self.api.path("configmaps"), item, **query)

    def made(self, name: str = "one") -> JsonObject:
        response = self.create(name)
        assert response.status_code == 201, response.text
        return response.json()

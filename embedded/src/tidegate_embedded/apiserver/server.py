"""The HTTP side of the embedded API server: paths, authentication, streams, audit."""

import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml
from aiohttp import web

from tidegate_embedded.apiserver import crd, discovery, errors
from tidegate_embedded.apiserver.audit import Audit, AuditEntry, RequestCounter
from tidegate_embedded.apiserver.builtin import builtin_resources
from tidegate_embedded.apiserver.documents import document_at
from tidegate_embedded.apiserver.errors import ApiError, PathNotFound
from tidegate_embedded.apiserver.handlers import Answer, answer, json_status
from tidegate_embedded.apiserver.negotiation import (
    JSON,
    YAML,
    as_yaml,
    first_offered,
    wanted,
    wants_aggregated,
)
from tidegate_embedded.apiserver.objects import Objects
from tidegate_embedded.apiserver.openapi import PROTOBUF, VERSION2_TYPES, Documents
from tidegate_embedded.apiserver.requests import ApiRequest, resolve
from tidegate_embedded.apiserver.resources import Registry
from tidegate_embedded.apiserver.storage import Storage
from tidegate_embedded.apiserver.values import Object, from_json, now, to_json
from tidegate_embedded.apiserver.watch import Watch
from tidegate_embedded.apiserver.webhooks.asking import Webhooks
from tidegate_embedded.network import free_port

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_HEALTH = {"/healthz", "/livez", "/readyz"}
_LARGEST_BODY = 3 * 1024 * 1024
_IMPERSONATED = "Impersonate-User"
_ANONYMOUS = "system:admin"


class EmbeddedApiServer:
    """A Kubernetes API server in this process, on a loopback port.

    With `tokens`, a map from bearer token to user name, others are refused with 401.
    `objects` is the same API without HTTP, for what lives in this process.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tokens: Mapping[str, str] | None = None,
        history_length: int = 10_000,
        bookmark_seconds: float = 60.0,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self.registry = Registry(builtin_resources())
        self.storage = Storage(history_length)
        self.objects = Objects(self.registry, self.storage, clock)
        self._webhooks = Webhooks(self.registry, self.storage)
        self._audit = Audit()
        self._host, self._port = host, port
        self._tokens = tokens
        self._bookmark_seconds = bookmark_seconds
        self._documents = Documents(self.registry)
        self._runner: web.AppRunner | None = None
        self._closing = False
        for name in NAMESPACES:
            self._create_namespace(name)
        self.storage.forget_history()

    @property
    def url(self) -> str:
        """The address of the running server."""
        return f"http://{self._host}:{self._port}"

    @property
    def audit(self) -> list[AuditEntry]:
        """The requests so far, the oldest first."""
        return list(self._audit.entries)

    @property
    def requests(self) -> RequestCounter:
        """Requests counted by user agent, verb and resource, those for Leases apart."""
        return self._audit.requests

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; `url` is known afterwards."""
        application = web.Application(client_max_size=_LARGEST_BODY)
        application.router.add_route("*", "/{path:.*}", self._handle)
        # A watch is cancelled as soon as its client has gone.
        self._runner = web.AppRunner(
            application, handler_cancellation=True, access_log=None, shutdown_timeout=1.0
        )
        await self._runner.setup()
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # A server that is stopped and started again is found on the same port.
        self._port = self._port or free_port()
        listener.bind((self._host, self._port))
        await web.SockSite(self._runner, listener, backlog=512).start()

    async def stop(self) -> None:
        """End all watches and stop listening."""
        self._closing = True
        for key in self.registry.stored():
            self.storage.history(key).wake()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        await self._webhooks.close()

    def kubeconfig(self, path: Path, *, token: str | None = None) -> Path:
        """Write a kubeconfig that leads here; `token` defaults to the first one accepted."""
        if token is None and self._tokens:
            token = next(iter(self._tokens))
        user: Object = {"token": token} if token else {}
        name = "tidegate"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": self.url}}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        path.chmod(0o600)
        return path

    def forget_history(self) -> None:
        """Forget all changes so far, so that watches and pages from older versions get a 410."""
        self.storage.forget_history()

    def define(self, definition: Object) -> None:
        """Serve what a CustomResourceDefinition defines that such a server has accepted before.

        It is stored as that one has answered, without being judged again, which takes long.
        """
        stored = {**definition, "metadata": dict(definition["metadata"])}
        self.storage.put(crd.KEY, ("", stored["metadata"]["name"]), stored)
        crd.register(self.registry, stored)

    def _create_namespace(self, name: str) -> None:
        resource = self.registry.find("", "v1", "namespaces")
        self.objects.create(resource, "", {"metadata": {"name": name}})

    # ------------------------------------------------------------------------------- requests

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        asked: ApiRequest | None = None
        try:
            user = self._authenticated(request)
            path = request.path
            if path.startswith(("/api/v1/", "/apis/")) and path.rstrip("/").count("/") > (
                2 if path.startswith("/api/") else 3
            ):
                asked = resolve(
                    self.registry, request.method, path, request.query,
                    request.headers.get("User-Agent", ""), user,
                )  # fmt: skip
                if asked.verb == "watch":
                    return await self._watch(request, asked)
                response = await self._answered(request, asked)
            else:
                response = self._document(request)
        except ApiError as error:
            response = _response(json_status(error), JSON)
        except PathNotFound:
            response = web.Response(status=404, text="404 page not found\n")
        except web.HTTPRequestEntityTooLarge:
            message = f"Request entity too large: limit is {_LARGEST_BODY}"
            response = _response(json_status(ApiError(413, "RequestEntityTooLarge", message)), JSON)
        self._record(request, asked, response.status)
        return response

    def _authenticated(self, request: web.Request) -> str:
        """Tell who asks; everybody may impersonate, as everything is allowed to everybody."""
        if self._tokens is None or request.path.rstrip("/") in _HEALTH:
            return request.headers.get(_IMPERSONATED, _ANONYMOUS)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        user = self._tokens.get(token.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            raise errors.unauthorized()
        return request.headers.get(_IMPERSONATED, user)

    async def _answered(self, request: web.Request, asked: ApiRequest) -> web.Response:
        form = wanted(request.headers.get("Accept", ""))
        body = await request.read()
        given = request.headers.get("Content-Type", "").partition(";")[0].strip()
        said, warnings = await self._webhooks.asked(
            lambda: answer(self.objects, asked, body, given, form.form), asked
        )
        return _response(replace(said, warnings=(*said.warnings, *warnings)), form.media_type)

    async def _watch(self, request: web.Request, asked: ApiRequest) -> web.StreamResponse:
        form = wanted(request.headers.get("Accept", ""))
        resource = asked.resource

        def ended() -> bool:
            return self._closing or resource not in self.registry

        watch = Watch(self.storage, asked, form.form, self._bookmark_seconds, ended)
        watch.open()
        response = web.StreamResponse(headers={"Content-Type": JSON, "Cache-Control": "no-cache"})
        response.enable_chunked_encoding()
        self._record(request, asked, 200)
        try:
            await response.prepare(request)
            async for lines in watch.lines():
                await response.write(lines)
            await response.write_eof()
        except ConnectionResetError:
            # The client has gone.
            return response
        return response

    def _record(self, request: web.Request, asked: ApiRequest | None, status: int) -> None:
        agent = request.headers.get("User-Agent", "")
        moment = self.objects.clock()
        if asked is None:
            verb = request.method.lower()
            entry = AuditEntry(agent, verb, request.path, "", "", "", status, moment)
        else:
            entry = AuditEntry(
                agent, asked.verb, asked.resource.plural, asked.place, asked.name,
                asked.subresource, status, moment,
            )  # fmt: skip
        self._audit.record(entry)

    # ------------------------------------------------------------------------------ documents

    def _document(self, request: web.Request) -> web.Response:
        path = request.path.rstrip("/") or "/"
        if path in _HEALTH or path.rpartition("/")[0] in _HEALTH:
            return web.Response(text="ok")
        if request.method not in {"GET", "HEAD"}:
            raise PathNotFound(path)
        accept = request.headers.get("Accept", "")
        if path in {"/api", "/apis"} and wants_aggregated(accept):
            document = discovery.aggregated(self.registry, core=path == "/api")
            return web.Response(
                body=to_json(document), headers={"Content-Type": discovery.AGGREGATED}
            )
        if path == "/openapi/v2" and first_offered(accept, VERSION2_TYPES) != JSON:
            return _response(Answer(200, self._documents.version2_in_protobuf()), PROTOBUF)
        return _response(
            Answer(200, to_json(document_at(path, self.registry, self._documents))), JSON
        )


def _response(said: Answer, media_type: str) -> web.Response:
    body = as_yaml(from_json(said.body)) if media_type == YAML else said.body
    response = web.Response(status=said.status, body=body, headers={"Content-Type": media_type})
    for warning in said.warnings:
        quoted = warning.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
        response.headers.add("Warning", f'299 - "{quoted}"')
    return response

"""Credentials: who asks the API server, and whom both sides trust."""

import asyncio
import select
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from canary.api.kinds import CONFIG_MAP
from canary.cluster.cluster import Cluster
from canary.errors import (
    Forbidden,
    Unreachable,
)
from tests.certificates import authority_pem, server_context
from tests.controller.conftest import Connect
from tests.controller.faults import (
    Proxy,
    config_map,
    kubeconfig,
    proxied,
    write,
)
from tidegate_embedded.apiserver import EmbeddedApiServer


class TestCredentials:
    @pytest.fixture
    def tokens(self) -> dict[str, str]:
        return {"t0ken-1": "tidegate"}

    @pytest.fixture
    async def server(self, tokens: dict[str, str]) -> AsyncIterator[EmbeddedApiServer]:
        async with EmbeddedApiServer(tokens=tokens) as server:
            yield server

    @pytest.fixture
    def reading(self, connect: Connect, proxy: Proxy, tmp_path: Path) -> Any:
        async def read(**user: Any) -> None:
            path = kubeconfig(tmp_path / "config", proxy.url, user=user)
            async with connect(kubeconfig=str(path)) as cluster:
                assert [page async for page in cluster.pages(CONFIG_MAP, "")]

        return read

    async def test_a_token_is_sent(self, reading: Any, proxy: Proxy) -> None:
        await reading(token="t0ken-1")
        assert {each["Authorization"] for each in proxy.headers} == {"Bearer t0ken-1"}

    async def test_a_name_and_a_password_are_sent(self, reading: Any, proxy: Proxy) -> None:
        with pytest.raises(Forbidden):
            await reading(username="me", password="pass")
        assert {each["Authorization"] for each in proxy.headers} == {"Basic bWU6cGFzcw=="}

    async def test_nothing_is_sent_where_there_is_nothing(self, reading: Any, proxy: Proxy) -> None:
        with pytest.raises(Forbidden):
            await reading()
        assert not any("Authorization" in each for each in proxy.headers)

    async def test_a_wrong_token_is_refused_and_never_shown(
        self, connect: Connect, proxy: Proxy, tmp_path: Path
    ) -> None:
        path = kubeconfig(tmp_path / "config", proxy.url, user={"token": "s3cr3t-t0ken"})
        async with connect(kubeconfig=str(path)) as cluster:
            with pytest.raises(Forbidden, match="401") as raised:
                await cluster.read(CONFIG_MAP, "default", "a")
            assert "s3cr3t" not in str(raised.value) + repr(cluster.credentials)
        assert len(proxy.requests) == 2

    async def test_a_token_that_was_rotated_is_read_again_when_it_is_refused(
        self, connect: Connect, proxy: Proxy, tmp_path: Path, tokens: dict[str, str]
    ) -> None:
        token = tmp_path / "token"
        token.write_text("t0ken-1\n")
        path = kubeconfig(tmp_path / "config", proxy.url, user={"tokenFile": str(token)})
        async with connect(kubeconfig=str(path)) as cluster:
            await write(cluster, config_map("a"))
            tokens.clear()
            tokens["t0ken-2"] = "tidegate"
            token.write_text("t0ken-2\n")
            await write(cluster, config_map("a", "2"))

    async def test_a_token_that_can_no_longer_be_read_is_named(
        self, connect: Connect, proxy: Proxy, tmp_path: Path
    ) -> None:
        token = tmp_path / "token"
        token.write_text("t0ken-1")
        path = kubeconfig(tmp_path / "config", proxy.url, user={"tokenFile": str(token)})
        async with connect(kubeconfig=str(path)) as cluster:
            await write(cluster, config_map("a"))
            token.unlink()
            cluster.credentials.expire()
            with pytest.raises(Forbidden, match="no token for"):
                await cluster.read(CONFIG_MAP, "default", "a")

    async def test_a_plugin_that_fails_is_told_and_printed_nowhere(
        self, reading: Any, capfd: pytest.CaptureFixture[str]
    ) -> None:
        plugin = {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "no-such-plugin",
            "interactiveMode": "Never",
        }
        with pytest.raises(Forbidden, match=r"exec plugin failed: .*no-such-plugin"):
            await reading(exec=plugin)
        assert capfd.readouterr() == ("", "")

    async def test_a_plugin_is_asked_for_a_token(self, reading: Any, proxy: Proxy) -> None:
        program = (
            "import json; print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1', "
            "'kind': 'ExecCredential', 'status': {'token': 't0ken-1'}}))"
        )
        await reading(
            exec={
                "apiVersion": "client.authentication.k8s.io/v1",
                "command": sys.executable,
                "args": ["-c", program],
                "interactiveMode": "Never",
            }
        )
        assert proxy.headers[0]["Authorization"] == "Bearer t0ken-1"

    @pytest.mark.parametrize(
        "content",
        ["", "{", "clusters: 5", "- a", "contexts: []\ncurrent-context: a", "\x00"],
        ids=repr,
    )
    async def test_a_kubeconfig_that_cannot_be_used_is_named(
        self, tmp_path: Path, content: str
    ) -> None:
        (tmp_path / "broken").write_text(content)
        with pytest.raises(Forbidden, match="--kubeconfig"):
            async with Cluster.connect(kubeconfig=str(tmp_path / "broken")):
                pass

    async def test_a_kubeconfig_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(Forbidden, match="--kubeconfig"):
            async with Cluster.connect(kubeconfig=str(tmp_path / "missing")):
                pass

    async def test_a_context_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        path = kubeconfig(tmp_path / "config", "http://127.0.0.1:1")
        with pytest.raises(Forbidden, match="elsewhere"):
            async with Cluster.connect(kubeconfig=str(path), context="elsewhere"):
                pass


EVENT = b'{"type":"BOOKMARK","object":{"kind":"ConfigMap","metadata":{"resourceVersion":"2"}}}\n'


def is_left(listener: socket.socket) -> bool:
    """Begin to answer a watch, and then do nothing; tell whether the client closes its connection."""
    accepted, _ = listener.accept()
    with server_context().wrap_socket(accepted, server_side=True) as connection:
        connection.recv(65536)
        head = (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
        )
        connection.sendall(head + b"\r\n%x\r\n%b\r\n" % (len(EVENT), EVENT))
        closing = select.poll()
        closing.register(connection, select.POLLRDHUP)
        return bool(closing.poll(20_000))


class TestTransportSecurity:
    @pytest.fixture
    async def secure(self, server: EmbeddedApiServer) -> AsyncIterator[Proxy]:
        async with proxied(server.url, tls=server_context()) as proxy:
            yield proxy

    @pytest.fixture
    def authority(self, tmp_path: Path) -> dict[str, str]:
        path = tmp_path / "authority.pem"
        path.write_text(authority_pem())
        return {"certificate-authority": str(path)}

    async def read(self, tmp_path: Path, url: str, **cluster: Any) -> None:
        path = kubeconfig(tmp_path / "config", url, **cluster)
        async with Cluster.connect(kubeconfig=str(path)) as connected:
            assert [page async for page in connected.pages(CONFIG_MAP, "")]

    async def test_the_authority_of_the_kubeconfig_is_trusted(
        self, secure: Proxy, tmp_path: Path, authority: dict[str, str]
    ) -> None:
        await self.read(tmp_path, secure.url, **authority)

    async def test_another_authority_is_not(self, secure: Proxy, tmp_path: Path) -> None:
        with pytest.raises(Unreachable, match="is not trusted: unable to get local issuer"):
            await self.read(tmp_path, secure.url)
        assert secure.requests == []

    async def test_a_server_may_go_by_another_name(
        self, secure: Proxy, tmp_path: Path, authority: dict[str, str]
    ) -> None:
        await self.read(tmp_path, secure.url, **authority, **{"tls-server-name": "localhost"})
        with pytest.raises(Unreachable, match=r"[Hh]ostname mismatch"):
            await self.read(tmp_path, secure.url, **authority, **{"tls-server-name": "a.example"})

    async def test_verification_can_be_left_out(self, secure: Proxy, tmp_path: Path) -> None:
        await self.read(tmp_path, secure.url, **{"insecure-skip-tls-verify": True})

    async def test_a_certificate_speaks_for_the_client(
        self, server: EmbeddedApiServer, tmp_path: Path, authority: dict[str, str]
    ) -> None:
        clients = trustme.CA()
        context = server_context()
        context.verify_mode = ssl.CERT_REQUIRED
        clients.configure_trust(context)
        issued = clients.issue_cert("tidegate")
        issued.private_key_pem.write_to_path(str(tmp_path / "client.key"))
        issued.cert_chain_pems[0].write_to_path(str(tmp_path / "client.pem"))
        user = {
            "client-certificate": str(tmp_path / "client.pem"),
            "client-key": str(tmp_path / "client.key"),
        }
        async with proxied(server.url, tls=context) as proxy:
            await self.read(tmp_path, proxy.url, **authority, user=user)
            with pytest.raises(Unreachable):
                await self.read(tmp_path, proxy.url, **authority)

    async def test_a_watch_that_is_given_up_waits_for_no_leave_of_its_server(
        self, tmp_path: Path, authority: dict[str, str]
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            gone = asyncio.create_task(asyncio.to_thread(is_left, listener))
            url = f"https://127.0.0.1:{listener.getsockname()[1]}"
            path = kubeconfig(tmp_path / "config", url, **authority)
            async with Cluster.connect(kubeconfig=str(path)) as connected:
                async with connected.watch(CONFIG_MAP, "default", "1") as events:
                    await anext(events)
                assert await gone

    async def test_a_certificate_that_cannot_be_read_is_named(self, tmp_path: Path) -> None:
        broken = tmp_path / "broken.pem"
        broken.write_text("no certificate")
        with pytest.raises(Forbidden, match="certificates"):
            await self.read(
                tmp_path, "https://127.0.0.1:1", **{"certificate-authority": str(broken)}
            )

    async def test_a_proxy_that_the_kubeconfig_names_is_used(
        self, proxy: Proxy, tmp_path: Path
    ) -> None:
        await self.read(tmp_path, "http://cluster.invalid", **{"proxy-url": proxy.url})
        assert proxy.requests

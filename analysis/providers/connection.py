"""HTTP as providers speak it: the connections, trust and credentials of one spec.

What is asked and what the answer means belongs to the providers.
"""

import ssl
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from tempfile import NamedTemporaryFile

from analysis.authentication import basic, bearer
from analysis.errors import ProviderUnavailable, QueryError, causes
from analysis.http import exchange
from analysis.http.clients import Clients
from analysis.http.exchange import HttpAnswer, HttpRequest, Signer, Unanswered, Unsendable
from analysis.http.transport import guarded_client
from analysis.model import Credentials, ProviderSpec
from analysis.secrecy import shown_address

#: A longer answer is no answer to a query of one value, nor a page of one process's metrics.
MOST_BYTES = 64 * 1024 * 1024

Headers = tuple[tuple[str, str], ...]


class ProviderConnection:
    """The way to the addresses of one spec; `connections` are kept for exchanges to come.

    `presented` are the headers that carry the credentials, of a store that takes neither a bearer
    token nor a password, and `sign` gives those that each request needs.
    """

    def __init__(
        self,
        spec: ProviderSpec,
        *,
        connections: int = 8,
        proxies: bool = True,
        presented: Headers | None = None,
        sign: Signer | None = None,
    ) -> None:
        self._spec = spec
        self._headers = headers_of(spec, presented)
        self._sign = sign
        self._clients = Clients(
            partial(guarded_client, spec.egress, verify=tls_context(spec), proxies=proxies),
            kept=connections,
        )

    async def fetch(
        self,
        address: str,
        *,
        method: str = "",
        parameters: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> HttpAnswer:
        """Get an address, or post a form or content to it, whatever the status, in time.

        Where a method is named, it is that one.

        Raises:
            QueryError: the address cannot be asked as it is written.
            ProviderUnavailable: no answer, no whole answer, or not in time.
        """
        where = shown_address(address)
        if self._clients.closed:
            raise ProviderUnavailable(f"the connection to {where} is closed")
        request = HttpRequest(
            method=method,
            address=address,
            where=where,
            parameters=parameters,
            form=form,
            content=content,
            headers=(*self._headers, *(headers or {}).items()),
            seconds=self._spec.timeout.total_seconds() if seconds is None else seconds,
            most_bytes=MOST_BYTES,
            secrets=self._spec.secrets,
            sign=self._sign,
        )
        try:
            async with self._clients.lend(address) as client:
                answer = await exchange.exchange(client, request)
                if not answer.whole:
                    raise ProviderUnavailable(
                        f"{where} answers with more than {MOST_BYTES // 1024 // 1024} MiB; ask for less"
                    )
        except Unanswered as error:
            raise unanswered(error, str(error)) from error
        return answer

    async def close(self) -> None:
        """Close every connection."""
        await self._clients.close()


class TokenConnection:
    """The way to where tokens come from, which the system's certificates vouch for.

    What a template says of its store, by headers and certificates, is not for there.
    """

    def __init__(self, spec: ProviderSpec) -> None:
        others = ((k, v) for k, v in spec.credentials.others if not k.startswith("tls."))
        self._spec = replace(
            spec,
            address="https://",
            headers=(),
            credentials=replace(spec.credentials, others=tuple(others)),
            ca_bundle=None,
            insecure_skip_verify=False,
        )
        self._connection: ProviderConnection | None = None
        self._closed = False

    async def post(
        self, address: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> HttpAnswer:
        """Post a form.

        Raises:
            QueryError: the address cannot be asked as it is written.
            ProviderUnavailable: it gives no answer.
        """
        if self._closed:
            raise ProviderUnavailable(f"the connection to {shown_address(address)} is closed")
        if self._connection is None:
            # Most stores need no tokens, and reading the system's certificates takes long.
            self._connection = ProviderConnection(self._spec, connections=1, presented=())
        return await self._connection.fetch(address, form=form, headers=headers)

    async def close(self) -> None:
        """Close every connection."""
        self._closed = True
        if self._connection is not None:
            await self._connection.close()


def headers_of(spec: ProviderSpec, presented: Headers | None = None) -> Headers:
    """Give the headers that a spec asks for, with its credentials; these win over its headers.

    Raises:
        QueryError: HTTP cannot carry one of them.
    """
    if presented is None:
        presented = _presented(spec.credentials)
    presented = tuple((name, header_text("credentials", value)) for name, value in presented)
    headers = tuple(
        (header_text("name", name), header_text(name, value)) for name, value in spec.headers
    )
    taken = {name.lower() for name, _ in presented}
    return (*(each for each in headers if each[0].lower() not in taken), *presented)


def _presented(credentials: Credentials) -> Headers:
    if credentials.token:
        return (bearer(credentials.token),)
    if credentials.username:
        return (basic(credentials.username, credentials.password or ""),)
    return ()


def tls_context(spec: ProviderSpec) -> ssl.SSLContext:
    """Make the trust that a spec asks for: a bundle of its own, the system's, or none.

    A certificate of the Secret, with its key, is presented where the server asks for one.

    Raises:
        QueryError: the bundle is no PEM text, or the certificate and its key are none.
    """
    context = _trust(spec)
    keys = dict(spec.credentials.others)
    if keys.get("tls.crt") or keys.get("tls.key"):
        _identify(context, keys.get("tls.crt", ""), keys.get("tls.key", ""))
    return context


def _identify(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Present a certificate of our own."""
    # OpenSSL takes it from a file alone.
    with NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(f"{certificate}\n{key}\n")
        file.flush()
        try:
            context.load_cert_chain(file.name, password="")
        except (ssl.SSLError, ValueError) as error:
            raise QueryError(
                "tls.crt and tls.key of the Secret are no certificate with its key; write both as "
                "PEM text"
            ) from error


def _trust(spec: ProviderSpec) -> ssl.SSLContext:
    if spec.insecure_skip_verify:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if not any(address.lower().startswith("https:") for address in (spec.address, *spec.targets)):
        # Reading the system's certificates takes longer than a query; plain HTTP needs none.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cadata=spec.ca_bundle)
    except (ssl.SSLError, ValueError) as error:
        raise QueryError(
            f"caBundle of {shown_address(spec.address)} holds no certificate that can be read; "
            "write certificates as PEM text, beginning with -----BEGIN CERTIFICATE-----"
        ) from error


def unanswered(error: BaseException, told: str) -> Unanswered:
    """Say what went wrong, and what in a spec corrects it."""
    untrusted = any(isinstance(each, ssl.SSLCertVerificationError) for each in causes(error))
    remedy = "; give its authority as caBundle, or set insecureSkipVerify" if untrusted else ""
    return Unanswered(f"{told}{remedy}")


def bad_address(address: str) -> Unsendable:
    """Say that an address is none."""
    return exchange.bad_address(shown_address(address) or "an empty address")


def header_text(name: str, value: str) -> str:
    """Let through what HTTP can carry; the value itself may be a secret and is not shown."""
    if not value.isascii() or not value.isprintable():
        raise QueryError(
            f"header {name!r}: its value holds a character that HTTP cannot carry; write printable "
            "ASCII, without a line break at the end"
        )
    return value

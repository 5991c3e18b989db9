"""Certificates for fake servers on loopback, made anew for every test run."""

import ssl
from functools import cache

import trustme


@cache
def _authority() -> trustme.CA:
    return trustme.CA(organization_name="tidegate tests")


def authority_pem() -> str:
    """Give the certificate of the authority that vouches for the servers."""
    return _authority().cert_pem.bytes().decode()


def server_context(*, mutual: bool = False) -> ssl.SSLContext:
    """Give what a server on 127.0.0.1 needs to speak TLS; a `mutual` one wants a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _authority().issue_cert("127.0.0.1", "localhost").configure_cert(context)
    if mutual:
        _authority().configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_pair() -> tuple[str, str]:
    """Give a client's certificate and its key."""
    issued = _authority().issue_cert("client.example")
    (certificate,) = issued.cert_chain_pems
    return certificate.bytes().decode(), issued.private_key_pem.bytes().decode()


def client_context() -> ssl.SSLContext:
    """Give what a client needs that trusts the servers."""
    return ssl.create_default_context(cadata=authority_pem())

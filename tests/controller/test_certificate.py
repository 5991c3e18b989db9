"""The end of a certificate, as the clients of its server see it."""

import ssl
from datetime import UTC, datetime, timedelta
from math import isnan
from pathlib import Path

import pytest
import trustme

from canary.controller.certificate import end_of

NOW = datetime.now(UTC).replace(microsecond=0)


def server(folder: Path, not_after: datetime) -> tuple[ssl.SSLContext, str]:
    """Make a server's context, and the file of its certificate with that of the authority behind."""
    authority = trustme.CA()
    issued = authority.issue_cert("tidegate.test", not_after=not_after)
    certificate, key = folder / "tls.crt", folder / "tls.key"
    certificate.write_bytes(issued.cert_chain_pems[0].bytes() + authority.cert_pem.bytes())
    issued.private_key_pem.write_to_path(str(key))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context, str(certificate)


@pytest.mark.parametrize("left", [timedelta(days=1), timedelta(days=400)])
def test_a_certificate_ends_when_it_says(tmp_path: Path, left: timedelta):
    context, file = server(tmp_path, NOW + left)
    assert end_of(context, file, NOW) == (NOW + left).timestamp()


def test_one_that_has_ended_has_ended_by_now(tmp_path: Path):
    context, file = server(tmp_path, NOW - timedelta(days=1))
    assert end_of(context, file, NOW) == NOW.timestamp()


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_without_a_file_that_can_be_read_it_is_not_known(tmp_path: Path, content: bytes | None):
    context, _ = server(tmp_path, NOW + timedelta(days=1))
    file = tmp_path / "other.crt"
    if content is not None:
        file.write_bytes(content)
    assert isnan(end_of(context, str(file), NOW))


def test_of_a_certificate_that_the_server_does_not_use_it_is_not_known(tmp_path: Path):
    context, _ = server(tmp_path, NOW + timedelta(days=1))
    (tmp_path / "other").mkdir()
    _, other = server(tmp_path / "other", NOW + timedelta(days=2))
    assert isnan(end_of(context, other, NOW))

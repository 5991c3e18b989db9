"""When a server's certificate ends, as its clients see it."""

import ssl
from contextlib import suppress
from datetime import datetime
from math import nan

_HAS_EXPIRED = 10
"""OpenSSL's number for a certificate whose time is over."""
_FLIGHTS = 4
"""As many as either side of a handshake may send."""


def end_of(server: ssl.SSLContext, certificate: str, now: datetime) -> float:
    """Give the moment at which the certificate of a server ends, as a timestamp.

    Python reads a certificate for a client that trusts it, so the server shakes hands with such a
    client, in memory. Of one that has ended it is only known that it has: that is `now`. Not a
    number where it can't be told.
    """
    try:
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False
        client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        client.load_verify_locations(certificate)
        seen = _handshake(client, server)
    except ssl.SSLCertVerificationError as error:
        return now.timestamp() if error.verify_code == _HAS_EXPIRED else nan
    except OSError:
        return nan
    return float(ssl.cert_time_to_seconds(seen))


def _handshake(client: ssl.SSLContext, server: ssl.SSLContext) -> str:
    """Let two sides shake hands; give the end of the certificate that the client sees."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(back, there)
    sides = (asking, server.wrap_bio(there, back, server_side=True))
    for _ in range(_FLIGHTS):
        for side in sides:
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return str((asking.getpeercert() or {})["notAfter"])

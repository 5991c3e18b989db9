"""Identities of AWS: requests signed with SigV4, by keys that are given or by the controller's own.

botocore signs, and finds the controller's credentials: a role of its service account, of its pod,
or of its machine. It is imported when it is needed, because it is large.
"""

import asyncio
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from analysis.errors import LoginRefused, ProviderUnavailable, QueryError
from analysis.http.exchange import Outgoing, secure_host

#: The keys of a Secret that hold credentials of AWS.
KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")

#: Where the controller's own credentials may go. Other names below amazonaws.com are customers'.
_AWS = re.compile(r"(aps-workspaces|monitoring)\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
#: What is signed, besides what SigV4 adds.
_SIGNED = ("content-type", "x-amz-target")


class AwsSigner:
    """Signs requests to a service of AWS in a region."""

    def __init__(self, *, region: str, service: str, keys: Mapping[str, str]) -> None:
        self._region = region
        self._service = service
        self._keys = keys

    async def __call__(self, request: Outgoing) -> Mapping[str, str]:
        """Give the headers of the signature.

        Raises:
            QueryError: botocore is not installed, or the controller's own credentials may not go
                to this address.
            LoginRefused: there are no credentials.
            ProviderUnavailable: the controller's own cannot be read now.
        """
        self.check()
        if not self._keys.get(KEYS[0]) and not _AWS.fullmatch(secure_host(request.url)):
            raise QueryError(
                "the controller's own credentials of AWS are for CloudWatch and Managed Prometheus; "
                "write https://monitoring.REGION.amazonaws.com or "
                f"https://aps-workspaces.REGION.amazonaws.com, or give {KEYS[0]} and {KEYS[1]} in a Secret"
            )
        # Roles are assumed over the network, and again before their end.
        return await asyncio.to_thread(self._sign, request)

    @staticmethod
    def check() -> None:
        """Find out whether anything can be signed.

        Raises:
            QueryError: botocore is not installed.
        """
        try:
            import botocore.auth  # noqa: F401 - to find out
        except ImportError as error:
            raise QueryError(
                "requests to AWS are signed with botocore, which is not installed; "
                "install tidegate[aws]"
            ) from error

    def _sign(self, request: Outgoing) -> Mapping[str, str]:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        headers = {k: v for k, v in request.headers.items() if k.lower() in _SIGNED}
        signed = AWSRequest(
            method=request.method, url=request.url, data=request.content, headers=headers
        )
        SigV4Auth(self._credentials(), self._service, self._region).add_auth(signed)
        return {k: str(v) for k, v in signed.headers.items() if k.lower() not in headers}

    def _credentials(self) -> Any:
        from botocore.credentials import Credentials
        from botocore.exceptions import BotoCoreError, ClientError

        if self._keys.get(KEYS[0]):
            return Credentials(*(self._keys.get(key) or None for key in KEYS))
        try:
            found = _own()
            frozen = found.get_frozen_credentials() if found is not None else None
        except (BotoCoreError, ClientError) as error:
            raise ProviderUnavailable(
                f"the controller's credentials of AWS cannot be read: {type(error).__name__}"
            ) from error
        if frozen is None:
            raise LoginRefused(
                f"the controller has no credentials of AWS; give its service account a role, or "
                f"{KEYS[0]} and {KEYS[1]} in a Secret"
            )
        return frozen


@cache
def _own() -> Any:
    """Find the controller's own credentials, which renew themselves."""
    from botocore.session import get_session

    return get_session().get_credentials()

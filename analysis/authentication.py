"""How a request says who sends it: the one place that writes credentials into headers."""

from base64 import b64encode

AUTHORIZATION = "Authorization"


def bearer(token: str) -> tuple[str, str]:
    """Write a bearer token (RFC 6750); in a Secret it often ends with a line break."""
    return AUTHORIZATION, f"Bearer {token.strip()}"


def basic(username: str, password: str) -> tuple[str, str]:
    """Write a user name and its password (RFC 7617)."""
    return AUTHORIZATION, f"Basic {user_and_password(username, password)}"


def user_and_password(username: str, password: str) -> str:
    """Write a user name and its password as they are sent."""
    return b64encode(f"{username}:{password}".encode()).decode()


def header(key: str, value: str) -> tuple[str, str]:
    """Write a value of a Secret as the header that its key names."""
    return key, value.strip()

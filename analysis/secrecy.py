"""Hiding secrets: the one place that takes them out of a text, or shows an address without them.

Who calls knows the secrets that it holds; `hide_suspicious` is for texts of unknown origin, such as
log entries.
"""

import re
from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit, urlunsplit

HIDDEN = "***"
#: How much of a foreign text a message shows, in characters.
SHOWN_LENGTH = 300
#: Shorter strings are no secrets worth the damage that hiding them does to messages.
SECRET_LENGTH = 4
UNREADABLE = "an address that cannot be read"

#: Between a name and its value, in a header, a dictionary, JSON, or a list of pairs.
_BETWEEN = r"""(?:["']?\s*[:=]|["'],)\s*(?:b(?=["']))?["']?"""
# Each pattern keeps its first group, and hides the rest of what it matches. None looks at a character
# from many beginnings: strangers write these texts, and a long one must not take long.
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # Headers: to the end of the value, for schemes and cookies have several parts.
        rf"(\b(?:proxy-)?authorization{_BETWEEN})[^\"'\r\n]+",
        rf"(\b(?:x-api-key|api-key|x-auth-token|set-cookie|cookie){_BETWEEN})[^\"'\r\n]+",
        r"(\b(?:bearer|basic)\s+)[a-z0-9._~+/=-]{8,}",
        # Parameters, and fields of JSON.
        rf"(\b(?:(?:access|refresh|id)_token|api_?key|client_secret|password){_BETWEEN})[^\s\"',&}}]+",
        rf"(\b(?:passwd|signature|token){_BETWEEN})[^\s\"',&}}]+",
        # Who may enter, in front of a host.
        r"(://)[^\s/@]+(?=@)",
        # Slack: incoming webhooks and tokens.
        r"(https?://hooks\.slack(?:-gov)?\.com/)[^\s\"'<>]+",
        r"()\bx(?:ox[a-z]|app)-[a-z0-9-]{8,}",
        # JSON Web Tokens: those of service accounts, for one.
        r"()\beyj[a-z0-9_-]{8,1000}\.[a-z0-9_-]+\.[a-z0-9_-]*",
    )
)

#: What each of the patterns needs to match; most texts hold none of it.
_SUSPICIOUS = re.compile(
    r"[:=]|[\"'],|\b(?:bearer|basic)\s|\bx(?:ox[a-z]|app)-|\beyj", re.IGNORECASE
)


def hide(text: str, secrets: Iterable[str]) -> str:
    """Hide secrets in a text, as they are written and as the text may quote them."""
    for form in _forms(secrets):
        text = text.replace(form, HIDDEN)
    return text


def hide_suspicious(text: str) -> str:
    """Hide what looks like a secret."""
    if _SUSPICIOUS.search(text):
        for pattern in _PATTERNS:
            text = pattern.sub(_kept, text)
    return text


def shown_text(
    text: str, secrets: Iterable[str] = (), *, length: int = SHOWN_LENGTH, cut: bool = False
) -> str:
    """Bring a foreign text into one printable line of bounded length, without secrets.

    `cut` says that the text is the beginning of a longer one.
    """
    forms = _forms(secrets)
    text = hide(text, forms)
    if cut and forms:
        # What was cut off may have been the rest of a secret.
        text = text[: -len(forms[0])]
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def shown_address(address: str) -> str:
    """Write an address without the user, password and parameters that it may hold."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return UNREADABLE
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def origin(address: str) -> str:
    """Show where an address leads, and nothing of it that could be a secret, such as its path."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return UNREADABLE
    if not parts.scheme or not host:
        return UNREADABLE
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")


def userinfo(address: str) -> tuple[str, ...]:
    """List the secrets that an address holds: user and password, as written and as sent."""
    try:
        user = urlsplit(address).netloc.rpartition("@")[0]
    except ValueError:
        return ()
    if not user:
        return ()
    return (user, user.partition(":")[2], b64encode(unquote(user).encode()).decode())


def _kept(found: re.Match[str]) -> str:
    return f"{found[1]}{HIDDEN}"


def _forms(secrets: Iterable[str]) -> tuple[str, ...]:
    """List the forms in which a text may hold secrets, the longest first."""
    forms = {
        form
        for secret in secrets
        for form in (secret, secret.strip(), unquote(secret))
        if len(form) >= SECRET_LENGTH
    }
    return tuple(sorted(forms, key=len, reverse=True))

"""The options of `tidegate dashboard` for many people: what each way in needs, and refuses."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from canary.cli.dashboard import dashboard

OIDC = (
    *("--auth", "oidc", "--listen", ":0", "--public-url", "https://gate.example.com"),
    *("--oidc-issuer", "https://login.example.com", "--oidc-client-id", "gate"),
)


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(dashboard, list(arguments))
    assert result.exit_code in {1, 2}, result.output
    return result.output + str(result.exception or "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--auth", "oidc"), "--listen"),
        (("--auth", "oidc", "--listen", ":0"), "--auth oidc needs --oidc-issuer"),
        ((*OIDC, "--public-url", "http://gate.example.com"), "write https://"),
        ((*OIDC, "--oidc-issuer", "login.example.com"), "write https://"),
        ((*OIDC, "--root-path", "/gate"), "does not end with --root-path"),
        ((*OIDC, "--oidc-client-secret-file", "/nowhere"), "/nowhere: No such file"),
        ((*OIDC, "--trusted-proxy", "10.0.0.0/8"), "--trusted-proxy with --auth proxy-token"),
        ((*OIDC, "--oidc-user-claim", "sub"), "--oidc-user-claim with --oidc-impersonate"),
        ((*OIDC, "--user-prefix", "sso:"), "--user-prefix with --oidc-impersonate"),
        (("--oidc-impersonate",), "--oidc-impersonate with --auth oidc"),
        (("--oidc-scope", "groups"), "--oidc-scope with --auth oidc"),
        (
            ("--auth", "proxy-token", "--listen", ":0", "--trusted-proxy", "10.0.0.1/8"),
            "write it as 10.0.0.0/8",
        ),
        (("--auth", "proxy-user", "--listen", ":0"), "needs --proxy-secret-file"),
        (("--frame-ancestors", "https://portal.example.com"), "with another --auth than"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_remedy(
    arguments: tuple[str, ...], says: str
):
    assert says in refused(*arguments)


@pytest.mark.parametrize(
    "written",
    [
        *("*", "https:", "https://*", "https://*.example.com", "http://portal.example.com"),
        *("https://portal.example.com/", "portal.example.com", "https://a b", "'self'", ""),
        *("https://portal.example.com:port", "https://portal.example.com; script-src *"),
    ],
)
def test_who_may_frame_the_pages_is_named_one_by_one(written: str):
    said = " ".join(refused(*OIDC, "--frame-ancestors", written).split())
    assert f"'--frame-ancestors': {written!r}: write an origin" in said


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        ("short", (), "at least 16 characters"),
        (" \n", (), "is empty"),
        ("x" * 32, ("--user-header", "X Forwarded"), "is no header's name"),
    ],
)
def test_a_proxys_secret_and_headers_are_checked(
    tmp_path: Path, content: str, options: tuple[str, ...], says: str
):
    file = tmp_path / "secret"
    file.write_text(content)
    asked = ("--auth", "proxy-user", "--listen", ":0", "--proxy-secret-file", str(file), *options)
    said = refused(*asked)
    assert says in said
    assert content.strip() not in said or not content.strip()

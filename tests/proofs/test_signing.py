"""A signature of a release, made and verified by OpenSSH itself."""

import subprocess
from pathlib import Path

import pytest

from tests.delivery.signing import STATEMENT, SUMS, a_release, signed, stated

pytestmark = pytest.mark.control_plane


def verified(folder: Path, name: str, signers: Path) -> bool:
    """Verify the signature of a file as docs/verify.md says."""
    command = ["ssh-keygen", "-Y", "verify", "-n", "tidegate-release", "-f", signers]
    signature = ["-I", "release@example.com", "-s", folder / f"{name}.sig"]
    text = (folder / name).read_bytes()
    done = subprocess.run([*command, *signature], input=text, capture_output=True, check=False)
    return done.returncode == 0


def test_a_release_is_signed_with_a_key_and_verified_as_the_page_says(tmp_path: Path):
    key, signers = tmp_path / "key", tmp_path / "release.signers"
    make = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "release", "-f", key)
    subprocess.run(make, check=True)
    signers.write_text(f"release@example.com {key.with_suffix('.pub').read_text()}")
    folder = stated(a_release(tmp_path / "dist"))
    for _ in range(2):  # a second time it is signed anew
        assert signed(folder, key).returncode == 0
        assert [verified(folder, each, signers) for each in (SUMS, STATEMENT)] == [True, True]
    with (folder / SUMS).open("a") as sums:
        sums.write(" ")
    assert [verified(folder, each, signers) for each in (SUMS, STATEMENT)] == [False, True]

"""What a runner signs: the list of a release's files, and where they come from."""

import json
import os
from pathlib import Path

import pytest

from tests.delivery.signing import (
    BUILDER,
    COMMIT,
    SOURCE,
    STATEMENT,
    SUMS,
    WHEEL,
    a_release,
    signed,
    stated,
)

pytestmark = pytest.mark.delivery


def test_the_statement_is_about_each_file_and_names_the_commit_and_is_the_same_each_time(tmp_path):
    folder = stated(a_release(tmp_path / "dist"))
    text = (folder / STATEMENT).read_text()
    said = json.loads(text)
    sums = map(str.split, (folder / SUMS).read_text().splitlines())
    assert said["subject"] == [{"name": name, "digest": {"sha256": each}} for each, name in sums]
    (built_from,) = said["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert built_from == {"uri": SOURCE, "digest": {"gitCommit": COMMIT}}
    assert said["predicate"]["runDetails"]["builder"]["id"] == BUILDER
    assert (stated(folder) / STATEMENT).read_text() == text


def test_a_file_that_is_not_as_the_list_says_is_not_signed_for(tmp_path: Path):
    folder = stated(a_release(tmp_path / "dist"))
    (folder / WHEEL).write_bytes(b"another wheel")
    refused = signed(folder, tmp_path / "key")
    assert refused.returncode != 0
    assert f"{WHEEL}: FAILED" in refused.stdout


def test_a_release_that_does_not_say_where_it_comes_from_is_not_signed(tmp_path: Path):
    refused = signed(a_release(tmp_path / "dist"), tmp_path / "key")
    assert refused.returncode == 1
    assert f"{STATEMENT}: run make release, then provenance.py" in refused.stderr


def test_without_a_key_the_identity_of_the_runner_signs_both(tmp_path: Path):
    cosign = tmp_path / "programs" / "cosign"
    cosign.parent.mkdir()
    cosign.write_text('#!/bin/sh\necho "$@"\n')
    cosign.chmod(0o755)
    path = f"{cosign.parent}:{os.environ['PATH']}"
    done = signed(stated(a_release(tmp_path / "dist")), env={"PATH": path})
    assert done.stdout.splitlines() == [
        f"sign-blob --yes --bundle {each}.sigstore.json {each}" for each in (SUMS, STATEMENT)
    ]

"""Say where the files of a release come from, as a statement that can be signed.

Reads `SHA256SUMS` beside the files, and writes `tidegate.intoto.json`: an in-toto statement with SLSA's
provenance as its predicate. It has no time in it, so that one commit has one statement.
https://slsa.dev/spec/v1.0/provenance

    python deploy/release/provenance.py dist --source git+https://git.example.com/tidegate \
        --commit 1f0c... --builder https://ci.example.com/runners/release
"""

import argparse
import json
from pathlib import Path

_TYPE = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://slsa.dev/provenance/v1"
#: What was run: `make release`, in a checkout of the commit.
_BUILD_TYPE = "https://tidegate.dev/build/make-release/v1"
NAME = "tidegate.intoto.json"


def statement(sums: str, *, source: str, commit: str, builder: str) -> dict[str, object]:
    """Give the statement about files with some checksums, as sha256sum writes them."""
    lines = (line.split(maxsplit=1) for line in sums.splitlines() if line.strip())
    return {
        "_type": _TYPE,
        "subject": [{"name": name, "digest": {"sha256": digest}} for digest, name in lines],
        "predicateType": _PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": _BUILD_TYPE,
                "externalParameters": {"source": source, "target": "release"},
                "resolvedDependencies": [{"uri": source, "digest": {"gitCommit": commit}}],
            },
            "runDetails": {"builder": {"id": builder}},
        },
    }


def main() -> None:
    """Write the statement about a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where make release has put its files")
    parser.add_argument("--source", required=True, help="the repository, as git+https://...")
    parser.add_argument("--commit", required=True, help="the commit that was built")
    parser.add_argument("--builder", required=True, help="an address that names who has built it")
    options = parser.parse_args()
    sums = (options.folder / "SHA256SUMS").read_text(encoding="utf-8")
    said = statement(sums, source=options.source, commit=options.commit, builder=options.builder)
    text = json.dumps(said, indent=2, sort_keys=True)
    (options.folder / NAME).write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

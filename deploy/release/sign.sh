#!/usr/bin/env bash
# Sign what `make release` and provenance.py have put into a folder: the list of checksums, and the
# statement of where the files come from.
#
#   deploy/release/sign.sh dist                        keyless, with cosign and the identity that the runner has
#   deploy/release/sign.sh dist ~/.ssh/release_key     with a key of your own, by OpenSSH
set -euo pipefail
folder=${1:?name the folder with the files of the release}
key=${2:-}
cd "$folder"
# Nothing is signed that is not what the list says.
sha256sum --quiet --check SHA256SUMS
for file in SHA256SUMS tidegate.intoto.json; do
  [ -s "$file" ] || { echo "There is no $folder/$file: run make release, then provenance.py" >&2; exit 1; }
done
for file in SHA256SUMS tidegate.intoto.json; do
  if [ -n "$key" ]; then
    rm -f "$file.sig"
    ssh-keygen -q -Y sign -n tidegate-release -f "$key" "$file"
  else
    cosign sign-blob --yes --bundle "$file.sigstore.json" "$file"
  fi
done

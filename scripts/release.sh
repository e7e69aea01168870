#!/usr/bin/env bash
# Publishes both packages with provenance, of a commit that is tagged vVERSION and passes its checks: run by a pipeline that
# npm trusts (an OIDC token, as GitHub Actions with `id-token: write` and GitLab with an `id_tokens` of audience sigstore
# have), or with `--dry-run`, which publishes nothing, anywhere. The notes, the changelog's section, go to FOLDER/notes.md.
#
#   REPOSITORY=https://HOST/OWNER/NAME.git scripts/release.sh FOLDER [--dry-run]
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "${1:?the folder for tarballs and notes}"
folder=$(realpath "$1")
mode=(--provenance)
if [ "${2:-}" = --dry-run ]; then mode=(--dry-run --provenance=false); fi
: "${REPOSITORY:?the address of this repository, by which provenance says where the packages come from}"

version=$(node -p 'require("./package.json").version')
if ! git tag --points-at HEAD | grep --quiet --line-regexp --fixed-strings "v$version"; then
  echo "This commit is not tagged v$version." >&2
  exit 1
fi
if [ -n "$(git status --porcelain)" ]; then
  echo "The work tree has changes that are not committed." >&2
  exit 1
fi
awk -v head="## $version " 'index($0, "## ") == 1 { inside = index($0, head) == 1; next } inside' CHANGELOG.md >"$folder/notes.md"
if ! grep -q '[^[:space:]]' "$folder/notes.md"; then
  echo "CHANGELOG.md has no section of $version: npm run release:version -- $version" >&2
  exit 1
fi

.ci/run
npm run --silent pack -- "$folder"
for package in metropolis metropolis-client; do
  npm publish "$folder/$package-$version.tgz" --ignore-scripts "${mode[@]}"
done

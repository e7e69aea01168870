#!/usr/bin/env bash
# Packs a built checkout as two tarballs in FOLDER: metropolis-VERSION.tgz, the server, and metropolis-client-VERSION.tgz.
# Both install from the registry alone. onnxruntime-node is in the server's, without its install script, which asks
# another host for the CUDA provider and fails without it: `metropolis doctor --install cuda` runs it where it is wanted.
# REPOSITORY, where it is set, is the address that their manifests name, as provenance wants it.
#
#   npm run pack -- [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "${1:-.}"
to=$(realpath "${1:-.}")
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

mkdir "$stage/server"
mapfile -t files < <(node -p 'require("./package.json").files.filter((name) => !name.startsWith("!")).join("\n")')
cp -R "${files[@]}" README.md LICENSE package.json "$stage/server"
runtime=node_modules/onnxruntime-node
mkdir "$stage/server/node_modules"
cp -R "$runtime" "$stage/server/node_modules"
npx tsx scripts/lay-out-client.ts "$stage/client"

cd "$stage/server"
npm pkg set 'bundleDependencies[]=onnxruntime-node'
npm pkg delete private scripts devDependencies
# The script's own dependencies become the server's.
node -p 'Object.entries(require("./'"$runtime"'/package.json").dependencies).map(([name, range]) => `dependencies.${name}=${range}`).join("\n")' |
  grep -v onnxruntime-common | xargs -d '\n' npm pkg set
# What it depends on itself npm would take for brought along as well, wherever a global installation puts it.
(cd "$runtime" && npm pkg delete scripts dependencies)
# macOS's library comes under two names; it is loaded by the other.
rm "$runtime"/bin/napi-v6/darwin/*/libonnxruntime.*.*.dylib

for package in server client; do
  cd "$stage/$package"
  if [ -n "${REPOSITORY:-}" ]; then npm pkg set repository.type=git "repository.url=git+$REPOSITORY"; fi
  npm pack --ignore-scripts --silent --pack-destination "$to"
done

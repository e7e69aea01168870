#!/usr/bin/env bash
# Packs a built checkout as a tarball that npm installs from the registry alone: metropolis-VERSION.tgz in FOLDER.
# onnxruntime-node is in it, without its install script, which asks another host for the CUDA provider and fails without.
#
#   npm run pack -- [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."
to=$(realpath "${1:-.}")
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

cp -R dist models openapi.yaml README.md LICENSE package.json "$stage"
mkdir "$stage/node_modules"
cp -R node_modules/onnxruntime-node "$stage/node_modules"
cd "$stage"
npm pkg set 'bundleDependencies[]=onnxruntime-node'
npm pkg delete scripts devDependencies
# The install script alone asks for its dependencies.
(cd node_modules/onnxruntime-node && npm pkg delete scripts dependencies)
npm pack --ignore-scripts --silent --pack-destination "$to"

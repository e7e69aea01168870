#!/usr/bin/env bash
# Lays out what the container image holds: ROOT/app, the built server with what it needs to run, and ROOT/models, where
# the volume with weights goes. Run in a built checkout, by the Dockerfile and by the test of the image alike.
#
#   scripts/lay-out-image.sh ROOT [cpu|cuda]
set -euo pipefail
root=${1:?the folder to lay out}
target=${2:-cpu}
cd "$(dirname "$0")/.."

mkdir -p "$root/app" "$root/models"
cp -R dist models openapi.yaml package.json package-lock.json .npmrc LICENSE "$root/app"
cd "$root/app"
npm ci --omit=dev --no-audit --no-fund
# What the image is made of, for scanners.
npm sbom --omit=dev --package-lock-only --sbom-format=cyclonedx >sbom.cdx.json

# The runtime and the tokenizers come for every platform; an image needs its own.
runtime=node_modules/onnxruntime-node/bin/napi-v6
platform=$(node -p 'process.platform')
architecture=$(node -p 'process.arch')
find "$runtime" -mindepth 2 -maxdepth 2 ! -path "$runtime/$platform/$architecture" -exec rm -r {} +
find "$runtime" -type d -empty -delete
find node_modules/tokenizers -name '*.node' ! -name "tokenizers.$platform-$architecture*" -delete

if [ "$target" = cuda ]; then
  node dist/main.js doctor --install cuda
  # TensorRT is not used, and its provider is large.
  rm -f "$runtime/$platform/$architecture/libonnxruntime_providers_tensorrt.so"
fi

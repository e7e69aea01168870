#!/usr/bin/env bash
# Makes FOLDER a Python environment with the engines that `npm run bench -- peers` measures beside ours: .venv when left out.
# torch comes from the index of its builds for the CPU, or from TORCH_INDEX: PyPI's bring several GB for GPUs, and do as well.
#
#   scripts/peers.sh [FOLDER]
set -euo pipefail
folder=${1:-.venv}
index=${TORCH_INDEX-https://download.pytorch.org/whl/cpu}

python3 -m venv "$folder"
pip=("$folder/bin/python" -m pip install --quiet)
"${pip[@]}" torch==2.15.0 ${index:+--index-url "$index"}
"${pip[@]}" numpy==2.4.6 transformers==5.24.0 onnx==1.23.2 onnx-ir==1.1.0 onnxruntime==1.32.0 onnxruntime-genai==0.18.0

#!/usr/bin/env bash
# Makes FOLDER, .venv when left out: the engines that `npm run bench -- peers` measures beside ours. Needs Python with
# venv, npm, and for llama.cpp, which is built for this very machine, CMake and a C++ compiler. torch comes from the
# index of its builds for the CPU, or from TORCH_INDEX; with an empty one from pip's own, several GB for GPUs with it.
#
#   scripts/peers.sh [FOLDER]
set -euo pipefail
folder=${1:-.venv}
index=${TORCH_INDEX-https://download.pytorch.org/whl/cpu}

python3 -m venv "$folder"
pip() { "$folder/bin/python" -m pip install --quiet "$@"; }
pip torch==2.15.0 ${index:+--index-url "$index"}
pip numpy==2.4.6 transformers==5.24.0 onnx==1.23.2 onnx-ir==1.1.0 onnxruntime==1.32.0 onnxruntime-genai==0.18.0
CMAKE_ARGS="-DGGML_NATIVE=ON -DLLAVA_BUILD=OFF" pip llama-cpp-python==0.3.36
# Its install scripts only fetch what GPUs need.
npm install --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent @huggingface/transformers@4.3.2

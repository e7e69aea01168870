"""Makes another GGUF file of one: in float32, or in Q4_0, the 4 bits that llama.cpp computes with fastest.

    python scripts/requantize_gguf.py MODEL.gguf OTHER.gguf f32|q4_0

Needs llama-cpp-python, as scripts/peers.sh installs it.
"""

import ctypes
import sys

import llama_cpp

file, other, kind = sys.argv[1:]
params = llama_cpp.llama_model_quantize_default_params()
params.ftype = {"f32": llama_cpp.LLAMA_FTYPE_ALL_F32, "q4_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0}[kind]
params.allow_requantize = True
sys.exit(llama_cpp.llama_model_quantize(file.encode(), other.encode(), ctypes.byref(params)))

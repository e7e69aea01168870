"""Makes a Hugging Face folder, which onnxruntime-genai's builder reads, of a GGUF file: float32 weights, tokenizer, template.

    python scripts/dequantize_gguf.py MODEL.gguf FOLDER

Needs torch, transformers, accelerate and gguf.
"""

import json
import sys
from pathlib import Path

from gguf import GGUFReader
from transformers import AutoModelForCausalLM, AutoTokenizer

file, folder = Path(sys.argv[1]), Path(sys.argv[2])

AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name).save_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype="float32")
# The weights no longer are what it says, and saving them as if they were is refused.
if hasattr(model.config, "quantization_config"):
    del model.config.quantization_config
for name in ("is_quantized", "hf_quantizer"):
    if hasattr(model, name):
        delattr(model, name)
model.save_pretrained(folder)

# The converted tokenizer puts a first token before every text, whatever the file says.
add_bos = GGUFReader(file).get_field("tokenizer.ggml.add_bos_token")
if add_bos is not None and not add_bos.contents():
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    tokenizer["post_processor"] = None
    path.write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")

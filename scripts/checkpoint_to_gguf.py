"""Writes a GGUF file, float32, of a checkpoint of an embedded model, for llama.cpp.

    npm run lab -- checkpoint abacus --out FOLDER
    python scripts/checkpoint_to_gguf.py FOLDER MODEL.gguf

Needs gguf and numpy. llama.cpp's own converter knows tokenizers by how they split a text of its own, and not one of
single characters.
"""

import json
import sys
from pathlib import Path

import numpy as np
from gguf import GGUFWriter, TokenType

folder, file = Path(sys.argv[1]), Path(sys.argv[2])


def read(name):
    return json.loads((folder / name).read_text(encoding="utf-8"))


def read_tensors():
    data = (folder / "model.safetensors").read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    for name, entry in json.loads(data[8:start]).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            yield name, np.frombuffer(data[start + begin : start + end], dtype="<f4").reshape(entry["shape"])


def interleave(matrix, heads):
    """llama.cpp turns neighbouring rows of a head, where the checkpoint turns one half's against the other's."""
    halves = matrix.reshape(heads, 2, matrix.shape[0] // heads // 2, matrix.shape[1])
    return halves.swapaxes(1, 2).reshape(matrix.shape)


config, tokenizer, tokenizer_config = read("config.json"), read("tokenizer.json"), read("tokenizer_config.json")

writer = GGUFWriter(file, "llama")
writer.add_name(folder.name)
writer.add_block_count(config["num_hidden_layers"])
writer.add_context_length(config["max_position_embeddings"])
writer.add_embedding_length(config["hidden_size"])
writer.add_feed_forward_length(config["intermediate_size"])
writer.add_head_count(config["num_attention_heads"])
writer.add_head_count_kv(config["num_key_value_heads"])
writer.add_key_length(config["head_dim"])
writer.add_value_length(config["head_dim"])
writer.add_rope_dimension_count(config["head_dim"])
writer.add_rope_freq_base(config["rope_theta"])
writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
writer.add_vocab_size(config["vocab_size"])
writer.add_file_type(0)

vocabulary = sorted(tokenizer["model"]["vocab"].items(), key=lambda entry: entry[1])
special = {token["id"] for token in tokenizer["added_tokens"]}
writer.add_tokenizer_model("gpt2")
writer.add_tokenizer_pre("default")
writer.add_token_list([token for token, _ in vocabulary])
writer.add_token_types([TokenType.CONTROL if id in special else TokenType.NORMAL for _, id in vocabulary])
# llama.cpp wants merges. What this one gives is no token, and is taken apart again.
writer.add_token_merges(["0 0"])
writer.add_eos_token_id(config["eos_token_id"])
writer.add_pad_token_id(config["pad_token_id"])
writer.add_add_bos_token(False)
writer.add_add_eos_token(False)
writer.add_chat_template(tokenizer_config["chat_template"])

names = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
for name, tensor in read_tensors():
    part = name.removesuffix(".weight")
    block = ""
    if part.startswith("model.layers."):
        _, _, layer, part = part.split(".", 3)
        block = f"blk.{layer}."
    if part == "self_attn.q_proj":
        tensor = interleave(tensor, config["num_attention_heads"])
    elif part == "self_attn.k_proj":
        tensor = interleave(tensor, config["num_key_value_heads"])
    writer.add_tensor(f"{block}{names[part]}.weight", np.ascontiguousarray(tensor))

writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()

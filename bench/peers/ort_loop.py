"""A bare loop of ONNX Runtime by I/O binding: what an engine that runs the file as it is cannot be much faster than.

It computes the logits of all tokens of a prompt; an engine that computes the last one's alone may read prompts faster.
"""

import json
from pathlib import Path

from protocol import serve


def load(model, threads):
    import numpy as np
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(f"{model}/model.onnx", options, providers=["CPUExecutionProvider"])
    caches = [node for node in session.get_inputs() if node.name.startswith("past_key_values.")]
    decoder = json.loads(Path(model, "genai_config.json").read_text())["model"]["decoder"]
    names = {node.name for node in session.get_inputs()}

    def complete(prompts, tokens):
        ids = np.array(prompts, dtype=np.int64)
        rows, length = ids.shape
        binding = session.io_binding()
        # Past and present are one buffer, of the whole length, as GroupQueryAttention takes them.
        buffers = []
        for node in caches:
            shape = (rows, decoder["num_key_value_heads"], length + tokens, decoder["head_size"])
            buffer = ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))
            binding.bind_ortvalue_input(node.name, buffer)
            binding.bind_ortvalue_output(node.name.replace("past_key_values", "present"), buffer)
            buffers.append(buffer)
        answers = []
        for position in range(length, length + tokens):
            start = position - ids.shape[1]
            inputs = {"input_ids": ids, "attention_mask": np.ones((rows, position), np.int64)}
            if "position_ids" in names:
                inputs["position_ids"] = np.tile(np.arange(start, position), (rows, 1))
            for name, value in inputs.items():
                binding.bind_cpu_input(name, value)
            binding.bind_output("logits")
            session.run_with_iobinding(binding)
            logits = binding.get_outputs()[-1].numpy()
            ids = logits[:, -1].argmax(-1).astype(np.int64)[:, None]
            answers.append(ids[:, 0].tolist())
        return [list(answer) for answer in zip(*answers)]

    return f"onnxruntime {ort.__version__}, bare loop", complete


serve(load)

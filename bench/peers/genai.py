"""onnxruntime-genai on a folder that its builder wrote."""

import json

from protocol import serve


def load(model, threads):
    import numpy as np
    import onnxruntime_genai as og

    config = og.Config(model)
    options = {"intra_op_num_threads": threads}
    config.overlay(json.dumps({"model": {"decoder": {"session_options": options}}}))
    genai = og.Model(config)

    def complete(prompts, tokens):
        rows, length = len(prompts), len(prompts[0])
        params = og.GeneratorParams(genai)
        whole = length + tokens
        # The least length forbids end tokens.
        params.set_search_options(batch_size=rows, do_sample=False, min_length=whole, max_length=whole)
        generator = og.Generator(genai, params)
        generator.append_tokens(np.array(prompts, dtype=np.int32))
        for _ in range(tokens):
            generator.generate_next_token()
        return [generator.get_sequence(row)[length:].tolist() for row in range(rows)]

    return f"onnxruntime-genai {og.__version__}", complete


serve(load)

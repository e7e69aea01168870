"""llama.cpp on a GGUF file, by its own C interface."""

import ctypes

from protocol import serve


def load(model, threads):
    import llama_cpp
    import numpy as np

    # It says a line of each node of each pass. The callback must outlive this function.
    global silence
    silence = llama_cpp.llama_log_callback(lambda level, text, data: None)
    llama_cpp.llama_log_set(silence, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    network = llama_cpp.llama_model_load_from_file(model.encode(), llama_cpp.llama_model_default_params())
    vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(network))

    def complete(prompts, tokens):
        rows, length = len(prompts), len(prompts[0])
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = rows * (length + tokens)
        params.n_seq_max = rows
        params.kv_unified = False
        params.n_batch = rows * length
        params.n_threads = params.n_threads_batch = threads
        context = llama_cpp.llama_init_from_model(network, params)
        batch = llama_cpp.llama_batch_init(rows * length, 0, 1)

        def decode(columns, start):
            """One pass over tokens of each row, and the likeliest token after the last of them."""
            batch.n_tokens = 0
            last = []
            for row, ids in enumerate(columns):
                for offset, token in enumerate(ids):
                    index = batch.n_tokens
                    batch.token[index] = token
                    batch.pos[index] = start + offset
                    batch.n_seq_id[index] = 1
                    batch.seq_id[index][0] = row
                    batch.logits[index] = offset == len(ids) - 1
                    batch.n_tokens += 1
                last.append(batch.n_tokens - 1)
            if llama_cpp.llama_decode(context, batch) != 0:
                raise RuntimeError("llama_decode failed")
            logits = (llama_cpp.llama_get_logits_ith(context, index) for index in last)
            return [int(np.ctypeslib.as_array(row, (vocabulary,)).argmax()) for row in logits]

        answers = [decode(prompts, 0)]
        for position in range(length, length + tokens - 1):
            answers.append(decode([[token] for token in answers[-1]], position))
        llama_cpp.llama_batch_free(batch)
        llama_cpp.llama_free(context)
        return [list(answer) for answer in zip(*answers)]

    # The instructions that its kernels were built for.
    system = llama_cpp.llama_print_system_info().decode()
    kernels = next((name for name in ("AVX512", "AVX2", "AVX", "NEON") if f" {name} = 1" in system), "generic")
    return f"llama.cpp of llama-cpp-python {llama_cpp.__version__}, {kernels}", complete


serve(load)

"""transformers on torch, in float32 on the CPU, on a Hugging Face folder."""

from protocol import serve


def load(model, threads):
    import torch
    import transformers

    torch.set_num_threads(threads)
    network = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()

    @torch.inference_mode()
    def complete(prompts, tokens):
        ids = torch.tensor(prompts)
        options = {"min_new_tokens": tokens, "max_new_tokens": tokens, "do_sample": False}
        answers = network.generate(ids, attention_mask=torch.ones_like(ids), **options)
        return answers[:, ids.shape[1] :].tolist()

    return f"transformers {transformers.__version__}, torch {torch.__version__}", complete


serve(load)

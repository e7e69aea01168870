/**
 * What is called otherwise in a body here: names of llama.cpp, of Ollama, and of OpenAI's other endpoints, which would
 * be unknown. Of several names a body has the first that is a field of its own; an option of `serve` is for all
 * requests. docs/migrating.md says the same, and a test compares them.
 */
export const namesHere: Readonly<Record<string, readonly string[]>> = {
  // OpenAI's, of an endpoint beside
  max_tokens: ["max_output_tokens"],
  max_completion_tokens: ["max_output_tokens", "max_tokens"],
  max_output_tokens: ["max_tokens"],
  prompt: ["messages", "input"],
  messages: ["input"],
  input: ["messages", "prompt"],
  instructions: ["messages (role: system)"],
  response_format: ["text.format"],
  logprobs: ["include"],
  top_logprobs: ["logprobs"],
  reasoning_effort: ["reasoning.effort"],
  // llama.cpp's
  n_predict: ["max_output_tokens", "max_tokens"],
  n_cmpl: ["n"],
  repeat_penalty: ["repetition_penalty"],
  n_probs: ["top_logprobs", "logprobs"],
  post_sampling_probs: ["logprobs_mode"],
  return_tokens: ["return_token_ids"],
  grammar: ["structured_outputs.grammar"],
  json_schema: ["structured_outputs.json"],
  t_max_predict_ms: ["serve --request-timeout"],
  add_special: ["add_special_tokens"],
  with_pieces: ["return_token_strs"],
  // Ollama's
  num_predict: ["max_output_tokens", "max_tokens"],
  format: ["text.format", "response_format"],
  think: ["chat_template_kwargs.enable_thinking"],
  system: ["instructions", "messages (role: system)"],
  template: ["serve --chat-template"],
  num_ctx: ["serve --context"],
  num_thread: ["serve --threads"],
  num_batch: ["serve --prefill-chunk"],
  num_gpu: ["serve --device"],
  use_mmap: ["serve --map-weights"],
};

/** Where Ollama's requests have what others have at top level. */
const nested = "options";

const fieldOf = (name: string): string => /^\w+/.exec(name)![0];

function nameHere(name: string, shape: object): string | undefined {
  if (Object.hasOwn(shape, name)) return name;
  if (!Object.hasOwn(namesHere, name)) return undefined;
  return namesHere[name]!.find((ours) => ours.startsWith("serve --") || Object.hasOwn(shape, fieldOf(ours)));
}

/**
 * What sets here what an unknown field sets elsewhere, in words; nothing where nothing does.
 * @param shape the fields of the body
 */
export function setHere(field: string, value: unknown, shape: object): readonly string[] {
  const isNest = field === nested && typeof value === "object" && value !== null;
  const names = isNest ? Object.keys(value) : [field];
  return names.flatMap((name) => {
    const ours = nameHere(name, shape);
    return ours === undefined ? [] : [`${isNest ? `${nested}.${name}` : name} is set by ${ours}`];
  });
}

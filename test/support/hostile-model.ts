import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { byteTokenizerJson } from "./byte-tokenizer.ts";

/**
 * Endless for all that a test would wait: on a run of a, each place looks as far as the text goes. On c and a run of d
 * the library gives up instead, and takes its process with it.
 */
const pattern = "a*b|c(d+)+e|x";

/** A text that the tokenizer of `writeHostileModel` does not come to an end with. */
export const endlessText = `${"a".repeat(500_000)}cb`;
/** One that takes the process along. */
export const deadlyText = `c${"d".repeat(100)}`;

export const endlessChat = {
  messages: [{ role: "user", content: "hi" }],
  addGenerationPrompt: true,
  variables: { loops: 100_000 },
};

/** A folder with a tokenizer and a template that can be led astray; `into` makes a model of it. */
export async function writeHostileModel(into?: string): Promise<string> {
  const folder = into ?? (await mkdtemp(join(tmpdir(), "metropolis-hostile-")));
  const write = (name: string, content: object): Promise<void> =>
    writeFile(join(folder, name), JSON.stringify(content));
  if (into === undefined) await write("config.json", { max_position_embeddings: 256 });
  const split = { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false };
  const json = byteTokenizerJson();
  const bytes = { ...json.pre_tokenizer, use_regex: false };
  await write("tokenizer.json", {
    ...json,
    pre_tokenizer: { type: "Sequence", pretokenizers: [split, bytes] },
  });
  const loop = "{% for a in range(loops) %}{% for b in range(loops) %}{% endfor %}{% endfor %}";
  await write("tokenizer_config.json", { chat_template: `${loop}{{ messages[0].content }}` });
  return folder;
}

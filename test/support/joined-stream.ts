type Fields = Record<string, unknown>;

/** The answer that a stream's chunks are the parts of, as POST would have given it whole. */
export function joinChunks(chunks: readonly Fields[]): Fields {
  const choices: Fields[] = [];
  const answer: Fields = {};
  for (const { choices: parts, mixing, ...head } of chunks) {
    Object.assign(answer, head);
    if (mixing !== undefined) answer.mixing = [answer.mixing ?? [], mixing].flat();
    for (const { delta, ...part } of parts as Fields[]) {
      const message = delta === undefined ? {} : { message: { refusal: null, ...(delta as Fields) } };
      const index = part.index as number;
      choices[index] = join(choices[index] ?? {}, { ...part, ...message });
    }
  }
  if ((answer.object as string).endsWith(".chunk")) answer.object = "chat.completion";
  return { ...answer, choices };
}

const grows = new Set(["text", "content"]);

/** Texts and lists go on; of everything else the later word counts, null being none. */
function join(earlier: Fields, later: Fields): Fields {
  const joined = { ...earlier };
  for (const [key, value] of Object.entries(later)) {
    const before = joined[key];
    if (Array.isArray(before)) joined[key] = [...(before as unknown[]), ...(value as unknown[])];
    else if (typeof before === "string" && grows.has(key)) joined[key] = before + (value as string);
    else if (isFields(before) && isFields(value)) joined[key] = join(before, value);
    else joined[key] = value ?? before ?? null;
  }
  return joined;
}

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

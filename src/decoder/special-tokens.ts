/** bos_token and its like as plain strings; the file has them plain or as objects. */
export function specialTokens(config: Readonly<Record<string, unknown>>): Record<string, string> {
  const tokens: Record<string, string> = {};
  for (const [name, value] of Object.entries(config)) {
    if (!name.endsWith("_token")) continue;
    if (typeof value === "string") tokens[name] = value;
    else if (typeof (value as { content?: unknown } | null)?.content === "string") {
      tokens[name] = (value as { content: string }).content;
    }
  }
  return tokens;
}

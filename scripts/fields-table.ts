import { samplerFields } from "../src/samplers/registry.ts";
import type { SamplerField } from "../src/samplers/registry.ts";

/** The fields of all samplers as a table in Markdown. */
export function fieldsTable(): string {
  const rows = Object.entries<SamplerField>(samplerFields).map(([name, { users, usual, meaning }]) =>
    [`\`${name}\``, users.join(", "), usual, meaning].join(" | "),
  );
  return ["field | samplers | default | what it does", "--- | --- | --- | ---", ...rows]
    .map((row) => `| ${row} |`)
    .join("\n");
}

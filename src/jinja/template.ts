import { TemplateError } from "./errors.ts";
import { fromJson } from "./from-json.ts";
import type { Block } from "./nodes.ts";
import { parse } from "./parser.ts";
import { contentFormat } from "./content-format.ts";
import type { ContentFormat } from "./content-format.ts";
import { run } from "./render.ts";
import { Scope } from "./scope.ts";

/**
 * A Jinja template as transformers sets jinja2 up for chat templates: ImmutableSandboxedEnvironment with trim_blocks,
 * lstrip_blocks, loop controls, `generation` blocks, its tojson, raise_exception and strftime_now. Text, numbers, truth
 * and errors are Python's. Templates reach no JavaScript object: their values are this folder's own.
 */
export class JinjaTemplate {
  readonly #body: Block;

  readonly contentFormat: ContentFormat;

  /** @throws TemplateError naming the line that is no template */
  constructor(source: string) {
    this.#body = guarded(() => parse(source));
    this.contentFormat = contentFormat(this.#body);
  }

  /**
   * @param variables JSON values by name; a number without a fraction is an int
   * @throws TemplateError for what the template, or Python, refuses
   */
  render(variables: Readonly<Record<string, unknown>>): string {
    return guarded(() => {
      const scope = new Scope();
      for (const [name, value] of Object.entries(variables)) scope.set(name, fromJson(value));
      const out: string[] = [];
      run(this.#body, scope, out);
      return out.join("");
    });
  }
}

/** Depth and size that JavaScript ends are errors of the template. */
function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new TemplateError(
      "RecursionError",
      `The template goes too deep or grows too long: ${error.message}`,
    );
  }
}

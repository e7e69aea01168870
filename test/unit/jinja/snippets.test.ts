import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { TemplateError } from "../../../src/jinja/errors.ts";
import { JinjaTemplate } from "../../../src/jinja/template.ts";

interface Snippet {
  readonly template: string;
  readonly output?: string;
  readonly error?: string;
  readonly message?: string;
}

const { cases, variables } = JSON.parse(
  readFileSync(new URL("../../fixtures/jinja/snippets.json", import.meta.url), "utf8"),
) as { cases: readonly Snippet[]; variables: Record<string, unknown> };

const render = (template: string): string => new JinjaTemplate(template).render(variables);

/** What says in words what went wrong is said in the same words. */
const sameWords = new Set(["UndefinedError", "TemplateError", "SecurityError", "OverflowError"]);

describe("JinjaTemplate", () => {
  it("has the corpus to be held against", () => {
    expect(cases.length).toBeGreaterThan(700);
  });

  it.each(cases.filter(({ output }) => output !== undefined))(
    "renders $template as jinja2 does",
    (snippet) => {
      expect(render(snippet.template)).toBe(snippet.output);
    },
  );

  it.each(cases.filter(({ error }) => error !== undefined))("refuses $template as jinja2 does", (snippet) => {
    let thrown: unknown;
    try {
      render(snippet.template);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(TemplateError);
    const { kind, message } = thrown as TemplateError;
    // Python's own compiler finds some of what jinja2's parser lets pass.
    if ((snippet.error ?? "").includes("Syntax")) expect(kind).toBe("TemplateSyntaxError");
    if (sameWords.has(snippet.error ?? ""))
      expect({ kind, message }).toEqual({ kind: snippet.error, message: snippet.message });
  });
});

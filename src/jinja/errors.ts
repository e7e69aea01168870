/** What a template, or the language it is written in, refuses; `kind` is the Python exception it stands for. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
  readonly kind: string;

  constructor(kind: string, message: string) {
    super(message);
    this.kind = kind;
  }
}

export const typeError = (message: string): TemplateError => new TemplateError("TypeError", message);
export const valueError = (message: string): TemplateError => new TemplateError("ValueError", message);
export const syntaxError = (message: string, line: number): TemplateError =>
  new TemplateError("TemplateSyntaxError", `${message} (line ${line})`);

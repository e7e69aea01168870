import { byId, element, format } from "./dom.ts";

/** A token as it is shown. */
export interface ShownToken {
  readonly text: string;
  /** log p, nats. */
  readonly logprob: number | null;
  /** Of the raw next-token distribution, nats; the lower bound where the upper one is there. */
  readonly entropy: number | null;
  readonly entropyUpper?: number | undefined;
}

/** Nats at which a token's shade is darkest. */
const fullShade = 4;

/** Text whose tokens are shaded by how unlikely they were, and tell their numbers under pointer or arrow keys. */
export class TokenText {
  readonly #container: HTMLElement;
  readonly #shown = new WeakMap<Element, ShownToken>();
  #active: Element | undefined;

  constructor(container: HTMLElement) {
    this.#container = container;
    container.addEventListener("pointerover", ({ target }) => {
      if (target instanceof Element) this.#point(target);
    });
    container.addEventListener("pointerleave", () => {
      this.#point(undefined);
    });
    container.addEventListener("blur", () => {
      this.#point(undefined);
    });
    container.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowRight" && event.key !== "ArrowLeft") return;
      event.preventDefault();
      this.#move(event.key === "ArrowRight" ? 1 : -1);
    });
  }

  /** Keeps the first `kept` tokens and shows these behind them. */
  show(tokens: readonly ShownToken[], { kept = 0, isRevision = false } = {}): void {
    this.#point(undefined);
    const { children } = this.#container;
    if (kept === 0) this.#container.replaceChildren();
    while (children.length > kept) children[children.length - 1]!.remove();
    this.#container.append(...tokens.map((token) => this.#span(token, isRevision)));
  }

  #span(token: ShownToken, isRevision: boolean): HTMLElement {
    const span = element("span", isRevision ? "token revised" : "token", token.text);
    if (token.text === "") span.classList.add("end");
    const surprise = token.logprob === null ? 0 : Math.min(1, Math.max(0, -token.logprob / fullShade));
    span.style.setProperty("--surprise", `${Math.round(surprise * 100)}%`);
    this.#shown.set(span, token);
    return span;
  }

  #move(by: number): void {
    const spans = [...this.#container.children];
    const at = this.#active === undefined ? (by > 0 ? -1 : spans.length) : spans.indexOf(this.#active);
    const next = spans[Math.min(spans.length - 1, Math.max(0, at + by))];
    if (next !== undefined) this.#point(next);
  }

  #point(span: Element | undefined): void {
    const tooltip = byId("tooltip");
    this.#active?.classList.remove("active");
    const token = span === undefined ? undefined : this.#shown.get(span);
    this.#active = token === undefined ? undefined : span;
    tooltip.hidden = token === undefined;
    if (token === undefined || span === undefined) return;
    span.classList.add("active");
    tooltip.replaceChildren(...describe(token));
    const { left, bottom } = span.getBoundingClientRect();
    const room = document.documentElement.clientWidth - tooltip.offsetWidth - 8;
    tooltip.style.left = `${Math.max(8, Math.min(left, room))}px`;
    tooltip.style.top = `${bottom + 6}px`;
  }
}

function describe({ text, logprob, entropy, entropyUpper }: ShownToken): Node[] {
  const most = entropyUpper === undefined ? "" : ` to ${format(entropyUpper, 3)}`;
  const rows = [
    ["token", text === "" ? "end" : JSON.stringify(text)],
    ["log p", logprob === null ? "not scored" : format(logprob, 3)],
    ["p", logprob === null ? "–" : `${(100 * Math.exp(logprob)).toFixed(1)} %`],
    ["entropy", entropy === null ? "–" : `${format(entropy, 3)}${most} nats`],
  ] as const;
  return rows.map(([name, value]) => element("div", "", element("span", "", name), ` ${value}`));
}

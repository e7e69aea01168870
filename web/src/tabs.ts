import { byId } from "./dom.ts";

/** Tabs as WAI-ARIA's authoring practices have them: one tab stop, arrow keys move. */
export class Tabs<Name extends string> {
  readonly #names: readonly Name[];
  #selected: Name;

  constructor(names: readonly [Name, ...Name[]], onSelect: () => void) {
    this.#names = names;
    [this.#selected] = names;
    for (const [index, name] of names.entries()) {
      const tab = byId(`tab-${name}`);
      tab.addEventListener("click", () => {
        this.#select(name);
        onSelect();
      });
      tab.addEventListener("keydown", ({ key }) => {
        const by = { ArrowRight: 1, ArrowLeft: -1 }[key];
        if (by === undefined) return;
        const next = names[(index + by + names.length) % names.length]!;
        this.#select(next);
        onSelect();
        byId(`tab-${next}`).focus();
      });
    }
  }

  get selected(): Name {
    return this.#selected;
  }

  #select(selected: Name): void {
    this.#selected = selected;
    for (const name of this.#names) {
      const tab = byId(`tab-${name}`);
      tab.ariaSelected = String(name === selected);
      tab.tabIndex = name === selected ? 0 : -1;
      byId(name).hidden = name !== selected;
    }
  }
}

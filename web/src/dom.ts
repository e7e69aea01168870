/** The element with an id that index.html has. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the caller knows what kind index.html has there
export function byId<Type extends HTMLElement = HTMLElement>(id: string): Type {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`index.html has no #${id}`);
  return found as Type;
}

/** A new element with its class and children; text is never read as markup. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  className = "",
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  if (className !== "") made.className = className;
  made.append(...children);
  return made;
}

/** A custom property of the page's style as a colour that a canvas understands, in the theme of the moment. */
export function colorOf(property: string): string {
  const probe = element("span");
  probe.style.color = `var(${property})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

export const format = (value: number, digits = 2): string =>
  Number.isFinite(value) ? value.toFixed(digits).replace("-", "−") : "–";

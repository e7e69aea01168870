const storage = "metropolis-theme";
const root = document.documentElement;

/** Follows the system's theme until the reader says otherwise. */
export function startTheme(): void {
  const stored = localStorage.getItem(storage);
  if (stored !== null) root.dataset.theme = stored;
}

export function switchTheme(): void {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  root.dataset.theme = (root.dataset.theme ?? system) === "dark" ? "light" : "dark";
  localStorage.setItem(storage, root.dataset.theme);
}

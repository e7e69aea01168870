const storage = "metropolis-theme";

/** Follows the system's theme until the button says otherwise. */
export function startThemeSwitch(button: HTMLButtonElement): void {
  const root = document.documentElement;
  const stored = localStorage.getItem(storage);
  if (stored !== null) root.dataset.theme = stored;
  button.addEventListener("click", () => {
    const isDark =
      (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) ===
      "dark";
    root.dataset.theme = isDark ? "light" : "dark";
    localStorage.setItem(storage, root.dataset.theme);
  });
}

import { signal } from "@preact/signals";

/** The views' names, in their order; what each shows stands in `views.ts`. */
export const viewNames = ["guide", "steps", "distributions", "compare", "chat"] as const;
export type ViewName = (typeof viewNames)[number];

export const isViewName = (name: string): name is ViewName => (viewNames as readonly string[]).includes(name);

/** The view of an address that names none. */
export const usualView: ViewName = "guide";
/** The view that is shown. */
export const shownView = signal<ViewName>(usualView);

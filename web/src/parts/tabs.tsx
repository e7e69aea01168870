import type { ComponentChildren } from "preact";
import { useLayoutEffect } from "preact/hooks";

export interface TabsProps<Name extends string> {
  readonly label: string;
  readonly tabs: readonly { readonly name: Name; readonly label: string }[];
  readonly selected: Name;
  readonly onSelect: (name: Name) => void;
  /** The selected tab's panel. */
  readonly children: ComponentChildren;
}

export const focusTab = (name: string): void => {
  document.getElementById(`tab-${name}`)?.focus();
};

/** Tabs as WAI-ARIA's authoring practices have them: one tab stop, arrow keys move. */
export function Tabs<Name extends string>({ label, tabs, selected, onSelect, children }: TabsProps<Name>) {
  const moveTo = (place: number): void => {
    const { name } = tabs.at(place % tabs.length)!;
    onSelect(name);
    focusTab(name);
  };
  useLayoutEffect(() => {
    // On a phone not all of them are in sight.
    document.getElementById(`tab-${selected}`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [selected]);
  return (
    <>
      <div role="tablist" aria-label={label} class="tabs">
        {tabs.map(({ name, label: title }) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`tab-${name}`}
            aria-selected={name === selected}
            aria-controls={name === selected ? name : undefined}
            tabIndex={name === selected ? 0 : -1}
            onClick={() => {
              onSelect(name);
            }}
            onKeyDown={(event) => {
              const at = tabs.findIndex((tab) => tab.name === selected);
              const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
              if (to === undefined) return;
              event.preventDefault();
              moveTo(to);
            }}
          >
            {title}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={selected} key={selected} aria-labelledby={`tab-${selected}`}>
        {children}
      </div>
    </>
  );
}

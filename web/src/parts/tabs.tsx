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

/** Tabs as WAI-ARIA's authoring practices have them: one tab stop, arrow keys move. */
export function Tabs<Name extends string>({ label, tabs, selected, onSelect, children }: TabsProps<Name>) {
  const move = (by: number): void => {
    const at = tabs.findIndex(({ name }) => name === selected);
    const { name } = tabs[(at + by + tabs.length) % tabs.length]!;
    onSelect(name);
    document.getElementById(`tab-${name}`)?.focus();
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
            onKeyDown={({ key }) => {
              const by = { ArrowRight: 1, ArrowLeft: -1 }[key];
              if (by !== undefined) move(by);
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

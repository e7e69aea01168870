import { useSignal } from "@preact/signals";
import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { ShownToken } from "./shown-token.ts";
import { TokenNote } from "./token-note.tsx";

export interface TokenTextProps {
  readonly tokens: readonly ShownToken[];
  readonly label: string;
  readonly id?: string;
  /** Tokens that stood before the last revision; those behind them are shown as new. */
  readonly kept?: number;
  /** The token whose numbers are told, shared with what else shows the tokens. */
  readonly pointed?: Signal<number | undefined>;
  /** What is shown in the place of no tokens. */
  readonly children?: ComponentChildren;
}

/** Nats at which a token's shade is darkest. */
const fullShade = 4;

/** Text whose tokens are shaded by how unlikely they were, and tell their numbers under pointer, touch or arrow keys. */
export function TokenText({ tokens, label, id, kept = 0, pointed, children }: TokenTextProps) {
  const own = useSignal<number | undefined>(undefined);
  const at = pointed ?? own;
  const place = useRef<HTMLDivElement>(null);
  const index = at.value === undefined || at.value >= tokens.length ? undefined : at.value;
  // What the pointer is at is in sight; scrolling would take it away from there.
  const isByPointer = useRef(false);
  useKeptInSight(place, Math.min(kept, tokens.length - 1), [tokens, kept]);
  useKeptInSight(place, isByPointer.current ? undefined : index, [index]);
  const move = (by: number): void => {
    const from = index ?? (by > 0 ? -1 : tokens.length);
    at.value = Math.min(tokens.length - 1, Math.max(0, from + by));
  };
  const point = ({ target }: Event): void => {
    const shown = target instanceof HTMLElement ? target.dataset.index : undefined;
    isByPointer.current = true;
    at.value = shown === undefined ? undefined : Number(shown);
  };
  const leave = (): void => {
    isByPointer.current = false;
    at.value = undefined;
  };
  return (
    <div class="token-text">
      <div
        ref={place}
        {...(id === undefined ? {} : { id })}
        class="answer"
        tabIndex={0}
        role="group"
        aria-label={`${label}, token by token; arrow keys move over it`}
        // Not `over`, which comes, too, where text is scrolled under a pointer that rests.
        onPointerMove={point}
        onPointerDown={point}
        onPointerLeave={() => {
          if (isByPointer.current) leave();
        }}
        onBlur={leave}
        onKeyDown={(event) => {
          const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
          if (by === undefined) return;
          event.preventDefault();
          isByPointer.current = false;
          move(by);
        }}
      >
        {tokens.length === 0
          ? children
          : tokens.map((token, place) => (
              <Token
                key={place}
                token={token}
                index={place}
                isNew={place >= kept}
                isActive={place === index}
              />
            ))}
      </div>
      {index !== undefined && <TokenNote token={tokens[index]!} index={index} text={place} />}
    </div>
  );
}

interface TokenProps {
  readonly token: ShownToken;
  readonly index: number;
  readonly isNew: boolean;
  readonly isActive: boolean;
}

function Token({ token: { text, logprob }, index, isNew, isActive }: TokenProps) {
  const surprise = logprob === null ? 0 : Math.min(1, Math.max(0, -logprob / fullShade));
  const classes = ["token", isNew && "revised", text === "" && "end", isActive && "active"];
  return (
    <span
      class={classes.filter(Boolean).join(" ")}
      data-index={index}
      style={{ "--surprise": `${Math.round(surprise * 100)}%` }}
    >
      {text}
    </span>
  );
}

/** Scrolls a long text to one of its tokens whenever something changes, where it is out of sight. */
function useKeptInSight(
  place: { readonly current: HTMLElement | null },
  index: number | undefined,
  changes: readonly unknown[],
): void {
  useLayoutEffect(() => {
    const box = place.current;
    const token = index === undefined ? undefined : box?.children[index];
    if (box === null || !(token instanceof HTMLElement)) return;
    const { offsetTop: top, offsetHeight: height } = token;
    const isInSight = top >= box.scrollTop && top + height <= box.scrollTop + box.clientHeight;
    if (!isInSight) box.scrollTop = top - box.clientHeight / 2;
  }, [...changes]);
}

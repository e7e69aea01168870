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
  useFollowing(place, { tokens, kept, index });
  const move = (by: number): void => {
    const from = index ?? (by > 0 ? -1 : tokens.length);
    at.value = Math.min(tokens.length - 1, Math.max(0, from + by));
  };
  const leave = (): void => {
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
        onPointerOver={({ target }) => {
          const shown = target instanceof HTMLElement ? target.dataset.index : undefined;
          at.value = shown === undefined ? undefined : Number(shown);
        }}
        onPointerLeave={leave}
        onBlur={leave}
        onKeyDown={(event) => {
          const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
          if (by === undefined) return;
          event.preventDefault();
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

/** Keeps in sight what a long text's reader looks at: the token pointed at, else the place of the last revision. */
function useFollowing(
  place: { readonly current: HTMLElement | null },
  { tokens, kept, index }: { tokens: readonly ShownToken[]; kept: number; index: number | undefined },
): void {
  useLayoutEffect(() => {
    const box = place.current;
    if (box === null || box.scrollHeight <= box.clientHeight) return;
    const token = box.children[index ?? Math.min(kept, tokens.length - 1)];
    if (!(token instanceof HTMLElement)) return;
    const top = token.offsetTop;
    const isInSight = top >= box.scrollTop && top + token.offsetHeight <= box.scrollTop + box.clientHeight;
    if (!isInSight) box.scrollTop = top - box.clientHeight / 2;
  }, [tokens, kept, index]);
}

import { useLayoutEffect, useRef } from "preact/hooks";
import { format, formatLogProbability } from "../format.ts";
import type { Alternative, ShownToken } from "./shown-token.ts";

export interface TokenNoteProps {
  readonly token: ShownToken;
  readonly index: number;
  /** What holds the token. */
  readonly text: { readonly current: HTMLElement | null };
}

/** Alternatives that are told. */
const mostTold = 6;

/** The numbers of one token, under it. */
export function TokenNote({ token, index, text }: TokenNoteProps) {
  const note = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const place = (): void => {
      placeUnder(note.current, text.current?.children[index]);
    };
    place();
    addEventListener("resize", place);
    addEventListener("scroll", place, true);
    return () => {
      removeEventListener("resize", place);
      removeEventListener("scroll", place, true);
    };
  });
  const { logprob, entropy, entropyUpper, alternatives = [] } = token;
  const most = entropyUpper === undefined ? "" : ` to ${format(entropyUpper, 3)}`;
  const rows = [
    ["token", nameOf(token.text)],
    ["probability", logprob === null ? "not scored" : formatLogProbability(logprob)],
    ["log p", logprob === null ? "–" : format(logprob, 3)],
    ["entropy", entropy === null ? "–" : `${format(entropy, 3)}${most} nats`],
  ];
  return (
    <div id="tooltip" class="tooltip" role="tooltip" ref={note}>
      {rows.map(([name, value]) => (
        <div key={name}>
          <span>{name}</span> {value}
        </div>
      ))}
      {alternatives.length > 0 && (
        <Alternatives alternatives={alternatives.slice(0, mostTold)} token={token} />
      )}
    </div>
  );
}

/** Under what it is about, or above it where there is no room. */
function placeUnder(note: HTMLElement | null, subject: Element | undefined): void {
  if (note === null || subject === undefined) return;
  const { left, bottom, top } = subject.getBoundingClientRect();
  const { clientWidth, clientHeight } = document.documentElement;
  const room = clientWidth - note.offsetWidth - 8;
  const isRoomBelow = bottom + 6 + note.offsetHeight < clientHeight;
  note.style.left = `${Math.max(8, Math.min(left, room))}px`;
  note.style.top = `${isRoomBelow ? bottom + 6 : Math.max(8, top - note.offsetHeight - 6)}px`;
}

const nameOf = (text: string): string => (text === "" ? "∎ (the end)" : JSON.stringify(text));

interface AlternativesProps {
  readonly alternatives: readonly Alternative[];
  readonly token: ShownToken;
}

function Alternatives({ alternatives, token }: AlternativesProps) {
  return (
    <div class="alternatives">
      <div class="caption">likeliest here</div>
      <ol>
        {alternatives.map(({ text, logprob }) => (
          <li key={text} class={logprob === token.logprob ? "drawn" : ""}>
            <span class="word">{JSON.stringify(text)}</span>
            <span class="bar" style={{ inlineSize: `${4 * Math.exp(logprob)}rem` }} />
            <span>{formatLogProbability(logprob)}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}

import type { Signal } from "@preact/signals";
import { format } from "../format.ts";
import type { ShownToken } from "./shown-token.ts";

export interface EntropyStripProps {
  readonly tokens: readonly ShownToken[];
  readonly pointed: Signal<number | undefined>;
}

/** How unsure the model was at each token: a bar a token, in the order of the text, however long that is. */
export function EntropyStrip({ tokens, pointed }: EntropyStripProps) {
  const entropies = tokens.map(({ entropy }) => entropy ?? 0);
  if (entropies.length === 0) return null;
  const most = Math.max(...entropies);
  const scale = Math.max(most, 0.1);
  const at = entropies.indexOf(most);
  const mean = entropies.reduce((sum, entropy) => sum + entropy, 0) / entropies.length;
  const summary = `most at token ${at + 1}, ${JSON.stringify(tokens[at]!.text)}: ${format(most)} nats; ${format(mean)} on average`;
  return (
    <figure class="entropy">
      <figcaption>
        How unsure the model was, token by token (entropy): <span>{summary}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${entropies.length} 1`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Entropy along the answer: ${summary}`}
        onPointerMove={(event) => {
          const { left, width } = event.currentTarget.getBoundingClientRect();
          pointed.value = Math.floor((entropies.length * (event.clientX - left)) / width);
        }}
        onPointerLeave={() => {
          pointed.value = undefined;
        }}
      >
        {entropies.map((entropy, index) => (
          <rect
            key={index}
            class={index === pointed.value ? "active" : ""}
            x={index + 0.1}
            width={0.8}
            y={1 - entropy / scale}
            height={entropy / scale}
          />
        ))}
      </svg>
    </figure>
  );
}

import type { Answer, Round } from "./round.ts";

/** How far the answers are that a round waits for. */
export function ChainProgress({ round }: { readonly round: Round }) {
  const waiting = round.answers.filter(({ end }) => end === undefined);
  if (round.asked.sampler !== "power")
    return <p class="hint">{waiting.every(({ text }) => text === "") ? "Reading …" : "…"}</p>;
  return (
    <div class="chains">
      {round.answers.map((answer, index) =>
        answer.end === undefined ? (
          <Chain
            key={index}
            answer={answer}
            name={round.answers.length > 1 ? `Chain ${index + 1}` : "The chain"}
          />
        ) : null,
      )}
    </div>
  );
}

function Chain({ answer: { progress }, name }: { readonly answer: Answer; readonly name: string }) {
  if (progress === undefined) return <p class="hint">{name}: reading …</p>;
  const { drafted_tokens: drafted, horizon } = progress;
  if (drafted !== undefined && horizon !== undefined)
    return (
      <div class="chain">
        <progress value={drafted / horizon} aria-label={name} />
        <p class="hint">
          {name}: drafting, {drafted} of at most {horizon} tokens
        </p>
      </div>
    );
  const { block, blocks, step, steps, moved, unchanged, rejected, rejected_early } = progress;
  const proposed = moved + unchanged + rejected + rejected_early;
  const done = ((block - 1) * steps + step) / Math.max(1, blocks * steps);
  const text = `${name}: block ${block} of at most ${blocks}, step ${step} of ${steps}; ${moved} of ${proposed} proposals changed the answer`;
  return (
    <div class="chain">
      <progress value={done} aria-label={name} />
      <p class="hint">{text}</p>
    </div>
  );
}

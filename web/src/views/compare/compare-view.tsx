import "./compare.css";
import { Cost } from "../../parts/cost.tsx";
import { StaleNote } from "../../parts/stale-note.tsx";
import { format, formatCount, formatLogProbability, formatTime } from "../../format.ts";
import { remarksOn, samplerChoices } from "../../../../src/client/client.ts";
import { add, contenders, mostContenders, remove } from "../../state/contenders.ts";
import type { Contender } from "../../state/contenders.ts";
import { isRunning } from "../../state/run.ts";
import { isStale } from "../../state/question.ts";
import { form } from "../../state/settings.ts";
import { logprobOf, tokensOf } from "../../tokens/shown-token.ts";
import { TokenText } from "../../tokens/token-text.tsx";
import type { View } from "../../view.ts";
import { compare, labelOf, purposeOf, requestOf, results, wordsOf } from "./results.ts";
import type { Result } from "./results.ts";

/** Of which the likeliest is taken: about what a chain of the same cost has to beat. */
const usualAnswers = 4;

function Compare() {
  const isFull = contenders.value.length >= mostContenders;
  const shown = contenders.value.flatMap(({ id }) => results.value.get(id) ?? []);
  const most = Math.max(1, ...shown.map(({ evaluated }) => evaluated));
  const stale = isRunning.value ? undefined : shown.find(({ question }) => isStale(question));
  return (
    <>
      <p class="lead">
        The same prompt and seed, each sampler on its own: none remembers what another has asked, so that
        costs can be compared. The cost is runs of the model, one for each token <em>evaluated</em>; one that
        is <em>remembered</em>, from earlier in the same answer, costs nothing. One answer proves little:
        another seed brings others.
      </p>
      {stale !== undefined && <StaleNote question={stale.question} />}
      <div class="cards">
        {contenders.value.map((contender) => (
          <Card
            key={contender.id}
            contender={contender}
            result={results.value.get(contender.id)}
            most={most}
          />
        ))}
      </div>
      <div class="buttons">
        <button
          type="button"
          id="add"
          disabled={isFull}
          onClick={() => {
            add(form.settings());
          }}
        >
          Add {samplerChoices.find(({ name }) => name === form.sampler.value)!.label.toLowerCase()}, as it is
          set under the prompt
        </button>
        <button
          type="button"
          id="add-best"
          disabled={isFull}
          onClick={() => {
            add({ sampler: "standard", best_of: usualAnswers });
          }}
        >
          Add the likeliest of {usualAnswers} standard answers (best-of-n)
        </button>
      </div>
    </>
  );
}

interface CardProps {
  readonly contender: Contender;
  readonly result: Result | undefined;
  /** The most evaluations that any of them took. */
  readonly most: number;
}

function Card({ contender, result, most }: CardProps) {
  const label = labelOf(contender);
  const words = wordsOf(contender);
  return (
    <article class="card">
      <header>
        <h2>{label}</h2>
        <button
          type="button"
          class="quiet"
          aria-label={`Remove ${label}${words === "" ? "" : `, ${words}`}`}
          onClick={() => {
            remove(contender.id);
          }}
        >
          ×
        </button>
        <p class="purpose">{purposeOf(contender)}</p>
        {words !== "" && <p class="settings">{words}</p>}
      </header>
      <TokenText label={`Answer by ${label}`} tokens={result === undefined ? [] : tokensOf(result.choice)}>
        <span class="hint">{isRunning.value ? "…" : "Run, and it answers here."}</span>
      </TokenText>
      {result !== undefined && <Figures result={result} most={most} />}
    </article>
  );
}

function Figures({ result, most }: { readonly result: Result; readonly most: number }) {
  const { choice, milliseconds, evaluated, isChosen } = result;
  const tokens = tokensOf(choice);
  const logprob = logprobOf(tokens);
  const remarks = remarksOn(choice);
  return (
    <>
      <dl class="figures">
        <div class="cost">
          <dt>Cost of the answer</dt>
          <dd>
            {formatCount(evaluated)} {evaluated === 1 ? "run" : "runs"} of the model
            <span class="track" aria-hidden="true">
              <span class="fill" style={{ inlineSize: `${(100 * evaluated) / most}%` }} />
            </span>
          </dd>
        </div>
        <div>
          <dt>log p of the answer</dt>
          <dd>
            {format(logprob)} <small>{formatLogProbability(logprob)}</small>
          </dd>
        </div>
        <div>
          <dt>Time</dt>
          <dd>{formatTime(milliseconds)}</dd>
        </div>
        {!isChosen && (
          <div class="tokens">
            <dt>Tokens</dt>
            <dd>
              <Cost choice={choice} />
            </dd>
          </div>
        )}
        <div class="per-token">
          <dt>Cost ÷ tokens of this answer</dt>
          <dd>{format(evaluated / tokens.length, 1)}</dd>
        </div>
      </dl>
      {remarks.length > 0 && <p class="note">{remarks.join(" ")}</p>}
    </>
  );
}

/** Any samplers side by side on one prompt and seed. */
export const compareView: View = {
  label: "Compare",
  reads: "all",
  Panel: Compare,
  requests: () => contenders.value.map(requestOf),
  runsWhenOpened: () => !contenders.value.some(({ id }) => results.value.has(id)),
  run: compare,
};

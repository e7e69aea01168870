import { useSignal } from "@preact/signals";
import { remarksOn } from "../../../../src/client/client.ts";
import { format, formatLogProbability, formatProbability } from "../../format.ts";
import { EntropyStrip } from "../../tokens/entropy-strip.tsx";
import { logprobOf } from "../../tokens/shown-token.ts";
import type { ShownToken } from "../../tokens/shown-token.ts";
import { TokenText } from "../../tokens/token-text.tsx";
import type { Drawn } from "./conversation.ts";
import { countAgreeing, shownTokens } from "./round.ts";

/** What an answer tells of how sure the model was of it, and of what may be wrong with the draw. */
export function HowSure({ round, answer }: Drawn) {
  const { tokens, end } = answer;
  const remarks = end === undefined ? [] : remarksOn(end);
  const ofAll = round.mixing?.warning ?? undefined;
  return (
    <>
      {round.answers.length > 1 && end !== undefined && <Agreement round={round} answer={answer} />}
      {[...remarks, ...(ofAll === undefined ? [] : [ofAll])].map((remark) => (
        <p key={remark} class="warning">
          <b>May not have settled:</b> {remark}
        </p>
      ))}
      {tokens.length > 0 && <Figures tokens={shownTokens(answer)} />}
    </>
  );
}

function Agreement({ round, answer }: Drawn) {
  const { length } = round.answers;
  const agreeing = countAgreeing(round, answer);
  return (
    <p class="note agreement">
      {agreeing === 1
        ? "No other answer says the same, word for word."
        : `${agreeing} of ${length} answers say the same, word for word.`}
      {round.mixing?.warning === null && ` ${agreementOf(round.mixing.split_r_hat)}`}
    </p>
  );
}

const agreementOf = (splitRHat: number | null): string =>
  splitRHat === null
    ? "Whether their chains agree cannot be told: they stood still, or took too few steps."
    : `Split R-hat of their chains is ${format(splitRHat)}: near 1 where they agree, above it where each stays with its own answer, as settled ones do too where few answers are likely.`;

function Figures({ tokens }: { readonly tokens: readonly ShownToken[] }) {
  const isOpen = useSignal(false);
  const logprob = logprobOf(tokens);
  const perToken = logprob / tokens.length;
  return (
    <details
      class="how-sure"
      onToggle={({ currentTarget }) => {
        isOpen.value = currentTarget.open;
      }}
    >
      <summary>
        How sure: <b>{formatLogProbability(logprob)}</b> as a whole, {formatProbability(Math.exp(perToken))} a
        token (log p {format(perToken)})
      </summary>
      {isOpen.value && <TokenByToken tokens={tokens} logprob={logprob} />}
    </details>
  );
}

interface TokenByTokenProps {
  readonly tokens: readonly ShownToken[];
  readonly logprob: number;
}

function TokenByToken({ tokens, logprob }: TokenByTokenProps) {
  const pointed = useSignal<number | undefined>(undefined);
  const least = tokens.reduce((a, b) => ((b.logprob ?? 0) < (a.logprob ?? 0) ? b : a));
  return (
    <>
      <p class="note">
        As a whole the answer has a probability of {formatLogProbability(logprob)} (log p {format(logprob)}),
        which is the mean a token above (geometric) for each of {tokens.length} tokens. The least likely one
        is <code>{JSON.stringify(least.text)}</code>: {formatLogProbability(least.logprob ?? 0)}. How sure a
        model is of its words does not tell whether they are true.
      </p>
      <TokenText label="Answer" tokens={tokens} kept={tokens.length} pointed={pointed} />
      <EntropyStrip tokens={tokens} pointed={pointed} />
    </>
  );
}

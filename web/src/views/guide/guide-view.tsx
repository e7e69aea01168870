import "./guide.css";
import { useEffect } from "preact/hooks";
import { findReport } from "../../../../src/client/client.ts";
import type { CompletionResponse } from "../../../../src/client/client.ts";
import { format, formatCount, formatLogProbability, formatTimes } from "../../format.ts";
import { model, serverState } from "../../state/connection.ts";
import { isRunning, run } from "../../state/run.ts";
import { logprobOf, tokensOf } from "../../tokens/shown-token.ts";
import { TokenText } from "../../tokens/token-text.tsx";
import type { View } from "../../view.ts";
import { NextSteps } from "./next-steps.tsx";
import { story, tellStory } from "./guide-story.ts";
import type { Story } from "./guide-story.ts";

/** Whether it has run of its own accord; it does so once. */
let hasBegun = false;

function Guide() {
  const isReady = serverState.value === "ready";
  useEffect(() => {
    if (!isReady || hasBegun) return;
    hasBegun = true;
    run(tellStory);
  }, [isReady]);
  const told = story.value;
  return (
    <>
      <p class="lead">
        A language model knows more than it says first. <strong>Power sampling</strong> gets at it without
        training: it lets the model revise whole answers, and keeps what the model itself finds likelier.
      </p>
      <ol class="story" id="story" aria-busy={isRunning.value}>
        <Blurted story={told} />
        <Known story={told} />
        <Powered story={told} />
      </ol>
      {told?.power !== undefined && <NextSteps />}
    </>
  );
}

interface PartProps {
  readonly story: Story | undefined;
}

function Blurted({ story: told }: PartProps) {
  const tokens = told?.blurted && tokensOf(told.blurted);
  return (
    <li>
      <h2>What it blurts</h2>
      {tokens === undefined ? (
        <p class="hint">
          {serverState.value === "ready" ? "Asking the model …" : "Waiting for the server …"}
        </p>
      ) : (
        <>
          <p>
            Asked <code class="prompt">{told?.prompt}</code>, and taking the likeliest next token each time,{" "}
            {model.value?.root ?? "the model"} says this. As a whole, that answer has a probability of{" "}
            <b>{formatLogProbability(logprobOf(tokens))}</b>.
          </p>
          <TokenText id="blurted" label="What the model blurts" tokens={tokens} />
        </>
      )}
    </li>
  );
}

function Known({ story: told }: PartProps) {
  const best = told?.sample?.likeliest;
  if (told?.blurted === undefined || best === undefined || told.sample === undefined)
    return <Waiting title="What it knows" />;
  const blurted = logprobOf(tokensOf(told.blurted));
  const gain = best.logprob - blurted;
  return (
    <li>
      <h2>What it knows</h2>
      <p>
        {gain > 0.01 ? (
          <>
            Among {told.sample.drawn} answers that it gave at random, one is <b>{formatTimes(gain)}</b> as
            likely, as a whole: it has <b>{formatLogProbability(best.logprob)}</b>. Token by token it is
            missed, because its beginning does not look best.
          </>
        ) : (
          <>
            Of {told.sample.drawn} answers that it gave at random, the likeliest as a whole is this one:{" "}
            {best.text === told.blurted.text
              ? "the first thought was the best one."
              : "no likelier than what it blurted, for there are very many to draw from."}{" "}
            Other prompts show more of a difference.
          </>
        )}
      </p>
      <p class="answer plain" id="known">
        {best.text}
      </p>
    </li>
  );
}

function Powered({ story: told }: PartProps) {
  if (told?.power === undefined || told.blurted === undefined)
    return <Waiting title="What power sampling does about it" />;
  const tokens = tokensOf(told.power);
  const gain = logprobOf(tokens) - logprobOf(tokensOf(told.blurted));
  return (
    <li>
      <h2>What power sampling does about it</h2>
      <p>
        It throws part of an answer away, has the model write it anew, and tosses a weighted coin for which of
        the two stays; so whole answers come up in proportion to p<sup>{told.alpha}</sup>, their probability
        to the power {told.alpha}.{" "}
        {gain > 0.01
          ? `This one is ${formatTimes(gain)} as likely as what was blurted, so it counts ${formatTimes(told.alpha * gain)} as much.`
          : "This time it came to nothing likelier: the draws are random, and another prompt may show more."}
      </p>
      <TokenText id="powered" label="What power sampling answers" tokens={tokens} />
      <Price first={told.blurted} second={told.power} />
    </li>
  );
}

interface PriceProps {
  readonly first: CompletionResponse["choices"][number];
  readonly second: CompletionResponse["choices"][number];
}

/** What the second answer took more than the first. */
function Price({ first, second }: PriceProps) {
  const [once, again] = [findReport(first)?.body, findReport(second)?.body];
  if (once === undefined || again === undefined) return null;
  const times = again.evaluated_tokens / Math.max(1, once.evaluated_tokens);
  return (
    <p class="note" id="price">
      What it costs: the model ran for {formatCount(again.evaluated_tokens)} tokens, where the first answer
      took {formatCount(once.evaluated_tokens)}: {format(times, 1)} times as many. Of the{" "}
      {formatCount(again.drawn_tokens)} tokens that were drawn on the way,{" "}
      {formatCount(again.remembered_tokens)} were remembered and cost nothing.
    </p>
  );
}

const Waiting = ({ title }: { readonly title: string }) => (
  <li class="waiting">
    <h2>{title}</h2>
    <p class="hint">{isRunning.value ? "…" : ""}</p>
  </li>
);

/** An example that runs by itself: what the model would say, what it knows, and what power sampling does about it. */
export const guideView: View = {
  label: "Start here",
  reads: "prompt",
  Panel: Guide,
  run: tellStory,
};

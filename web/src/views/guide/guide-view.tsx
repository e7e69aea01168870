import "./guide.css";
import { useEffect } from "preact/hooks";
import { findReport } from "../../../../src/client/client.ts";
import type { CompletionResponse } from "../../../../src/client/client.ts";
import { evenly, format, formatCount, formatLogProbability, formatTimes } from "../../format.ts";
import { StaleNote } from "../../parts/stale-note.tsx";
import { model, serverState } from "../../state/connection.ts";
import { isRunning, run } from "../../state/run.ts";
import { isStale } from "../../state/question.ts";
import { logprobOf, tokensOf } from "../../tokens/shown-token.ts";
import { TokenLegend } from "../../tokens/token-legend.tsx";
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
    // Where its tab was pressed, that has run it.
    if (!isRunning.peek()) run(tellStory);
  }, [isReady]);
  const told = story.value;
  const isOld = told !== undefined && isStale(told.question) && !isRunning.value;
  return (
    <>
      <p class="lead">
        What a language model says first is often not the answer that it finds likeliest as a whole.{" "}
        <strong>Power sampling</strong> gets at that without training: it lets the model revise its answers,
        so that those it finds likelier come up more often. How sure a model is does not tell whether it is
        right.
      </p>
      <About />
      {isOld && <StaleNote question={told.question} />}
      <ol class={isOld ? "story stale" : "story"} id="story" aria-busy={isRunning.value}>
        <Blurted story={told} />
        <Known story={told} />
        <Powered story={told} />
      </ol>
      {told?.power !== undefined && (
        <>
          <p class="note" id="when-not">
            <b>When not to use it?</b> Where greedy or a low temperature answers as well; for long open-ended
            text; and where the first token has to come at once, since an answer may be rewritten until its
            end.
          </p>
          <NextSteps />
        </>
      )}
    </>
  );
}

/** What is asked here, for models that say what they are. */
function About() {
  const { description = null, root } = model.value ?? {};
  if (description === null) return null;
  return (
    <p class="note" id="about">
      The model served here, <code>{root}</code>: {description}
    </p>
  );
}

function waitingFor(): string {
  if (serverState.value !== "ready") return "Waiting for the server …";
  return isRunning.value || !hasBegun ? "Asking the model …" : "Run to ask the model.";
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
        <p class="hint">{waitingFor()}</p>
      ) : (
        <>
          <p>
            Asked <code class="prompt">{told?.question.prompt}</code>, and taking the likeliest next token
            each time, {told?.question.model ?? "the model"} says this. As a whole, that answer has a
            probability of <b>{formatLogProbability(logprobOf(tokens))}</b>.
          </p>
          <TokenText id="blurted" label="What the model blurts" tokens={tokens} />
          <TokenLegend />
        </>
      )}
    </li>
  );
}

function Known({ story: told }: PartProps) {
  const best = told?.sample?.likeliest;
  if (told?.blurted === undefined || best === undefined || told.sample === undefined)
    return <Waiting title="What it finds likelier" />;
  const blurted = logprobOf(tokensOf(told.blurted));
  const gain = best.logprob - blurted;
  return (
    <li>
      <h2>What it finds likelier</h2>
      <p>
        {gain > evenly ? (
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
              : "hardly likelier than what it blurted, if at all, for there are very many to draw from."}{" "}
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
  const blurted = logprobOf(tokensOf(told.blurted));
  const gain = logprobOf(tokens) - blurted;
  const best = (told.sample?.likeliest?.logprob ?? blurted) - blurted;
  return (
    <li>
      <h2>What power sampling does about it</h2>
      <p>
        It throws part of an answer away, has the model write it anew, and tosses a weighted coin for which of
        the two stays. Now and then the less likely one does: just so often that whole answers come up in
        proportion to p<sup>{told.alpha}</sup>, their probability to the power {told.alpha}.{" "}
        {outcomeOf(told.alpha, gain, best)}
        {told.power.text !== told.sample?.likeliest?.text && comparedWithBest(gain, best)}
      </p>
      <TokenText id="powered" label="What power sampling answers" tokens={tokens} />
      <Price first={told.blurted} second={told.power} />
    </li>
  );
}

/** What came of it. @param gain log p of its answer, over that of what was blurted @param best that of the likeliest seen, likewise */
function outcomeOf(alpha: number, gain: number, best: number): string {
  if (gain > evenly)
    return `This answer is ${formatTimes(gain)} as likely as what was blurted, so it comes up ${formatTimes(alpha * gain)} as often.`;
  if (best <= evenly && gain >= -evenly) return "Here there was nothing likelier to find.";
  return "This time it came to nothing likelier: its answers are draws, and others come up too, only more seldom.";
}

/** Up to this many nats apart, two answers are about as likely: 1.25 times. */
const nearly = Math.log(1.25);

/** Of an answer that is another one than the likeliest seen, and no likelier. @param gain as for `outcomeOf` @param best likewise */
function comparedWithBest(gain: number, best: number): string {
  if (gain <= evenly || gain > best) return "";
  const how = best - gain < nearly ? "nearly as likely as" : "less likely than";
  return ` It drew another one, ${how} that above: it is a draw, not a search.`;
}

interface PriceProps {
  readonly first: CompletionResponse["choices"][number];
  readonly second: CompletionResponse["choices"][number];
}

/** What the second answer took more than the first. */
function Price({ first, second }: PriceProps) {
  const [once, again] = [findReport(first)?.body, findReport(second)?.body];
  if (once === undefined || again === undefined) return null;
  const { length } = tokensOf(second);
  return (
    <p class="note" id="price">
      What it costs: the model ran {formatCount(again.evaluated_tokens)} times for an answer of{" "}
      {formatCount(length)} tokens, <b>{format(again.evaluated_tokens / length, 1)} times a token</b>; what
      was blurted took one run a token, {formatCount(once.evaluated_tokens)} in all. On the way it wrote{" "}
      {formatCount(again.drawn_tokens)} tokens; where it had begun the same way before, that was remembered
      and cost nothing. Real language models, which repeat themselves less, took 1.5 to 3 runs a token.
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
  runsWhenOpened: () => story.value?.power === undefined,
  run: tellStory,
};

import { Cost } from "../../parts/cost.tsx";
import { programs, Share } from "../../settings/share.tsx";
import { isRunning } from "../../state/run.ts";
import { ChainProgress } from "./chain-progress.tsx";
import { askAgain, drawnIn, lastExchange, show, takeBack } from "./conversation.ts";
import type { Drawn, Exchange } from "./conversation.ts";
import { HowSure } from "./how-sure.tsx";
import { Markdown } from "./markdown.tsx";

/** A question and the answer to it that is shown. */
export function ExchangeView({ exchange }: { readonly exchange: Exchange }) {
  const drawn = drawnIn(exchange);
  const shown = drawn[exchange.shown];
  const isLast = exchange === lastExchange.value;
  const isWorking = isLast && isRunning.value;
  return (
    <li class="exchange">
      <article class="question" aria-label="You">
        <p>{exchange.question}</p>
      </article>
      {shown !== undefined && (
        <article class="reply" aria-label="The model" aria-busy={isWorking}>
          <Reply drawn={shown} isWorking={isWorking} />
        </article>
      )}
      {exchange.notice !== undefined && (
        <p class="problem" role="alert">
          {exchange.notice}
        </p>
      )}
      {isLast && !isWorking && <Actions exchange={exchange} drawn={drawn} />}
    </li>
  );
}

interface ReplyProps {
  readonly drawn: Drawn;
  /** Whether the round may grow. */
  readonly isWorking: boolean;
}

function Reply({ drawn, isWorking }: ReplyProps) {
  const { round, answer } = drawn;
  const { text, end } = answer;
  const { sampler, seed } = round.asked;
  const label = sampler === "power" ? "Power" : "Standard";
  return (
    <>
      <p class="by">
        {label} <small>seed {seed}</small>
      </p>
      {text !== "" && <Markdown text={text} />}
      {text === "" && end !== undefined && <p class="hint">The model ended without a word.</p>}
      {isWorking && round.answers.some((other) => other.end === undefined) && <ChainProgress round={round} />}
      {end?.finish_reason === "length" && (
        <p class="note">Cut off: it came to the most tokens that it may have.</p>
      )}
      {(!isWorking || end !== undefined) && <HowSure round={round} answer={answer} />}
      {end !== undefined && (
        <p class="note cost">
          <Cost choice={end} />
        </p>
      )}
    </>
  );
}

interface ActionsProps {
  readonly exchange: Exchange;
  readonly drawn: readonly Drawn[];
}

function Actions({ exchange: { shown, isRefused }, drawn }: ActionsProps) {
  const count = drawn.length;
  const asked = drawn[shown]?.round.asked;
  return (
    <div class="after">
      {count > 1 && (
        <div class="pager" role="group" aria-label="Answers">
          <button
            type="button"
            aria-label="Previous answer"
            disabled={shown === 0}
            onClick={() => {
              show(shown - 1);
            }}
          >
            ‹
          </button>
          <span id="which">
            {shown + 1} of {count}
          </span>
          <button
            type="button"
            aria-label="Next answer"
            disabled={shown === count - 1}
            onClick={() => {
              show(shown + 1);
            }}
          >
            ›
          </button>
        </div>
      )}
      {isRefused !== true && (
        <button type="button" id="again" onClick={askAgain}>
          {count === 0 ? "Try again" : "Regenerate"}
        </button>
      )}
      <button
        type="button"
        id="take-back"
        onClick={() => {
          takeBack();
          document.getElementById("message")?.focus();
        }}
      >
        Edit the question
      </button>
      {asked !== undefined && (
        <Share forms={programs(() => ({ route: "chat/completions", requests: [asked] }))} />
      )}
    </div>
  );
}

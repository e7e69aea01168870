import type { ComponentChildren } from "preact";
import { chainReportOf, findReport, isRunReport } from "../../../../src/client/client.ts";
import type { CompletionResponse } from "../../../../src/client/client.ts";
import { LineChart } from "../../parts/line-chart.tsx";
import { Cost } from "../../parts/cost.tsx";
import { format, formatLogProbability } from "../../format.ts";
import type { Counts, Frame, Recording } from "./recording.ts";

export interface ChainFiguresProps {
  readonly recording: Recording;
  readonly at: number;
}

/** How it went until the moment that is shown, and once that is the end, what the answer says of itself. */
export function ChainFigures({ recording, at }: ChainFiguresProps) {
  const { frames, response, accepted } = recording;
  const frame = frames[at];
  const choice = at >= frames.length - 1 ? response?.choices[0] : undefined;
  const report = choice && findReport(choice)?.body;
  const logprob = report !== undefined && isRunReport(report) ? report.logprob : frame?.logprob;
  const counts = choice === undefined ? frame?.counts : (countsOf(choice) ?? frame?.counts);
  const isExact = accepted?.sampler === "exact";
  return (
    <>
      <dl class="figures">
        <Figure name="logprob" title="log p of the answer">
          {logprob === undefined || Number.isNaN(logprob) ? (
            "–"
          ) : (
            <>
              {format(logprob)} <small>{formatLogProbability(logprob)}</small>
            </>
          )}
        </Figure>
        {isExact && <ExactFigures choice={choice} tries={frame?.counts.tries ?? 0} />}
        {counts !== undefined && counts.steps > 0 && <StepFigures {...counts} />}
        {response !== undefined && (
          <Figure name="cost" title="Cost of the whole answer">
            <Cost choice={response.choices[0]!} />
          </Figure>
        )}
      </dl>
      {recording.isChain && <LogprobChart frames={frames.slice(0, at + 1)} />}
    </>
  );
}

interface FigureProps {
  readonly name: string;
  readonly title: string;
  readonly children: ComponentChildren;
}

const Figure = ({ name, title, children }: FigureProps) => (
  <div>
    <dt>{title}</dt>
    <dd id={`figure-${name}`}>{children}</dd>
  </div>
);

/** As the whole chain's report counts them; `undefined` where no chain answered. */
function countsOf(choice: CompletionResponse["choices"][number]): Omit<Counts, "tries"> | undefined {
  const report = chainReportOf(choice);
  if (report === undefined) return undefined;
  const { steps, moved, unchanged, rejected, rejected_early } = report;
  const swaps = choice.power?.answer_swaps ?? 0;
  return { steps, moved, unchanged, rejected: rejected + rejected_early, swaps };
}

function StepFigures({ steps, moved, unchanged, rejected, swaps }: Omit<Counts, "tries">) {
  return (
    <>
      <Figure name="steps" title="Steps">
        {steps}
      </Figure>
      <Figure name="outcomes" title="Proposals">
        {moved} moved, {unchanged} unchanged, {rejected} rejected
      </Figure>
      {swaps > 0 && (
        <Figure name="swaps" title="Swaps in">
          {swaps}
        </Figure>
      )}
    </>
  );
}

interface ExactFiguresProps {
  readonly choice: CompletionResponse["choices"][number] | undefined;
  readonly tries: number;
}

function ExactFigures({ choice, tries }: ExactFiguresProps) {
  const exact = choice?.exact;
  const evidence = exact?.log_evidence ?? null;
  return (
    <>
      <Figure name="tries" title="Tries">
        {exact?.tries ?? tries}
      </Figure>
      <Figure name="evidence" title="log Σ p^α, over all answers">
        {exact === undefined
          ? "–"
          : `${evidence === null ? "" : `about ${format(evidence)}, `}at most ${format(exact.log_evidence_bound)}`}
      </Figure>
    </>
  );
}

function LogprobChart({ frames }: { readonly frames: readonly Frame[] }) {
  const logprobs = frames.filter(({ kind }) => kind === "step").map(({ logprob }) => logprob);
  if (logprobs.length < 2) return null;
  const label = `log p of the answer by step: ${format(logprobs[0]!)} at first, ${format(logprobs.at(-1)!)} after ${logprobs.length} steps`;
  return (
    <figure>
      <figcaption>log p of the answer, step by step</figcaption>
      <LineChart id="chart-logprob" values={logprobs} label={label} />
    </figure>
  );
}

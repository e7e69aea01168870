import { locateModel } from "../assembly/locate-model.ts";
import { InferenceError } from "../core/errors.ts";
import type { TokenIds } from "../core/tokens.ts";
import { readModelFolder } from "../decoder/model-folder.ts";
import type { ModelRunner } from "../engine/local/runner.ts";
import { createRunner, openGraph } from "../engine/onnx/open-graph.ts";
import type { OpenOptions } from "../engine/onnx/open-graph.ts";
import { AgreementTally, windowsOf } from "../evaluation/agreement.ts";
import type { Agreement } from "../evaluation/agreement.ts";

export interface Compared {
  /** What is read of it. */
  readonly text: string;
  /** The files, and how they are opened. */
  readonly model: ModelToCompare;
  readonly reference: ModelToCompare;
}

interface ModelToCompare {
  readonly graphPath: string;
  readonly folder: string;
  readonly id: string | undefined;
  readonly opening: OpenOptions;
}

/** Tokens that are read without forgetting, and of them in one pass at most. */
const windowLength = 512;
const chunkLength = 64;

/**
 * Holds a model against another one of the same tokenizer, usually the same in another format, position by position of a text.
 * @throws InferenceError `invalid_request` where their tokens differ, or the text is none
 */
export async function compareModels({ text, model, reference }: Compared): Promise<Agreement> {
  const [own, others] = [await readAs(model, text), await readAs(reference, text)];
  if (own.tokens.length < 2)
    throw new InferenceError("invalid_request", "--text: give at least two tokens of it.");
  if (own.tokens.join() !== others.tokens.join()) {
    throw new InferenceError(
      "invalid_request",
      "--compare: the two models' tokenizers make other tokens of the text, so there is nothing to hold against each other. Compare formats of one model.",
    );
  }
  const capacity = Math.min(windowLength, own.context, others.context);
  const tally = new AgreementTally();
  await using left = await open(model, capacity);
  await using right = await open(reference, capacity);
  const chunk = Math.min(left.limits.maxRowLogits, right.limits.maxRowLogits);
  for (const window of windowsOf(own.tokens, capacity)) {
    for (let at = 0; at < window.length; at += chunk) {
      const row = { lane: 0, position: at, tokens: window.slice(at, at + chunk), measuredFrom: 0 };
      // Each has its own memory, so neither overwrites the other's logits.
      const [logits, theirs] = [await left.step([row]), await right.step([row])];
      for (const index of row.tokens.keys()) {
        const next = window[at + index + 1];
        if (next !== undefined) tally.add(next, logits.row(0, index), theirs.row(0, index));
      }
    }
  }
  return tally.result;
}

async function readAs(
  { folder, id }: ModelToCompare,
  text: string,
): Promise<{ readonly tokens: TokenIds; readonly context: number }> {
  const { prompts, maxPositions } = await readModelFolder(folder, id);
  await using encoder = prompts;
  const [tokens = []] = await encoder.encode([{ text, addSpecialTokens: true }], {
    param: "text",
    signal: new AbortController().signal,
  });
  return { tokens, context: maxPositions ?? windowLength };
}

async function open({ graphPath, opening }: ModelToCompare, capacity: number): Promise<ModelRunner> {
  const size = { device: opening.device, lanes: 1, capacity, maxRowTokens: Math.min(chunkLength, capacity) };
  return createRunner(openGraph(graphPath, opening), size);
}

/** A folder or a model of the cache, to be opened as is said. */
export async function modelToCompare(
  wanted: Parameters<typeof locateModel>[0],
  opening: OpenOptions,
): Promise<ModelToCompare> {
  return { ...(await locateModel(wanted)), opening };
}

/** What came of it, in lines for an operator. */
export function describeAgreement({
  tokens,
  perplexity,
  referencePerplexity,
  gain,
  gainError,
  meanDifference,
  largestDifference,
  divergence,
  sameLikeliest,
}: Agreement): readonly (readonly [name: string, value: string])[] {
  return [
    ["text", `${tokens} tokens`],
    [
      "perplexity",
      `${perplexity.toFixed(3)} against ${referencePerplexity.toFixed(3)}: log p ${signed(gain)} ± ${gainError.toFixed(4)} nats a token`,
    ],
    ["agreement", `${(100 * sameLikeliest).toFixed(1)} % have the same likeliest token`],
    ["divergence", `KL ${divergence.toExponential(2)} nats a token`],
    [
      "log-probs",
      `differ by ${meanDifference.toExponential(2)} nats in the mean, ${largestDifference.toExponential(2)} at most`,
    ],
  ];
}

const signed = (value: number): string => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(4)}`;

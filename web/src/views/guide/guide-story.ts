import { signal } from "@preact/signals";
import type { CompletionResponse } from "../../../../src/client/client.ts";
import { drawSample } from "../../law/draw-sample.ts";
import { Sample } from "../../law/sample.ts";
import { client, model, usualMaxTokens } from "../../state/connection.ts";
import { isolated } from "../../state/isolated.ts";
import { currentQuestion } from "../../state/question.ts";
import type { Question } from "../../state/question.ts";
import { usualSeed } from "../../state/settings.ts";

type Choice = CompletionResponse["choices"][number];

/** What the guide has found out so far, sentence by sentence. */
export interface Story {
  readonly question: Question;
  /** Of the target p^α. */
  readonly alpha: number;
  /** Greedy's answer: the likeliest token, over and over. */
  readonly blurted?: Choice;
  readonly sample?: Sample;
  readonly power?: Choice;
}

export const story = signal<Story | undefined>(undefined);

const sampleSize = 64;
/** As in the other views, so that they come to the same. */
const seed = Number(usualSeed);

/** Asks three things of the model, with its own usual settings: the prompt alone is the reader's. @throws ClientError */
export async function tellStory(stop: AbortSignal): Promise<void> {
  // What the form or another server says meanwhile is the next story's.
  const question = currentQuestion();
  const common = { prompt: question.prompt, seed };
  const [alpha, maxTokens] = [model.value?.defaults.alpha ?? 4, usualMaxTokens.value];
  const former = story.value;
  const ask = async (sampler: "greedy" | "power"): Promise<Choice> => {
    const request = { ...common, sampler, ...isolated(sampler), logprobs: 5, entropy: true };
    return (await client.value.complete(request, { signal: stop })).choices[0]!;
  };
  try {
    const blurted = await ask("greedy");
    let told: Story = { question, alpha, blurted };
    story.value = told;
    const sample = new Sample();
    await drawSample(client.value, common, sample, { size: sampleSize, maxTokens, signal: stop });
    story.value = told = { ...told, sample };
    story.value = { ...told, power: await ask("power") };
  } catch (error) {
    // Where nothing came of it, the last story stays.
    if (story.value?.blurted === undefined) story.value = former;
    throw error;
  }
}

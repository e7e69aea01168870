import { abacus } from "../../lab/abacus.ts";
import type { Workload } from "./requests.ts";

const distinctPrompts = 15_000;

/** @param model the folder of a language model; the embedded one where it is left out */
export function workloadFor(model: string | undefined): Workload {
  if (model === undefined)
    return {
      prompts: abacus.testPrompts(distinctPrompts),
      maxTokens: 32,
      chain: { mcmc_steps: 4, block_size: 8 },
    };
  // Five hundred at once share what the processor computes: short answers keep them within their deadline.
  return {
    prompts: Array.from({ length: distinctPrompts }, (_, index) => question(index)),
    maxTokens: 8,
    chain: { mcmc_steps: 1, block_size: 4 },
  };
}

const trades = [
  "baker",
  "pilot",
  "judge",
  "potter",
  "nurse",
  "farmer",
  "tailor",
  "sailor",
  "miner",
  "painter",
];
const places = ["Lima", "Oslo", "Cairo", "Hanoi", "Quito", "Riga", "Accra", "Perth", "Turin", "Kyoto"];

const question = (index: number): string =>
  `What does a ${trades[index % 10]!} in ${places[Math.floor(index / 10) % 10]!} do on day ${Math.floor(index / 100)}?`;

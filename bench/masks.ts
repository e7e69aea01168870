import type { ConstraintState, TokenConstraint } from "../src/engine/token-constraint.ts";
import type { Language } from "../src/grammar/constraint.ts";
import { Constraints } from "../src/grammar/constraints.ts";
import type { Vocabulary } from "../src/grammar/token-trie.ts";
import { uniform } from "../src/core/random.ts";
import type { ScoredToken } from "../src/core/tokens.ts";
import { createRunner, openGraph } from "../src/engine/onnx/open-graph.ts";
import { HostLogitsMemory } from "../src/engine/onnx/logits/logits-memory.ts";
import { RowMeasurer } from "../src/engine/onnx/logits/row-measurer.ts";
import { drawToken } from "../src/sampling/draw.ts";
import { measure } from "../src/sampling/measure.ts";
import { mediumShape, writeRandomModel } from "./random-model.ts";
import { median, printTable, timeMs } from "./report.ts";

const inverseTemperature = 4;
const rounds = 7;
const tokensPerAnswer = 48;

const languages: Readonly<Record<string, Language>> = {
  "regular expression": { kind: "regex", pattern: "#[0-9=;]{1,60}" },
  "schema of four members": {
    kind: "json_schema",
    isClosed: true,
    schema: {
      type: "object",
      properties: {
        name: { type: "string" },
        age: { type: "integer", minimum: 0, maximum: 120 },
        tags: { type: "array", items: { type: "string", maxLength: 20 } },
        kind: { enum: ["person", "place", "thing"] },
      },
      required: ["name", "age", "tags", "kind"],
    },
  },
  "any JSON object": { kind: "json_object" },
};

/**
 * What a token costs more where an answer is held to something: the mask, log Z over it and the draw from it, against
 * the draw alone. `first` is an answer under a constraint that nobody asked for before, whose masks are made on the way;
 * `later` one whose masks are there.
 */
export async function benchMasks(threads: number): Promise<void> {
  const table: string[][] = [];
  for (const vocabularySize of [18, mediumShape.vocabularySize, 152_064]) {
    const stepMs = vocabularySize === mediumShape.vocabularySize ? await measureStep(threads) : undefined;
    for (const [name, language] of Object.entries(languages)) {
      // Eighteen characters write no letters.
      if (vocabularySize < 256 && language.kind !== "regex") continue;
      const { free, first, later, compileMs } = await compare(vocabularySize, language, threads);
      const added = (ms: number): string => ((ms - free) * 1000).toFixed(0);
      const share = (ms: number): string =>
        stepMs === undefined ? "" : `${((100 * (ms - free)) / (stepMs + free)).toFixed(1)} %`;
      table.push([
        vocabularySize.toLocaleString("en"),
        name,
        compileMs.toFixed(1),
        (free * 1000).toFixed(0),
        added(first),
        added(later),
        share(first),
        share(later),
      ]);
    }
  }
  console.log(
    `\nmasks: per token of an answer of ${tokensPerAnswer}, 1/τ = ${inverseTemperature}, ${threads} thread(s), medians of ${rounds} rounds; share of a decode step of 135M parameters\n`,
  );
  printTable(
    [
      "vocabulary",
      "held to",
      "compile, ms",
      "free, µs",
      "first, + µs",
      "later, + µs",
      "first, share",
      "later, share",
    ],
    table,
  );
}

interface Comparison {
  /** ms of a token without a constraint, of one in a first answer under one, and in a later one. */
  readonly free: number;
  readonly first: number;
  readonly later: number;
  readonly compileMs: number;
}

async function compare(vocabularySize: number, language: Language, threads: number): Promise<Comparison> {
  const vocabulary = inventVocabulary(vocabularySize);
  const endToken = vocabularySize - 1;
  using memory = new HostLogitsMemory({ logitsType: "float32", tokens: 1, vocabularySize });
  using tensor = memory.tensor(0, [1, vocabularySize]);
  const values = tensor.asFloat32();
  // Zipf's law, scattered over the ids; an end is rare, so that answers are as long as may be.
  for (let index = 0; index < vocabularySize; index++)
    values[index] = -1.2 * Math.log(1 + ((index * 7919) % vocabularySize));
  values[endToken] = -30;
  const row = (): Float32Array => memory.read(0);
  using measurer = new RowMeasurer(memory, { threads });

  /** Draws a token as the engine does: small vocabularies are measured in JavaScript. */
  async function draw(position: number, state: ConstraintState | undefined): Promise<ScoredToken> {
    if (vocabularySize >= 2048) await measurer.measure(0, [inverseTemperature]);
    const distribution =
      vocabularySize >= 2048
        ? measurer.distribution(0, inverseTemperature, row)!
        : measure(row(), inverseTemperature);
    return drawToken(distribution, {
      sampling: { inverseTemperature },
      u: uniform({ seed: 1, choice: 0, stage: 0, step: 0 }, "token", position),
      topCount: 0,
      sequence: [],
      mask: state?.permitted(),
    });
  }
  async function answer(constraint: TokenConstraint | undefined): Promise<void> {
    let state = constraint?.start;
    for (let position = 0; position < tokensPerAnswer; position++) {
      const { token } = await draw(position, state);
      state = token === endToken ? constraint?.start : state?.after(token);
    }
  }

  const ends = new Set([endToken]);
  const constraints = new Constraints(() => vocabulary);
  const nothing: Language = { kind: "choice", options: [""] };
  /** The same language each time, as a request that nobody has sent before. */
  const compile = (times: number): TokenConstraint => {
    const parts = [language, ...Array<Language>(times).fill(nothing)];
    return constraints.compile({ language: { kind: "sequence", parts }, field: "bench" }, ends);
  };
  const known = compile(0);
  await answer(known);
  const times = {
    free: [] as number[],
    first: [] as number[],
    later: [] as number[],
    compile: [] as number[],
  };
  for (let round = 0; round <= rounds; round++) {
    const free = await timeMs(() => answer(undefined));
    const later = await timeMs(() => answer(known));
    const started = performance.now();
    const fresh = compile(round + 1);
    const compileMs = performance.now() - started;
    const first = await timeMs(() => answer(fresh));
    // The first round compiles.
    if (round === 0) continue;
    times.free.push(free / tokensPerAnswer);
    times.later.push(later / tokensPerAnswer);
    times.first.push(first / tokensPerAnswer);
    times.compile.push(compileMs);
  }
  return {
    free: median(times.free),
    first: median(times.first),
    later: median(times.later),
    compileMs: median(times.compile),
  };
}

/** Bytes, then words and numbers with and without a space before them; of few tokens, the embedded model's characters. */
function inventVocabulary(size: number): Vocabulary {
  if (size < 256) {
    const characters = "0123456789+-*=;#";
    return {
      size,
      bytesOf: (token) => (token < characters.length ? Buffer.from(characters[token]!) : undefined),
    };
  }
  const syllables = [
    "a",
    "be",
    "cor",
    "di",
    "en",
    "for",
    "ge",
    "in",
    "lo",
    "mar",
    "ne",
    "or",
    "per",
    "re",
    "st",
    "un",
  ];
  const spelled = Array.from({ length: size }, (_, token) => {
    if (token < 256) return Uint8Array.of(token);
    let word = token % 2 === 0 ? " " : "";
    for (let rest = token; rest > 0; rest = Math.floor(rest / syllables.length))
      word += syllables[rest % syllables.length]!;
    return token % 11 === 0 ? Buffer.from(String(token)) : Buffer.from(word);
  });
  return { size, bytesOf: (token) => (token === size - 1 ? undefined : spelled[token]) };
}

/** ms of a decode step of SmolLM2-135M's shape, random weights. */
async function measureStep(threads: number): Promise<number> {
  await using model = await writeRandomModel(mediumShape);
  const options = { device: "cpu", threads, lanes: 1, capacity: 256, maxRowTokens: 16 } as const;
  await using runner = await createRunner(openGraph(model.path, options), options);
  let position = 0;
  const step = async (): Promise<void> => {
    await runner.step([{ lane: 0, tokens: [1], position: position++ }]);
  };
  await step();
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) times.push(await timeMs(step, 3));
  return median(times);
}

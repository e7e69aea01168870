import { setMaxListeners } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InferenceError } from "../../src/core/errors.ts";
import { encode } from "../support/encode.ts";
import type { Constraint } from "../../src/grammar/constraint.ts";
import type { Completer, CompletionEvent, GenerateRequest } from "../../src/decoder/completer.ts";

export interface CompleterSubject {
  readonly open: () => Promise<Completer>;
  /** A text that the model's tokenizer takes, and that it can go on from for 64 tokens. */
  readonly prompt: string;
}

const never = new AbortController().signal;
setMaxListeners(0, never);

type Finish = Extract<CompletionEvent, { type: "finish" }>;

/** How a promise fails. */
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "resolved",
    (error: unknown) => (error instanceof InferenceError ? error.code : String(error)),
  );

/** What every completer owes the server, wherever its engine runs. */
export function testCompleter(name: string, { open, prompt: text }: CompleterSubject): void {
  describe(name, () => {
    let completer: Completer;
    let prompt: readonly number[];
    beforeAll(async () => {
      completer = await open();
      prompt = await encode(completer.prompts, text);
    });
    afterAll(() => completer[Symbol.asyncDispose]());

    const request = (changes: Partial<GenerateRequest> = {}): GenerateRequest => ({
      prompt,
      settings: { sampler: "standard", temperature: 1 },
      maxTokens: 16,
      ignoreEnd: true,
      stop: [],
      seed: 1,
      choice: 0,
      topCount: 0,
      ...changes,
    });
    const power = {
      sampler: "power",
      alpha: 4,
      mcmcSteps: 4,
      blockSize: 4,
      proposalTemperature: 0.5,
      schedule: "full",
    } as const;
    const answer = async (changes: Partial<GenerateRequest> = {}, signal = never) => {
      const events: CompletionEvent[] = [];
      for await (const event of completer.complete(request(changes), signal)) events.push(event);
      const texts = events.filter((event) => event.type === "text");
      return {
        events,
        texts,
        text: texts.map((event) => event.text).join(""),
        tokens: texts.flatMap((event) => [...event.tokens]),
        finish: events.at(-1) as Finish,
      };
    };
    const idsOf = (tokens: readonly { readonly token: number }[]): number[] =>
      tokens.map(({ token }) => token);
    /** Asked again and again, which takes a turn of either thread. */
    const untilIdle = async (): Promise<void> => {
      while (((await completer.health()).details?.sequences.open ?? 0) > 0);
    };

    it("knows its model", () => {
      const { id, maxLength, vocabularySize, capabilities } = completer.model;
      expect(id).not.toBe("");
      expect(maxLength).toBeGreaterThan(prompt.length);
      expect(prompt.every((token) => token < vocabularySize)).toBe(true);
      expect(capabilities.repeats).toBe(true);
    });

    it("gives text with its tokens, and how it finished at the end and once", async () => {
      const { events, text: completion, tokens, finish } = await answer();
      expect(events.filter(({ type }) => type === "finish")).toEqual([events.at(-1)]);
      expect(tokens).toHaveLength(16);
      expect(finish).toMatchObject({ reason: "length", stop: null, evaluatedTokens: 16 });
      expect(completion).toBe(completer.tokenizer.decode(idsOf(tokens)));
      for (const { logprob, entropy } of tokens) {
        expect(logprob).toBeLessThanOrEqual(0);
        expect(entropy).toBeGreaterThanOrEqual(0);
      }
    });

    it("answers the same for a seed, alone and beside others; otherwise for another choice", async () => {
      const hot = { sampler: "standard", temperature: 3 } as const;
      for (const settings of [hot, power]) {
        const alone = await answer({ settings });
        const together = await Promise.all(
          [0, 0, 1, 2, 3].map((choice) => answer({ settings, choice, maxTokens: 16 })),
        );
        const texts = together.map(({ text: completion }) => completion);
        expect(texts.slice(0, 2)).toEqual([alone.text, alone.text]);
        // A chain may well come to the likeliest answer whatever its choice.
        if (settings !== power) expect(new Set(texts).size).toBeGreaterThan(1);
      }
    });

    it("gives the same in one piece to a reader that wants it so", async () => {
      const pieces = await answer();
      const whole = await answer({ inOnePiece: true });
      expect(whole.texts.length).toBeLessThanOrEqual(2);
      expect(pieces.texts.length).toBeGreaterThan(whole.texts.length);
      expect(whole.text).toBe(pieces.text);
      expect(idsOf(whole.tokens)).toEqual(idsOf(pieces.tokens));
    });

    it("tells how a chain gets on and what it does, where asked to, before its text", async () => {
      const { events, finish } = await answer({ settings: power, progress: true, trace: true });
      const types = events.map(({ type }) => type);
      expect(types.filter((type) => type === "progress")).toHaveLength(4 * (1 + power.mcmcSteps));
      expect(types.filter((type) => type === "trace").length).toBeGreaterThan(4);
      expect(types.lastIndexOf("trace")).toBeLessThan(types.indexOf("text"));
      expect(finish.report.power).toMatchObject({ steps: 16, blocks: 4 });
      const quiet = await answer({ settings: power });
      expect(new Set(quiet.events.map(({ type }) => type))).toEqual(new Set(["text", "finish"]));
    });

    it("reports the likeliest tokens beside each, as many as were asked for", async () => {
      const { tokens } = await answer({ topCount: 3 });
      for (const { top } of tokens) {
        expect(top!.ids).toHaveLength(3);
        expect([...top!.logprobs]).toEqual([...top!.logprobs].sort((a, b) => b - a));
      }
    });

    it("ends at a stop string, which it keeps to itself, and at a stop token", async () => {
      const { text: completion, tokens } = await answer();
      const stop = completion.slice(4, 6);
      const stopped = await answer({ stop: [stop] });
      expect(stopped.text).toBe(completion.slice(0, completion.indexOf(stop)));
      expect(stopped.finish).toMatchObject({ reason: "stop", stop });
      const last = tokens[5]!.token;
      const ended = await answer({ stopTokens: [last] });
      expect(idsOf(ended.tokens)).toEqual(idsOf(tokens).slice(0, idsOf(tokens).indexOf(last) + 1));
      expect(ended.finish).toMatchObject({ reason: "stop", stop: last });
    });

    it("fails as the engine does, with its code and the field at fault", async () => {
      expect(await codeOf(answer({ maxTokens: completer.model.maxLength }))).toBe("context_length_exceeded");
      expect(await codeOf(answer({ prompt: [completer.model.vocabularySize] }))).toBe("invalid_request");
      const all = Array.from({ length: completer.model.vocabularySize }, (_, token) => token);
      const impossible = { sampler: "standard", temperature: 1, minTokens: 2 } as const;
      await expect(answer({ settings: impossible, stopTokens: all })).rejects.toMatchObject({
        code: "invalid_request",
        param: "min_tokens",
      });
      expect((await completer.health()).status).toBe("ok");
    });

    it("refuses what completions cannot be held to, by its field, when it is asked and when they begin", async () => {
      const regex = (pattern: string): Constraint => ({
        field: "guided_regex",
        language: { kind: "regex", pattern },
      });
      const settings = { sampler: "standard", temperature: 1 } as const;
      const some = regex(text.replaceAll(/[^0-9a-z]/gi, ".").slice(0, 4));
      await expect(completer.checkConstraint({ constraint: some }, never)).resolves.toBeUndefined();
      const held = await answer({ constraint: some, ignoreEnd: false, settings });
      expect(held.finish.reason).toBe("stop");
      for (const [constraint, code] of [
        [regex("(1"), "invalid_request"],
        [regex("(1)\\1"), "unsupported"],
        [{ ...some, language: { kind: "choice", options: [] } }, "invalid_request"],
      ] as const) {
        const refusal = { code, param: "guided_regex" };
        await expect(completer.checkConstraint({ constraint }, never)).rejects.toMatchObject(refusal);
        await expect(answer({ constraint, ignoreEnd: false, settings })).rejects.toMatchObject(refusal);
      }
      // Without an end token no answer is whole.
      const endless = completer.checkConstraint({ constraint: some, ignoreEnd: true }, never);
      expect(await codeOf(endless)).toBe("unsupported");
      const ended = { constraint: some, ignoreEnd: true, stopTokens: [0] };
      expect(await codeOf(completer.checkConstraint(ended, never))).toBe("resolved");
      expect(await codeOf(completer.checkConstraint({ constraint: some }, AbortSignal.abort()))).toBe(
        "aborted",
      );
      expect((await completer.health()).status).toBe("ok");
    });

    it("stops with `aborted`, before it begins and in the middle, and lets go", async () => {
      expect(await codeOf(answer({}, AbortSignal.abort()))).toBe("aborted");
      for (const settings of [request().settings, power]) {
        const controller = new AbortController();
        const long = request({ settings, maxTokens: 64, progress: true });
        const events = completer.complete(long, controller.signal)[Symbol.asyncIterator]();
        expect((await events.next()).done).toBe(false);
        controller.abort();
        const rest = async (): Promise<void> => {
          while ((await events.next()).done !== true);
        };
        expect(await codeOf(rest())).toBe("aborted");
        await untilIdle();
      }
    });

    it("stops when its reader leaves", async () => {
      const before = (await completer.health()).evaluatedTokens;
      for await (const _ of completer.complete(request({ maxTokens: 64, seed: 9 }), never)) break;
      await untilIdle();
      // The prompt and some tokens, but not what was asked for.
      const { evaluatedTokens } = await completer.health();
      expect(evaluatedTokens - before).toBeLessThan(prompt.length + 60);
    });

    it("scores given tokens, as it scored them when it drew them", async () => {
      const { tokens } = await answer();
      const all = [...prompt, ...idsOf(tokens)];
      const scores = await completer.score(all, { topCount: 2 }, never);
      expect(idsOf([...scores])).toEqual(all.slice(1));
      for (const [index, { logprob }] of tokens.entries())
        expect(scores.at(prompt.length - 1 + index)!.logprob).toBeCloseTo(logprob, 3);
      for (const { top } of scores) expect(top!.ids).toHaveLength(2);
      expect(await codeOf(completer.score(all, { topCount: 0 }, AbortSignal.abort()))).toBe("aborted");
      expect(await codeOf(completer.score([], { topCount: 0 }, never))).toBe("invalid_request");
    });

    it("says how it is: the engine, and what chains remember", async () => {
      const before = await completer.health();
      expect(before.status).toBe("ok");
      await answer({ seed: 5 });
      await answer({ settings: power, prompt: [...prompt, ...prompt] });
      const after = await completer.health();
      expect(after.evaluatedTokens).toBeGreaterThan(before.evaluatedTokens);
      expect(after.memo!.prompts).toBeGreaterThan(0);
    });

    it("turns everything away with `shutting_down` once it is disposed of, what runs included", async () => {
      const closing = await open();
      const events = closing.complete(request({ maxTokens: 64 }), never)[Symbol.asyncIterator]();
      await events.next();
      const rest = async (): Promise<void> => {
        while ((await events.next()).done !== true);
      };
      const running = codeOf(rest());
      await closing[Symbol.asyncDispose]();
      expect(await running).toBe("shutting_down");
      const late = async (): Promise<void> => {
        for await (const _ of closing.complete(request(), never)) break;
      };
      expect(await codeOf(late())).toBe("shutting_down");
    });
  });
}

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { samplerNames } from "../../src/samplers/registry.ts";
import { createTestApp, parseEvents } from "../support/embedded.ts";

let server: Awaited<ReturnType<typeof createTestApp>>;
beforeAll(async () => {
  server = await createTestApp();
});
afterAll(() => server[Symbol.asyncDispose]());

const prompt = "7-2*3+4=";
const quick = { mcmc_steps: 2, max_tries: 100_000 };
const own: Record<string, object> = {
  power: { mcmc_steps: 2, alpha: 2 },
  exact: { max_tries: 100_000, alpha: 1 },
  smc: { particles: 4 },
  maximize: { mcmc_steps: 2 },
};
const jsonSchema = (schema: object) => ({ type: "json_schema", json_schema: { name: "n", schema } });
const asked = { prompt, max_tokens: 24, seed: 3 };

describe("an answer that is held to something", () => {
  it.each(samplerNames)("is of it whichever way it is drawn: %s", async (sampler) => {
    const body = { ...asked, sampler, ...own[sampler] };
    const pattern = "#-?[0-9]{1,2}|[0-9]+-[0-9]=[0-9];#[0-9]";
    for (let seed = 0; seed < 5; seed++) {
      const { choices } = await server.complete({ ...body, seed, structured_outputs: { regex: pattern } });
      expect(choices[0]!.text).toMatch(new RegExp(`^(?:${pattern})$`));
      expect(choices[0]!.finish_reason).toBe("stop");
    }
    const { choices } = await server.complete({ ...body, guided_choice: ["17", "23", "4=4"] });
    expect(["17", "23", "4=4"]).toContain(choices[0]!.text);
  });

  it.each([
    [{ guided_regex: "[1-3]{4}" }, /^[1-3]{4}$/],
    [{ structured_outputs: { grammar: 'root ::= sum ";" \nsum ::= [0-9] | "(" sum "+" sum ")"' } }, /;$/],
    [{ guided_grammar: 'root ::= "1" [2-4]+ "5"' }, /^1[2-4]+5$/],
    [{ response_format: jsonSchema({ type: "integer" }) }, /^-?\d+$/],
    [{ guided_json: { type: "integer", minimum: 10, maximum: 19 } }, /^1\d$/],
    // As llama.cpp's clients, and instructor's JSON_SCHEMA, say it.
    [
      { response_format: { type: "json_object", schema: { type: "integer", minimum: 20, maximum: 29 } } },
      /^2\d$/,
    ],
    [{ guided_json: '{"type":"integer","multipleOf":7,"minimum":1,"maximum":99}' }, /^\d{1,2}$/],
    [{ structured_outputs: { json: { enum: [12, 345] } } }, /^(12|345)$/],
  ])("has what %j says", async (fields, pattern) => {
    const { choices } = await server.complete({
      ...asked,
      sampler: "power",
      ...quick,
      max_tries: undefined,
      ...fields,
    });
    expect(choices[0]!.finish_reason).toBe("stop");
    expect(choices[0]!.text).toMatch(pattern);
  });

  it("is cut off by max_tokens in the middle, and says so", async () => {
    const { choices } = await server.complete({ ...asked, max_tokens: 3, guided_regex: "[1-3]{5}" });
    expect(choices[0]).toMatchObject({
      finish_reason: "length",
      text: expect.stringMatching(/^[1-3]{3}$/) as string,
    });
  });

  it("is streamed as it is answered whole, in chats too", async () => {
    const body = { messages: [{ role: "user", content: prompt }], seed: 4, guided_regex: "#[0-9]{3}" };
    const whole = await server.post("/v1/chat/completions", body);
    const { choices } = whole.json() as { choices: { message: { content: string } }[] };
    const stream = await server.post("/v1/chat/completions", { ...body, stream: true });
    const pieces = parseEvents(stream.text) as { choices: { delta: { content?: string } }[] }[];
    const text = pieces.map((piece) => piece.choices[0]?.delta.content ?? "").join("");
    expect(text).toMatch(/^#[0-9]{3}$/);
    expect(text).toBe(choices[0]!.message.content);
  });

  it("has the raw model's log-probs of the tokens that were allowed", async () => {
    const { choices } = await server.complete({
      ...asked,
      max_tokens: 1,
      guided_choice: ["8", "9"],
      logprobs: 5,
      sampler: "standard",
    });
    const free = await server.complete({ ...asked, max_tokens: 1, logprobs: 18, sampler: "standard" });
    const raw = free.choices[0]!.logprobs!.top_logprobs[0]!;
    const top = choices[0]!.logprobs!.top_logprobs[0]!;
    expect(top["8"]).toBeCloseTo(raw["8"]!, 9);
    expect(top["9"]).toBeCloseTo(raw["9"]!, 9);
    expect(Object.values(top).filter((logprob) => logprob > -9999)).toHaveLength(2);
  });

  it("is the same for the same seed, whatever is remembered", async () => {
    const body = { ...asked, sampler: "power", guided_regex: "[0-9=;#]{6}" };
    const first = await server.complete({ ...body, isolated: true });
    // Another language over the same prompt must not answer from this one's memory.
    await server.complete({ ...body, guided_regex: "[1-2]{6}" });
    const second = await server.complete(body);
    expect(second.choices[0]!.text).toBe(first.choices[0]!.text);
  });

  it("goes with penalties, bias and truncations, which act on what is left", async () => {
    const biased = { ...asked, max_tokens: 4, sampler: "standard", guided_regex: "[45]", top_k: 1 };
    const ids = Object.fromEntries(
      await Promise.all(
        ["4", "5"].map(async (text) => {
          const { choices } = await server.complete({
            ...biased,
            guided_choice: [text],
            guided_regex: undefined,
            return_token_ids: true,
          });
          return [text, choices[0]!.token_ids![0]!] as const;
        }),
      ),
    );
    for (const text of ["4", "5"]) {
      const { choices } = await server.complete({ ...biased, logit_bias: { [ids[text]!]: 100 } });
      expect(choices[0]!.text).toBe(text);
    }
  });

  it("ends at a stop string, cut short of what it was held to", async () => {
    const { choices } = await server.complete({ ...asked, guided_regex: "12345", stop: "3" });
    expect(choices[0]).toMatchObject({ text: "12", finish_reason: "stop" });
  });
});

describe("what is asked in vain", () => {
  const refusals: [object, string, RegExp][] = [
    [{ guided_regex: "a", guided_json: {} }, "guided_regex", /Send one of them/],
    [
      { response_format: { type: "json_object" }, structured_outputs: { regex: "1" } },
      "structured_outputs.regex",
      /Send one/,
    ],
    [{ structured_outputs: { regex: "1", choice: ["1"] } }, "structured_outputs.choice", /Send one/],
    [{ structured_outputs: {} }, "structured_outputs", /says nothing/],
    [{ guided_regex: "[0-9]", ignore_eos: true }, "ignore_eos", /Leave it out/],
    [{ guided_regex: "[0-9]", min_tokens: 3, sampler: "standard" }, "min_tokens", /Leave it out/],
    [{ guided_regex: "(1" }, "guided_regex", /no regular expression/],
    [{ guided_regex: "(1)\\1" }, "guided_regex", /\\1/],
    [{ guided_regex: "1(?=2)" }, "guided_regex", /lookarounds/],
    [{ guided_regex: "\\b1" }, "guided_regex", /word boundaries/],
    [{ guided_regex: "[a-f]" }, "guided_regex", /no text at all/],
    [{ guided_choice: [] }, "guided_choice", /at least one/],
    [{ guided_choice: ["yes", "no"] }, "guided_choice", /no text at all/],
    [{ guided_json: "no" }, "guided_json", /no JSON schema \(.*JSON/],
    [{ structured_outputs: { json: "[".repeat(100) } }, "structured_outputs.json", /64 levels deep/],
    [{ guided_regex: "#[0-9]{1,2" }, "guided_regex", /Incomplete quantifier/],
    [{ guided_regex: "#(1|2$)3" }, "guided_regex", /\$/],
    [{ guided_json: { type: "float" } }, "guided_json", /'"float"'/],
    [{ guided_json: { type: "array", uniqueItems: true } }, "guided_json", /'uniqueItems' at #/],
    [
      { guided_json: { properties: { a: { unevaluatedItems: false } } } },
      "guided_json",
      /'unevaluatedItems' at #\/properties\/a/,
    ],
    [{ guided_json: { $ref: "#/$defs/none" } }, "guided_json", /'#\/\$defs\/none'/],
    [{ guided_json: { $ref: "http://example.com/a.json" } }, "guided_json", /has to begin with #/],
    [{ guided_json: { type: "string", format: "colour" } }, "guided_json", /format '"colour"'/],
    [{ guided_json: { oneOf: [{ type: "integer" }, { minimum: 3 }] } }, "guided_json", /say anyOf/],
    [{ guided_grammar: 'root ::= root "1" | "1"' }, "guided_grammar", /left-recursive rule, 'root'/],
    [{ guided_grammar: 'root ::= "#" x\nx ::= x "1" | "2"' }, "guided_grammar", /left-recursive rule, 'x'/],
    [{ guided_grammar: "start: NUMBER" }, "guided_grammar", /no EBNF in line 1/],
    [{ guided_grammar: "root ::= other" }, "guided_grammar", /no rule 'other'/],
    [{ response_format: { type: "xml" } }, "response_format.type", /json_schema/],
    [{ response_format: { type: "json_schema" } }, "response_format.json_schema", /./],
    [
      { structured_outputs: { regex: "1", whitespace_pattern: " " } },
      "structured_outputs.whitespace_pattern",
      /not supported/,
    ],
  ];
  it.each(refusals)("is refused by name: %j", async (fields, param, message) => {
    const refusal = await server.refuse({ ...asked, ...fields });
    expect(refusal).toMatchObject({ status: 400, param });
    expect(refusal.message).toMatch(message);
    // No stream has begun that would have to say so.
    expect(await server.refuse({ ...asked, ...fields, stream: true })).toEqual(refusal);
  });

  it("is refused where its text is deeper than what could be handed on to the engine", async () => {
    const schema = `${'{"items":'.repeat(6000)}true${"}".repeat(6000)}`;
    for (const field of ["guided_json", "structured_outputs.json"]) {
      const fields =
        field === "guided_json" ? { guided_json: schema } : { structured_outputs: { json: schema } };
      const refusal = await server.refuse({ ...asked, ...fields });
      expect(refusal).toMatchObject({ status: 400, param: field });
      expect(refusal.message).toMatch(/64 levels deep in 'items'/);
    }
  });

  it("is refused where a number of it is no double's, which bodies may write", async () => {
    const body = `{"prompt":"1","structured_outputs":{"json":{"type":"integer","minimum":1e999}}}`;
    const answer = await server.app.inject({
      method: "POST",
      url: "/v1/completions",
      headers: { "content-type": "application/json" },
      payload: body,
    });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ error: { param: "structured_outputs.json", code: "unsupported" } });
  });

  const { prompt: _, ...others } = asked;
  const messages = [{ role: "user", content: prompt }];
  const schema = { type: "array", uniqueItems: true };
  it.each<[string, object, string, RegExp]>([
    ["a keyword", { response_format: jsonSchema(schema) }, "response_format", /'uniqueItems'/],
    ["a regular expression", { guided_regex: "(1" }, "guided_regex", /no regular expression/],
    ["a grammar", { guided_grammar: "root ::= other" }, "guided_grammar", /no rule 'other'/],
    ["texts that no tokens write", { guided_choice: ["yes"] }, "guided_choice", /no text at all/],
    ["what is too large", { guided_regex: "[1-3]{2000000}" }, "guided_regex", /states/],
    ["what is too long", { guided_choice: ["1".repeat(300_000)] }, "guided_choice", /262144 characters/],
  ])("is refused for %s before a stream of any endpoint begins", async (_, fields, param, message) => {
    for (const body of [
      { ...others, ...fields },
      { ...others, ...fields, n: 3 },
    ]) {
      const whole = await server.post("/v1/chat/completions", { messages, ...body });
      const streamed = await server.post("/v1/chat/completions", { messages, ...body, stream: true });
      expect(streamed.status).toBe(400);
      expect(streamed.headers["content-type"]).toMatch(/^application\/json/);
      expect(streamed.json()).toEqual(whole.json());
      expect(streamed.json()).toMatchObject({
        error: { param, message: expect.stringMatching(message) as unknown },
      });
    }
  });

  it.each([{}, { stream: true }, { background: true }, { background: true, stream: true }])(
    "is refused by responses before any is begun or kept: %j",
    async (mode) => {
      const format = { type: "json_schema", name: "n", schema };
      const body = { input: prompt, text: { format }, ...mode };
      const refused = await server.post("/v1/responses", body);
      expect(refused.status).toBe(400);
      expect(refused.json()).toMatchObject({ error: { param: "text.format.schema", code: "unsupported" } });
    },
  );

  it("leaves the server as it was: admission, sequences, other clients", async () => {
    const refused = { ...asked, stream: true, guided_regex: "(1" };
    const fine = { ...asked, guided_regex: "[1-3]{4}" };
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        server.post("/v1/completions", index % 2 === 0 ? refused : fine),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(
      answers.map((_, index) => (index % 2 === 0 ? 400 : 200)),
    );
    expect((await server.completer.health()).details).toMatchObject({ sequences: { open: 0 } });
  });
});

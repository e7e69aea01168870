import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { embeddedModel } from "../../src/assembly/embedded-model.ts";
import type { Model } from "../../src/client/client.ts";
import type { ResponseBody } from "../../src/server/schemas/responses/response.ts";
import { createTestApp, parseEvents, textOf } from "../support/embedded.ts";
import { openWatcher } from "../support/watcher.ts";

const folder = await mkdtemp(join(tmpdir(), "metropolis-presets-"));
afterAll(() => rm(folder, { recursive: true }));

const afterHash = { type: "regex", pattern: "#(-?[0-9]+)$" };
const presets = {
  tuned: { sampler: "standard", temperature: 1.4, best_of: 6, select: "vote", select_answer: afterHash },
  chain: {
    sampler: "power",
    alpha: 2,
    kernel: "multiple_try",
    tries: 3,
    mcmc_steps: 1,
    block_size: 8,
    isolated: true,
  },
  beams: { sampler: "beam", beam_width: 3, length_penalty: 0, isolated: true },
  open: { sampler: "low_temperature", alpha: 3, isolated: null },
};

/** The embedded model, its generation_config.json changed. */
async function modelWith(name: string, own: object): Promise<string> {
  const root = join(folder, name);
  await cp(embeddedModel, root, { recursive: true });
  const path = join(root, "generation_config.json");
  const config = JSON.parse(await readFile(path, "utf8")) as { metropolis: object };
  await writeFile(path, JSON.stringify({ ...config, metropolis: { ...config.metropolis, presets: own } }));
  return root;
}

let server: Awaited<ReturnType<typeof createTestApp>>;
beforeAll(async () => {
  server = await createTestApp({
    engine: { model: await modelWith("own", presets), deterministic: true, prefetch: false },
  });
});
afterAll(() => server[Symbol.asyncDispose]());

const asked = { prompt: "7-2*3+4=", max_tokens: 30, seed: 3 };

describe("a preset", () => {
  it("is listed among the models, with its fields", async () => {
    const { data } = (await server.app.inject("/v1/models")).json<{ data: Model[] }>();
    const listed = Object.fromEntries(data.map(({ id, preset }) => [id, preset]));
    expect(listed["own:tuned"]).toEqual(presets.tuned);
    expect(listed.own).toBeNull();
    expect(listed["own:power"]).toBeNull();
    const one = await server.app.inject("/v1/models/own:chain");
    expect(one.json()).toMatchObject({ id: "own:chain", root: "own", parent: "own", preset: presets.chain });
  });

  it("is what its fields are, whole, streamed, on a socket, in a chat and in a response", async () => {
    const { choices, ...rest } = await server.complete({ ...asked, model: "own:tuned" });
    const said = await server.complete({ ...asked, ...presets.tuned });
    expect(choices).toEqual(said.choices);
    expect(rest.votes).toEqual(said.votes);
    expect(rest.votes![0]!.drawn).toBe(6);
    expect(rest.model).toBe("own:tuned");

    const stream = await server.post("/v1/completions", { ...asked, model: "own:tuned", stream: true });
    const chunks = parseEvents(stream.text) as { choices: { text: string }[] }[];
    const streamed = chunks.flatMap((chunk) => chunk.choices.map(({ text }) => text)).join("");
    expect(streamed).toBe(choices[0]!.text);

    const watcher = await openWatcher(server.app);
    watcher.send({ ...asked, id: "a", model: "own:tuned" });
    expect(await watcher.end("a")).toMatchObject({ type: "done", response: { votes: rest.votes } });
    expect(watcher.of("accepted", "a")[0]).toMatchObject({ model: "own:tuned", sampler: "standard" });
    watcher.socket.close();

    const messages = [{ role: "user", content: asked.prompt }];
    const chats = await Promise.all(
      [{ model: "own:tuned" }, presets.tuned].map((own) =>
        server.post("/v1/chat/completions", { messages, seed: 3, max_tokens: 30, ...own }),
      ),
    );
    const [chat, saidChat] = chats.map((reply) => reply.json() as { choices: unknown; votes: unknown });
    expect(chat!.choices).toEqual(saidChat!.choices);
    expect(chat!.votes).toEqual(saidChat!.votes);

    const bodies = [{ model: "own:tuned" }, presets.tuned];
    const responses = await Promise.all(
      bodies.map((own) => server.post("/v1/responses", { input: asked.prompt, seed: 3, ...own })),
    );
    const [response, saidResponse] = responses.map((reply) => reply.json() as ResponseBody);
    expect(textOf(response!)).toBe(textOf(saidResponse!));
    expect(response).toMatchObject({ model: "own:tuned", votes: saidResponse!.votes });
  });

  it("gives way to what the request says", async () => {
    for (const own of [
      { temperature: 0.7 },
      { best_of: 3 },
      { sampler: "power", alpha: 2, isolated: true },
    ]) {
      const { temperature: _t, ...choosing } = presets.tuned;
      const base = "sampler" in own ? choosing : presets.tuned;
      const [given, said] = await Promise.all([
        server.complete({ ...asked, model: "own:tuned", ...own }),
        server.complete({ ...asked, ...base, ...own }),
      ]);
      expect(given.choices, JSON.stringify(own)).toEqual(said.choices);
      expect(given.votes).toEqual(said.votes);
    }
  });

  it("leaves out what has no meaning beside what the request says", async () => {
    const cases: [string, object, object][] = [
      ["tuned", { best_of: 1 }, { sampler: "standard", temperature: 1.4 }],
      ["tuned", { n: 6 }, { sampler: "standard", temperature: 1.4, n: 6 }],
      ["tuned", { n: 7 }, { sampler: "standard", temperature: 1.4, n: 7 }],
      ["tuned", { use_beam_search: true, isolated: true }, { use_beam_search: true, isolated: true }],
      ["tuned", { sampler: "greedy" }, { sampler: "greedy" }],
      ["tuned", { temperature: 0 }, { sampler: "standard", temperature: 0 }],
      [
        "tuned",
        { select: "logprob" },
        { sampler: "standard", temperature: 1.4, best_of: 6, select: "logprob" },
      ],
      ["chain", { kernel: "single_try" }, { ...presets.chain, kernel: "single_try", tries: null }],
      ["chain", { warm_up: "particles" }, { ...presets.chain, block_size: null, warm_up: "particles" }],
      ["chain", { sampler: "low_temperature" }, { sampler: "low_temperature", alpha: 2 }],
      ["chain", { use_beam_search: true }, { isolated: true, use_beam_search: true }],
      ["beams", { n: 5 }, { ...presets.beams, beam_width: null, n: 5 }],
    ];
    for (const [name, own, meant] of cases) {
      const given = await server.complete({ ...asked, model: `own:${name}`, ...own });
      const said = await server.complete({ ...asked, ...meant });
      expect(given.choices, `${name} ${JSON.stringify(own)}`).toEqual(said.choices);
      expect(given.votes).toEqual(said.votes);
    }
  });

  it("has its candidates counted before any work, and fields that clients send unasked let be", async () => {
    const few = await createTestApp({ completer: server.completer, limits: { maxCompletions: 4 } });
    const reply = await few.post("/v1/completions", { ...asked, model: "own:tuned" });
    expect(reply.status, reply.text).toBe(400);
    expect(reply.text).toContain("6");
    await few.app.close();
    const chain = await server.complete({ ...asked, model: "own:chain", temperature: 0.7 });
    expect(chain.choices[0]).toHaveProperty("power");
    expect(chain).toMatchObject({ ignored: ["temperature"] });
  });

  it("is refused by name where there is none, and where a request's field contradicts it", async () => {
    const unknown = await server.refuse({ ...asked, model: "own:tuend" });
    expect(unknown).toMatchObject({ status: 404, code: "model_not_found", param: "model" });
    expect(unknown.message).toMatch(/'own:tuend'.*own:tuned, own:chain/);
    expect(await server.refuse({ ...asked, model: "own:tuned", kernel: "tempering" })).toMatchObject({
      param: "kernel",
    });
    expect(await server.refuse({ ...asked, model: "own:tuned", n: 2 })).toMatchObject({ param: "n" });
    expect((await server.app.inject("/v1/models/own:tuend")).statusCode).toBe(404);
  });
});

it.each<[string, object, RegExp]>([
  ["a sampler's name", { greedy: { sampler: "greedy" } }, /none of the samplers/],
  ["a name with a colon", { "a:b": { sampler: "greedy" } }, /1 to 64 letters/],
  ["no sampler", { a: { alpha: 2 } }, /presets.*a.*sampler/s],
  ["an unknown field", { a: { sampler: "power", alhpa: 2 } }, /metropolis\.presets\.a: .*alhpa/s],
  ["a value out of range", { a: { sampler: "power", alpha: -1 } }, /metropolis\.presets\.a: .*alpha/s],
  ["another sampler's field", { a: { sampler: "greedy", alpha: 2 } }, /presets\.a: alpha has no meaning/],
  [
    "a vote without a rule",
    { a: { sampler: "standard", best_of: 4, select: "vote" } },
    /select_answer is miss/,
  ],
  ["a choice among one", { a: { sampler: "standard", select: "logprob" } }, /set best_of to more/],
])("a server does not start with a preset with %s", async (name, own, message) => {
  const model = await modelWith(name.replaceAll(" ", "-"), own);
  await expect(createTestApp({ engine: { model } })).rejects.toThrow(message);
});

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { findReport } from "../../src/client/client.ts";
import type { CompletionResponse } from "../../src/client/client.ts";
import { hasBrowser } from "../support/browser.ts";
import { holdTo, isIdle, isReady, itFits, runThrough, usePlayground } from "../support/playground.ts";

const playground = usePlayground();

describe.skipIf(!hasBrowser)("the playground's comparison", () => {
  it("compares any samplers as they are set, each at its own cost", async () => {
    await using opened = await playground.open("#compare");
    const { page, complaints } = opened;
    expect(await page.locator(".card h2").allInnerTexts()).toEqual([
      "Greedy",
      "Low temperature",
      "Standard",
      "Power",
    ]);
    expect(await page.locator(".card .settings").allInnerTexts()).toEqual([
      "alpha 4",
      "temperature 1",
      "alpha 4 · steps per block 10 · proposal temp. 0.25 · kernel single try · cut uniform · warm-up blocks · block, tokens 3",
    ]);
    expect(await page.locator(".card .purpose").nth(1).innerText()).toMatch(/^Token by token, likely tokens/);
    await page.click('[aria-label^="Remove Low temperature"]');
    await page.selectOption("#kernel", "multiple_try");
    await page.fill("#tries", "3");
    expect(await page.locator("#add").innerText()).toContain("Add power, as it is set");
    await page.click("#add");
    expect(await page.locator(".card .settings").last().innerText()).toContain("tries a step 3");
    await runThrough(page);
    const costs = await page.locator(".card .cost dd").allInnerTexts();
    expect(costs).toHaveLength(4);
    // Again the same, though the server now remembers all of it.
    await runThrough(page);
    expect(await page.locator(".card .cost dd").allInnerTexts()).toEqual(costs);
    const body = {
      prompt: "9*4+3-4-2=",
      seed: 42,
      sampler: "power",
      kernel: "multiple_try",
      tries: 3,
      isolated: true,
    };
    const reply = await playground.server.post("/v1/completions", body);
    const { choices } = (await reply.json()) as {
      choices: [{ text: string; power: Record<string, number> }];
    };
    expect(costs.at(-1)!.replaceAll(",", "")).toContain(
      `${choices[0].power.evaluated_tokens} runs of the model`,
    );
    expect(await page.locator(".card .answer").last().innerText()).toContain(choices[0].text);
    expect(await page.locator("#stale").count()).toBe(0);
    await page.fill("#prompt", "1+1=");
    expect(await page.locator("#stale code").innerText()).toBe("9*4+3-4-2=");
    // Bars are of those that are there.
    for (const label of ["Power", "Power"]) await page.click(`[aria-label^="Remove ${label}"]`);
    const widths = await page.evaluate<string[]>(
      "[...document.querySelectorAll('.card .fill')].map((bar) => bar.style.inlineSize)",
    );
    expect(widths).toContain("100%");
    expect(complaints).toEqual([]);
  });

  it("gives the requests of all that are compared as a program, which answers and costs the same", async () => {
    await using opened = await playground.open(
      `#compare?${new URLSearchParams({ prompt: "1+1=", compare: "greedy;power,alpha=2;standard,best_of=2" }).toString()}`,
    );
    const { page } = opened;
    await runThrough(page);
    const costs = await page.locator(".card .cost dd").allInnerTexts();
    await page.click("#share summary");
    await page.click('#share button:text-is("curl")');
    const asked = (await page.locator("#shared").innerText()).split("\n\n");
    expect(asked).toHaveLength(3);
    const evaluated: number[] = [];
    for (const [index, curl] of asked.entries()) {
      const { stdout } = await promisify(execFile)("bash", ["-c", `${curl} -s`]);
      const { choices, selected } = JSON.parse(stdout) as CompletionResponse;
      expect(await page.locator(".card .answer").nth(index).innerText()).toContain(choices[0]!.text);
      evaluated.push(selected?.[0]?.evaluated_tokens ?? findReport(choices[0]!)!.body.evaluated_tokens);
    }
    expect(costs).toEqual(evaluated.map((count) => `${count} runs of the model`));
  });

  it("keeps the last answers where one is refused, and names whose setting it was", async () => {
    await using opened = await playground.open("#compare");
    const { page } = opened;
    await holdTo(page, "JSON schema", '{"type": "integer", "minimum": 10, "maximum": 29}');
    await runThrough(page);
    const answers = page.locator(".card .answer");
    const compared = (await answers.allInnerTexts()).map((answer) => answer.replace("∎", ""));
    expect(compared).toHaveLength(4);
    for (const answer of compared) expect(answer).toMatch(/^[12]\d$/);
    await holdTo(page, "Texts, one a line", "nothing, it has no such letters");
    await page.click("#run");
    await page.locator("#problem", { hasText: "allows no text" }).waitFor();
    expect((await answers.allInnerTexts()).map((answer) => answer.replace("∎", ""))).toEqual(compared);

    // A field of power's, which stands in a card: the form, set to greedy, has none.
    await page.selectOption("#structured_outputs", { label: "anything" });
    await page.locator("#settings").evaluate((form) => {
      (form as unknown as { noValidate: boolean }).noValidate = true;
    });
    await page.fill("#mcmc_steps", "100000");
    await page.click("#add");
    await page.check('input[name="sampler"][value="greedy"]', { force: true });
    await page.click("#run");
    await page.locator("#problem", { hasText: /^Power: mcmc_steps/ }).waitFor();
    expect(await page.evaluate("problem.closest('.field')")).toBe(null);
  });

  it("says how samplers are set at the form's length, and what they took as the API does", async () => {
    const compare = "power,kernel=tempering;exact;smc,particles=8;maximize;beam;power,warm_up=particles";
    await using opened = await playground.open(
      `#compare?${new URLSearchParams({ max_tokens: "40", compare }).toString()}`,
    );
    const { page } = opened;
    expect(await page.locator(".card .settings").last().innerText()).toContain("block, tokens 40");
    await runThrough(page);
    const costs = await page.locator(".card .cost dd").allInnerTexts();
    const tokens = await page.locator(".card .tokens dd").allInnerTexts();
    const settings = compare.split(";").map((text) => {
      const [sampler, ...fields] = text.split(",");
      return { sampler, ...Object.fromEntries(fields.map((field) => field.split("="))) } as object;
    });
    for (const [index, own] of settings.entries()) {
      const body = { prompt: "9*4+3-4-2=", seed: 42, max_tokens: 40, isolated: true, ...own };
      const particles = "particles" in body ? { particles: Number(body.particles) } : {};
      const reply = await playground.server.post("/v1/completions", { ...body, ...particles });
      const { choices } = (await reply.json()) as CompletionResponse;
      const { drawn_tokens, evaluated_tokens, remembered_tokens } = findReport(choices[0]!)!.body;
      expect(costs[index]!.replaceAll(",", "")).toBe(`${evaluated_tokens} runs of the model`);
      const told = tokens[index]!.replaceAll(",", "");
      expect(told).toMatch(new RegExp(`^${drawn_tokens} tokens drawn`));
      expect(told).toContain(`: ${evaluated_tokens} evaluated ${remembered_tokens} remembered`);
    }
  });

  it("draws several answers and takes the likeliest, at the cost of all of them, and holds that in its link", async () => {
    await using opened = await playground.open("#guide");
    const { page, complaints } = opened;
    // Where its tab is opened, it runs by itself.
    await isIdle(page);
    await page.click("#tab-compare");
    await expect.poll(() => page.locator(".card .cost").count()).toBe(4);
    await isIdle(page);
    await page.click("#add-best");
    await runThrough(page);
    const body = { prompt: "9*4+3-4-2=", seed: 42, sampler: "standard", best_of: 4 };
    const reply = await playground.server.post("/v1/completions", body);
    const { choices, selected } = (await reply.json()) as {
      choices: [{ text: string }];
      selected: [{ evaluated_tokens: number }];
    };
    const card = page.locator(".card").last();
    expect(await card.locator("h2").innerText()).toBe("Best of 4: standard");
    expect(await card.locator(".answer").innerText()).toContain(choices[0].text);
    const tokens = choices[0].text.length + 1;
    expect(await card.locator(".cost dd").innerText()).toBe(
      `${selected[0].evaluated_tokens} runs of the model`,
    );
    expect(await card.locator(".tokens").count()).toBe(0);
    expect(await card.locator(".per-token dd").innerText()).toBe(
      (selected[0].evaluated_tokens / tokens).toFixed(1),
    );
    await expect.poll(() => decodeURIComponent(page.url())).toContain("standard,best_of=4");
    await using elsewhere = await playground.open(new URL(page.url()).hash);
    expect(await elsewhere.page.locator(".card h2").last().innerText()).toBe("Best of 4: standard");
    expect(complaints).toEqual([]);
  });

  it("holds what is compared in its link, and opens elsewhere by it", async () => {
    await using opened = await playground.open("#compare");
    const { page } = opened;
    await expect.poll(() => new URL(page.url()).hash).toBe("#compare");
    await page.click('[aria-label^="Remove Low temperature"]');
    await page.selectOption("#kernel", "multiple_try");
    await page.fill("#proposal_temperature", "0.5");
    await page.click("#add");
    const cards = await page.locator(".card header").allInnerTexts();
    expect(cards).toHaveLength(4);
    await expect.poll(() => page.url()).toContain("compare=");

    await using elsewhere = await playground.open(new URL(page.url()).hash);
    expect(await elsewhere.page.locator(".card header").allInnerTexts()).toEqual(cards);
    await runThrough(elsewhere.page);
    expect(await elsewhere.page.locator(".card .cost").count()).toBe(4);
    // None at all is something else than the usual ones.
    for (let left = 4; left > 0; left--) await elsewhere.page.click(".card .quiet");
    await expect.poll(() => elsewhere.page.url()).toMatch(/compare=$/);
    await elsewhere.page.reload();
    await isReady(elsewhere.page);
    expect(await elsewhere.page.locator(".card").count()).toBe(0);
  });

  it.each([
    {
      what: "what is no sampler's",
      text: "no,alpha=2;__proto__;power,alpha=NaN,kernel=no,tries,=,x=1;",
      cards: 1,
    },
    { what: "more than anybody looks at", text: "greedy;".repeat(5000), cards: 24 },
  ])("leaves out of a link $what", async ({ text, cards }) => {
    const query = new URLSearchParams({
      alpha: "x",
      kernel: "y",
      seed: "z",
      max_tokens: "1e999",
      compare: text,
    });
    await using opened = await playground.open(`#compare?${query.toString()}`);
    const { page, complaints } = opened;
    expect(await page.locator(".card").count()).toBe(cards);
    expect(await page.inputValue("#seed")).toBe("42");
    await page.locator("#run").click();
    await page.locator(".card .cost").first().waitFor();
    await isIdle(page);
    expect(await page.locator("#problem").count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  itFits(playground, "#compare", async (page, check) => {
    await runThrough(page);
    await check();
  });
});

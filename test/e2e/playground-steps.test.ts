import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import type { CompletionResponse } from "../../src/server/schemas/completions.ts";
import { hasBrowser } from "../support/browser.ts";
import { answerIn, isIdle, itFits, runThrough, usePlayground } from "../support/playground.ts";

const playground = usePlayground();
const prompt = "7-2*3+4=";
/** A chain that changes often enough to be seen changing. */
const lively = "#steps?prompt=7-2*3%2B4%3D&proposal_temperature=1&seed=3";

async function choiceOf(body: object): Promise<CompletionResponse["choices"][number]> {
  const reply = await playground.server.post("/v1/completions", { prompt, ...body });
  return ((await reply.json()) as CompletionResponse).choices[0]!;
}

const text = (page: Page, id: string): Promise<string> => page.locator(`#${id}`).innerText();

describe.skipIf(!hasBrowser)("the playground, step by step", () => {
  it("shows an answer being rewritten, and ends with the one that POST gives", async () => {
    await using opened = await playground.open(lively);
    const { page, complaints } = opened;
    expect(await page.inputValue("#prompt")).toBe(prompt);
    await page.selectOption("#pace", "16");
    await page.click("#run");
    const seen = new Set<string>();
    while (seen.size < 4) {
      seen.add(await answerIn(page));
      await page.waitForTimeout(50);
    }
    await page.selectOption("#pace", "0");
    await isIdle(page);
    const choice = await choiceOf({ sampler: "power", proposal_temperature: 1, seed: 3, isolated: true });
    const power = choice.power!;
    expect(await page.locator("#answer .token").allInnerTexts()).toHaveLength(choice.text.length + 1);
    expect(await answerIn(page)).toBe(choice.text);
    expect(await text(page, "figure-steps")).toBe(String(power.steps));
    const { moved, unchanged, rejected, rejected_early, evaluated_tokens: evaluated } = power;
    expect(await text(page, "figure-outcomes")).toBe(
      `${moved} moved, ${unchanged} unchanged, ${rejected + rejected_early} rejected`,
    );
    // What is shown adds up: drawn + discarded = evaluated + remembered.
    const cost = await text(page, "figure-cost");
    const countOf = (what: string): number =>
      Number((new RegExp(`([\\d,]+) ${what}`).exec(cost)?.[1] ?? "0").replaceAll(",", ""));
    expect(countOf("tokens drawn")).toBe(power.drawn_tokens);
    expect(countOf("tokens drawn") + countOf("begun")).toBe(evaluated + countOf("remembered"));
    expect(await page.locator("#chart-logprob").getAttribute("aria-label")).toContain("after 160 steps");
    expect(complaints).toEqual([]);
  });

  it("pauses, steps, scrubs back, and tells each step in words", async () => {
    await using opened = await playground.open(lively);
    const { page, complaints } = opened;
    await page.selectOption("#pace", "0");
    await runThrough(page);
    const last = await answerIn(page);
    const frames = Number(await page.getAttribute("#scrub", "max"));
    expect(await page.inputValue("#scrub")).toBe(String(frames));
    expect(await page.isDisabled("#next-step")).toBe(true);

    // Every moment, by what the server says of it.
    const told = new Map<string, string>();
    for (let at = 0; at < 40; at++) {
      await page.locator("#scrub").fill(String(at));
      told.set(
        await page.locator("#step .verdict").innerText(),
        await page.locator("#step .told").innerText(),
      );
    }
    expect([...told.keys()].map((word) => word.toLowerCase())).toEqual(
      expect.arrayContaining(["drafted", "moved", "unchanged", "rejected", "rejected early"]),
    );
    const tellings = [...told.values()].join("\n");
    expect(tellings).toMatch(/log r = −?\d/);
    expect(tellings).toMatch(/coin/);
    expect(tellings).toMatch(/Weighed by how likely each is as a whole \(p\^α\)/);
    expect(tellings).not.toMatch(/\b1 times\b/);
    expect(tellings).toMatch(/The same came out again/);

    // A step that moved: what was proposed stands behind the cut, and then in the answer.
    await page.locator("#scrub").fill("0");
    expect(await answerIn(page)).toBe("#22");
    do await page.click("#next-step");
    while ((await page.locator("#step.moved").count()) === 0);
    const [kept, written] = await Promise.all([
      page.locator(".aligned > div:last-child .kept").innerText(),
      page.locator(".aligned mark.new").innerText(),
    ]);
    expect((kept + written).replace("∎", "")).toBe(await answerIn(page));
    expect(await page.locator(".aligned mark.old").innerText()).toBe("#22");
    await page.click("#previous-step");
    expect(await answerIn(page)).toBe("#22");
    await page.focus("#scrub");
    await page.keyboard.press("End");
    expect(await answerIn(page)).toBe(last);

    // Replayed from the beginning, and held where it stands.
    await page.selectOption("#pace", "4");
    await page.click("#play");
    await expect.poll(async () => Number(await page.inputValue("#scrub"))).toBeGreaterThanOrEqual(3);
    await page.click("#play");
    const here = await page.inputValue("#scrub");
    expect(Number(here)).toBeLessThan(frames);
    expect(await page.locator("#play").innerText()).toBe("Play");
    expect(complaints).toEqual([]);
  });

  it("tells a token's numbers and alternatives under the pointer and to arrow keys, and entropy along the answer", async () => {
    await using opened = await playground.open("#steps?prompt=7-2*3%2B4%3D");
    const { page } = opened;
    await page.selectOption("#pace", "0");
    await page.keyboard.press("Control+Enter");
    await page.waitForSelector("#answer .token.end");
    await isIdle(page);
    await page.hover("#answer .token:nth-child(2)");
    expect(await text(page, "tooltip")).toMatch(/entropy\s+\d\.\d{3} nats/);
    const { logprobs } = await choiceOf({ sampler: "power", seed: 42, logprobs: 5 });
    const expected = Object.entries(logprobs!.top_logprobs[1]!)
      .sort((a, b) => b[1] - a[1])
      .map(([token]) => JSON.stringify(token));
    expect(await page.locator("#tooltip .word").allInnerTexts()).toEqual(expected);
    await page.mouse.move(0, 0);
    await page.locator("#tooltip").waitFor({ state: "hidden" });
    await page.focus("#answer");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    expect(await page.locator("#answer .active").innerText()).toBe((await answerIn(page))[1]);
    expect(await page.locator(".entropy rect").count()).toBe(logprobs!.tokens.length);
    await page.locator(".entropy rect").first().hover();
    expect(await page.locator("#answer .active").innerText()).toBe((await answerIn(page))[0]);

    // Of a moment before, too: the draft's first token had the same beside it.
    const first = await page.locator("#tooltip .word").allInnerTexts();
    await page.locator("#scrub").fill("0");
    await page.hover("#answer .token:first-child");
    expect(await page.locator("#tooltip .word").allInnerTexts()).toEqual(
      expect.arrayContaining(first.slice(0, 3)),
    );
  });

  it("keeps a long answer in view, and where it was just revised in sight", async () => {
    const held = encodeURIComponent("[0-9]{240}");
    await using opened = await playground.open(
      `#steps?sampler=standard&max_tokens=244&structured_outputs.regex=${held}`,
    );
    const { page } = opened;
    await page.selectOption("#pace", "0");
    await runThrough(page);
    expect(await page.locator("#answer .token").count()).toBeGreaterThanOrEqual(240);
    await page.setViewportSize({ width: 320, height: 480 });
    const [height, whole] = await page.evaluate<[number, number]>(
      "[answer.clientHeight, answer.scrollHeight]",
    );
    expect(height).toBeLessThan(400);
    expect(whole).toBeGreaterThan(height);
    await page.focus("#answer");
    await page.keyboard.press("ArrowLeft");
    await expect.poll(() => page.evaluate<number>("answer.scrollTop")).toBeGreaterThan(0);
  });

  it("shows an exact draw by its tries, and the chain that answers in its place by its steps", async () => {
    await using opened = await playground.open("#steps?prompt=7-2*3%2B4%3D&sampler=exact&seed=3");
    const { page, complaints } = opened;
    await page.selectOption("#pace", "0");
    await runThrough(page);
    const body = { sampler: "exact", seed: 3 };
    const { text: answer, exact } = await choiceOf(body);
    expect(await answerIn(page)).toBe(answer);
    expect(await text(page, "figure-tries")).toBe(String(exact!.tries));
    expect(await page.locator(".timeline .legend").innerText()).toContain("taken");
    expect(await page.locator(".timeline .legend").innerText()).not.toContain("unchanged");
    const minus = (value: number): string => value.toFixed(2).replace("-", "−");
    expect(await text(page, "figure-evidence")).toBe(
      `about ${minus(exact!.log_evidence!)}, at most ${minus(exact!.log_evidence_bound)}`,
    );
    for (const id of ["figure-steps", "chart-logprob", "remarks"])
      expect(await page.locator(`#${id}`).count()).toBe(0);

    await page.fill("#max_tries", "1");
    await page.click("#run");
    await page.locator("#problem").waitFor({ state: "visible" });
    expect(await text(page, "problem")).toMatch(/No exact draw in 1 try: /);
    expect(await text(page, "figure-tries")).toBe("1");
    expect(await text(page, "figure-logprob")).toBe("–");

    await page.selectOption("#fallback", "power");
    await page.click("#run");
    await page.locator("#remarks", { hasText: "No exact draw in 1 try: a chain answered" }).waitFor();
    await isIdle(page);
    const { fallback, log_evidence_bound: bound } = (
      await choiceOf({ ...body, max_tries: 1, fallback: "power" })
    ).exact!;
    expect(await text(page, "figure-steps")).toBe(String(fallback!.steps));
    expect(await text(page, "figure-evidence")).toBe(`at most ${minus(bound)}`);
    expect(await page.locator("#chart-logprob").getAttribute("aria-label")).toContain(
      `after ${fallback!.steps} steps`,
    );
    expect(complaints).toEqual([]);
  });

  it("runs by itself where its tab is opened, passes over what changes nothing, and is held by Escape", async () => {
    await using opened = await playground.open("#distributions?prompt=7-2*3%2B4%3D");
    const { page } = opened;
    await page.click("#tab-steps");
    await page.waitForSelector("#answer .token");
    await isIdle(page);
    await page.keyboard.press("Escape");
    expect(await page.locator("#play").innerText()).toBe("Play");

    await page.locator("#scrub").fill("0");
    await page.evaluate(
      "shown = []; new MutationObserver(() => shown.push(document.querySelector('#step .verdict').textContent)).observe(document.getElementById('steps'), { subtree: true, childList: true, characterData: true })",
    );
    await page.selectOption("#pace", "64");
    await page.click("#play");
    await page.locator("#play", { hasText: "Replay" }).waitFor();
    const last = await page.locator("#step .verdict").innerText();
    const shown = new Set(await page.evaluate<string[]>("shown"));
    expect(shown).toContain("drafted");
    expect(shown.has("unchanged")).toBe(last.toLowerCase() === "unchanged");
    const unchanged = Number(/(\d+) unchanged/.exec(await text(page, "figure-outcomes"))![1]);
    expect(unchanged).toBeGreaterThan(100);

    // What another prompt than the form's has answered says so.
    expect(await page.locator("#stale").count()).toBe(0);
    await page.fill("#prompt", "1+1=");
    expect(await page.locator("#stale code").innerText()).toBe("7-2*3+4=");

    // What it shows already stays where the tab is opened again.
    await page.click("#tab-compare");
    await page.click("#tab-steps");
    expect(await page.locator("#play").innerText()).toBe("Replay");
  });

  it("cancels, and the chain on the server stops", async () => {
    await using opened = await playground.open(`${lively}&mcmc_steps=10000`);
    const { page } = opened;
    await page.click("#run");
    await page.waitForSelector("#answer .token");
    await page.keyboard.press("Escape");
    await isIdle(page);
    expect(await page.isDisabled("#cancel")).toBe(true);
    const running = async (): Promise<string | undefined> =>
      /num_requests_running (\d+)/.exec(await (await fetch(`${playground.server.url}/metrics`)).text())?.[1];
    await expect.poll(running).toBe("0");
  });

  itFits(playground, lively, async (page, check) => {
    await page.selectOption("#pace", "0");
    await runThrough(page);
    await check();
    await page.click("#previous-change");
    await page.focus("#answer");
    await page.keyboard.press("ArrowRight");
    await check();
  });
});

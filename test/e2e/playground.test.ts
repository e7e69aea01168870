import { readFile, readdir } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import axe from "axe-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CompletionResponse } from "../../src/server/schemas/completions.ts";
import { hasBrowser, launchBrowser } from "../support/browser.ts";
import { PrefixProxy } from "../support/prefix-proxy.ts";
import { ServerProcess } from "../support/server-process.ts";

let server: ServerProcess;
let browser: Browser;
beforeAll(async () => {
  if (!hasBrowser) return;
  server = await ServerProcess.start();
  browser = await launchBrowser();
});
afterAll(async () => {
  if (!hasBrowser) return;
  await browser.close();
  await server[Symbol.asyncDispose]();
});

/** A page of its own whose console must stay silent, and that may ask no other host than the server. */
async function open(url = server.url, options: BrowserContextOptions = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", ({ message }) => complaints.push(message));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) complaints.push(`asked ${request.url()}`);
  });
  await page.goto(`${url}/`);
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}

const isReady = (page: Page) => page.waitForSelector('#status[data-state="ready"]');
const isIdle = (page: Page) => page.waitForSelector('body[aria-busy="false"]');
const answer = (page: Page): Promise<string> => page.locator("#answer").innerText();

/** A chain that changes often enough to be seen changing. */
async function runSlowChain(page: Page): Promise<void> {
  await page.fill("#proposal_temperature", "1");
  await page.fill("#seed", "3");
  await page.selectOption("#pace", "16");
  await page.click("#run");
}

/** What axe finds against the page as it is shown. */
async function violationsOn(page: Page): Promise<unknown> {
  await page.evaluate(axe.source);
  return page.evaluate(
    "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`))",
  );
}

/** Chooses what answers are held to, and writes it. */
async function holdTo(page: Page, label: string, text: string): Promise<void> {
  await page.selectOption("#structured_outputs", { label });
  await page.locator("#constraint textarea:visible").fill(text);
}

describe.skipIf(!hasBrowser)("the playground", () => {
  it("shows an answer being rewritten, and ends with the one that POST gives", async () => {
    await using opened = await open();
    const { page, complaints } = opened;
    await isReady(page);
    expect(await page.inputValue("#prompt")).toBe("7-2*3+4=");
    await runSlowChain(page);
    const seen = new Set<string>();
    while ((await page.evaluate("document.body.ariaBusy")) === "true" && seen.size < 4) {
      seen.add(await answer(page));
      await page.waitForTimeout(50);
    }
    expect(seen.size).toBeGreaterThanOrEqual(4);
    await page.selectOption("#pace", "0");
    await isIdle(page);
    const reply = await server.post("/v1/completions", {
      prompt: "7-2*3+4=",
      sampler: "power",
      proposal_temperature: 1,
      seed: 3,
    });
    const { choices } = (await reply.json()) as {
      choices: [{ text: string; power: Record<string, number> }];
    };
    expect(await page.locator("#answer .token").allInnerTexts()).toHaveLength(choices[0].text.length + 1);
    expect((await answer(page)).replace("∎", "")).toBe(choices[0].text);
    expect(await page.locator("#figure-steps").innerText()).toBe(String(choices[0].power.steps));
    const { moved, unchanged, rejected, rejected_early, drawn_tokens } = choices[0].power;
    expect(await page.locator("#figure-outcomes").innerText()).toBe(
      `${moved} moved, ${unchanged} unchanged, ${rejected! + rejected_early!} rejected`,
    );
    expect(await page.locator("#figure-cost").innerText()).toMatch(
      new RegExp(`^${drawn_tokens} drawn: \\d+ evaluated.*, \\d+ remembered$`),
    );
    expect(await page.locator("#chart-logprob").getAttribute("aria-label")).toContain("after 160 steps");
    expect(complaints).toEqual([]);
  });

  it("tells a token's numbers under the pointer and to arrow keys", async () => {
    await using opened = await open();
    const { page } = opened;
    await isReady(page);
    await page.selectOption("#pace", "0");
    await page.keyboard.press("Control+Enter");
    await page.waitForSelector("#answer .token.end");
    await page.hover("#answer .token:nth-child(2)");
    expect(await page.locator("#tooltip").innerText()).toMatch(/entropy\s+\d\.\d{3} nats/);
    await page.mouse.move(0, 0);
    await page.locator("#tooltip").waitFor({ state: "hidden" });
    await page.focus("#answer");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    expect(await page.locator("#answer .active").innerText()).toBe((await answer(page))[1]);
  });

  it("shows an exact draw by its tries, and the chain that answers in its place by its steps", async () => {
    await using opened = await open();
    const { page, complaints } = opened;
    await isReady(page);
    await page.check('input[name="sampler"][value="exact"]', { force: true });
    await page.selectOption("#pace", "0");
    await page.fill("#seed", "3");
    await page.click("#run");
    await page.waitForSelector("#answer .token.end");
    await isIdle(page);
    const body = { prompt: "7-2*3+4=", sampler: "exact", seed: 3 };
    const choiceOf = async (more: object) => {
      const reply = await server.post("/v1/completions", { ...body, ...more });
      const { text, exact } = ((await reply.json()) as CompletionResponse).choices[0]!;
      return { text, exact: exact! };
    };
    const { text, exact } = await choiceOf({});
    expect((await answer(page)).replace("∎", "")).toBe(text);
    expect(await page.locator("#figure-tries").innerText()).toBe(String(exact.tries));
    expect(await page.locator("#figure-evidence").innerText()).toBe(
      `about ${exact.log_evidence!.toFixed(2)}, at most ${exact.log_evidence_bound.toFixed(2)}`.replaceAll(
        "-",
        "−",
      ),
    );
    for (const id of ["figure-steps", "figure-acceptance", "chart-logprob"])
      expect(await page.locator(`#${id}`).isVisible()).toBe(false);
    expect(await page.locator("#proposal").innerText()).toBe("");

    await page.fill("#max_tries", "1");
    await page.click("#run");
    await page.locator("#problem").waitFor({ state: "visible" });
    expect(await page.locator("#problem").innerText()).toMatch(/No exact draw in 1 try: /);
    expect(await page.locator("#figure-tries").innerText()).toBe("1");
    expect(await page.locator("#figure-logprob").innerText()).toBe("–");

    await page.selectOption("#fallback", "power");
    await page.click("#run");
    await page.locator("#proposal", { hasText: "No exact draw in 1 try: a chain answered" }).waitFor();
    await isIdle(page);
    const { fallback, log_evidence_bound: bound } = (await choiceOf({ max_tries: 1, fallback: "power" }))
      .exact;
    expect(await page.locator("#figure-steps").innerText()).toBe(String(fallback!.steps));
    expect(await page.locator("#figure-evidence").innerText()).toBe(`at most −${(-bound).toFixed(2)}`);
    expect(await page.locator("#chart-logprob").getAttribute("aria-label")).toContain(
      `after ${fallback!.steps} steps`,
    );
    expect(await page.locator("#chart-logprob canvas").isVisible()).toBe(true);

    await page.click("#tab-histogram");
    await page.fill("#max_tries", "2");
    await page.fill("#chains", "16");
    await page.click("#run");
    await isIdle(page);
    expect(await page.locator("#histogram-summary").innerText()).toMatch(
      / \d+ are exact draws; chains answered in place of the others\.$/,
    );
    expect(complaints).toEqual([]);
  });

  it("compares the four samplers, and counts the answers of n chains", async () => {
    await using opened = await open();
    const { page, complaints } = opened;
    await isReady(page);
    await page.focus("#tab-watch");
    await page.keyboard.press("ArrowRight");
    await page.click("#run");
    await isIdle(page);
    expect(await page.locator(".card h2").allInnerTexts()).toEqual([
      "Greedy",
      "Low temperature",
      "Standard",
      "Power",
    ]);
    const logprobs = await page.locator(".card dd:first-of-type").allInnerTexts();
    expect(logprobs.filter((text) => /^−?\d/.test(text)).length).toBeGreaterThanOrEqual(4);
    await page.click("#tab-histogram");
    await page.fill("#chains", "12");
    await page.click("#run");
    await isIdle(page);
    const counts = await page.locator("#bars .count").allInnerTexts();
    expect(counts.reduce((sum, count) => sum + Number(count), 0)).toBe(12);
    expect(complaints).toEqual([]);
  });

  it("cancels, and the chain on the server stops", async () => {
    await using opened = await open();
    const { page } = opened;
    await isReady(page);
    await page.fill("#mcmc_steps", "10000");
    await runSlowChain(page);
    await page.waitForSelector("#answer .token");
    await page.keyboard.press("Escape");
    await isIdle(page);
    expect(await page.isDisabled("#cancel")).toBe(true);
    const running = async (): Promise<string | undefined> =>
      /num_requests_running (\d+)/.exec(await (await fetch(`${server.url}/metrics`)).text())?.[1];
    await expect.poll(running).toBe("0");
  });

  it("says what is wrong with a field", async () => {
    await using opened = await open();
    const { page } = opened;
    await isReady(page);
    await page.fill("#max_tokens", "100000");
    await page.click("#run");
    await page.locator("#problem").waitFor();
    expect(await page.locator("#problem").innerText()).toContain("context length is 256 tokens");
    expect(await page.evaluate("document.activeElement.id")).toBe("max_tokens");
  });

  it("says it in the field at fault, and at the form's end where that is not shown", async () => {
    await using opened = await open();
    const { page } = opened;
    await isReady(page);
    const fails = async (): Promise<unknown[]> => {
      await page.click("#run");
      await page.locator("#problem").waitFor();
      await isIdle(page);
      return page.evaluate(
        "[problem.closest('.field')?.querySelector('label').textContent, document.activeElement.ariaInvalid]",
      );
    };
    await page.fill("#prompt", "7 apples=");
    expect(await fails()).toEqual(["Prompt", "true"]);
    expect(await page.getAttribute("#prompt", "aria-describedby")).toBe("problem");
    await page.fill("#prompt", "1+1=");
    await page.fill("#max_tokens", "100000");
    expect(await fails()).toEqual(["Max tokens", "true"]);
    expect(await page.getAttribute("#prompt", "aria-invalid")).toBeNull();
    // A field of power's, which is compared beside greedy, whose form has none.
    await page.fill("#max_tokens", "");
    await page.fill("#mcmc_steps", "100000");
    await page.check('input[name="sampler"][value="greedy"]', { force: true });
    await page.click("#tab-compare");
    expect(await fails()).toEqual([undefined, null]);
  });

  it("holds answers to a pattern or a schema, and keeps the last answer where one is refused", async () => {
    await using opened = await open();
    const { page, complaints } = opened;
    await isReady(page);
    await page.selectOption("#pace", "0");
    expect(await page.locator("#constraint textarea:visible").count()).toBe(0);
    await holdTo(page, "Regular expression", "#[0-9]{1,2}");
    await page.keyboard.press("Control+Enter");
    await page.waitForSelector("#answer .token.end");
    await isIdle(page);
    const held = await answer(page);
    expect(held).toMatch(/^#\d{1,2}∎?$/);
    const figures = await page.locator("#watch .figures").innerText();

    for (const [label, text, message] of [
      ["Regular expression", "#([0-9]", /^structured_outputs\.regex has a pattern that is no regular/],
      [
        "JSON schema",
        '{"type": "integer", "minimum": }',
        /^structured_outputs\.json is a text that is no JSON/,
      ],
      ["JSON schema", '{"type": "array", "uniqueItems": true}', /uniqueItems/],
      ["Grammar", 'line ::= "5"', /no rule named 'root'/],
    ] as const) {
      await holdTo(page, label, text);
      await page.click("#run");
      await page.locator("#problem", { hasText: message }).waitFor();
      await isIdle(page);
      expect(await page.evaluate("problem.parentElement.contains(document.activeElement)")).toBe(true);
      expect(await page.evaluate("document.activeElement.tagName")).toBe("TEXTAREA");
      expect(await answer(page)).toBe(held);
      expect(await page.locator("#watch .figures").innerText()).toBe(figures);
    }

    await page.selectOption("#structured_outputs", { label: "Any JSON object" });
    expect(await page.locator("#problem").isVisible()).toBe(false);
    await page.click("#run");
    await page.locator("#problem", { hasText: "allows no text at all" }).waitFor();
    expect(await page.evaluate("document.activeElement.id")).toBe("structured_outputs");

    await holdTo(page, "JSON schema", '{"type": "integer", "minimum": 10, "maximum": 29}');
    await page.click("#tab-compare");
    await page.click("#run");
    await isIdle(page);
    const answers = page.locator(".card .answer");
    const compared = (await answers.allInnerTexts()).map((text) => text.replace("∎", ""));
    expect(compared).toHaveLength(4);
    for (const text of compared) expect(text).toMatch(/^[12]\d$/);
    await holdTo(page, "Texts, one a line", "nothing, it has no such letters");
    await page.click("#run");
    await page.locator("#problem", { hasText: "allows no text" }).waitFor();
    await isIdle(page);
    expect((await answers.allInnerTexts()).map((text) => text.replace("∎", ""))).toEqual(compared);

    await page.click("#tab-histogram");
    const summary = await page.locator("#histogram-summary").innerText();
    await page.click("#run");
    await page.locator("#problem", { hasText: "allows no text" }).waitFor();
    await isIdle(page);
    expect(await page.locator("#histogram-summary").innerText()).toBe(summary);
    await holdTo(page, "Texts, one a line", "#5\n#7\n");
    await page.fill("#chains", "12");
    await page.selectOption("#grouping", "text");
    await page.click("#run");
    await page.locator("#bars .group").first().waitFor();
    await isIdle(page);
    for (const group of await page.locator("#bars .group").allInnerTexts()) expect(group).toMatch(/^#[57]$/);
    await page.selectOption("#structured_outputs", { label: "Regular expression" });
    expect(await page.locator("#constraint textarea:visible").inputValue()).toBe("#([0-9]");
    expect(complaints).toEqual([]);
  });

  it("finds the server again after it was restarted", async () => {
    const first = await ServerProcess.start();
    const { port } = new URL(first.url);
    await using opened = await open(first.url);
    const { page } = opened;
    await isReady(page);
    await page.fill("#mcmc_steps", "10000");
    await runSlowChain(page);
    await page.waitForSelector("#answer .token");
    first.signal("SIGKILL");
    await first.exit();
    await page.locator("#problem").waitFor();
    expect(await page.locator("#problem").innerText()).toMatch(/Run again once it is back/);
    await page.waitForSelector('#status[data-state="unreachable"]');
    await using second = await ServerProcess.start(["--port", port]);
    expect(second.url).toBe(first.url);
    await isReady(page);
    await page.fill("#mcmc_steps", "2");
    await page.selectOption("#pace", "0");
    await page.click("#run");
    await page.waitForSelector("#answer .token.end");
    expect(await page.locator("#problem").isHidden()).toBe(true);
  });

  it("asks for a key where the server wants one", async () => {
    await using locked = await ServerProcess.start(["--api-key", "secret-ü"]);
    await using opened = await open(locked.url);
    const { page } = opened;
    await page.locator("#api-key").waitFor();
    await page.fill("#api-key", "secret-ü");
    await page.keyboard.press("Tab");
    await isReady(page);
    await page.selectOption("#pace", "0");
    await page.click("#run");
    await page.waitForSelector("#answer .token.end");
  });

  it("works under a proxy's prefix, with the key, the WebSocket and the API's page", async () => {
    await using behind = await ServerProcess.start(["--trust-proxy", "loopback", "--api-key", "secret"]);
    await using proxy = await PrefixProxy.start({ target: behind.url, prefix: "/met", forwardsHost: true });
    await using opened = await open(proxy.url);
    const { page, complaints } = opened;
    const failures: string[] = [];
    page.on("response", (reply) => {
      if (reply.status() === 404) failures.push(reply.url());
    });
    await page.locator("#api-key").waitFor();
    await page.fill("#api-key", "secret");
    await page.keyboard.press("Tab");
    await isReady(page);
    const health = page.waitForResponse(`${proxy.url}/health`);
    await page.selectOption("#pace", "0");
    await page.click("#run");
    await page.waitForSelector("#answer .token.end");
    expect((await health).status()).toBe(200);
    await page.click("text=API");
    await page.locator(".opblock-summary-path", { hasText: /^\/health$/ }).click();
    await page.click(".try-out__btn");
    await page.click(".execute");
    expect(await page.locator(".request-url pre").innerText()).toBe(`${proxy.url}/health`);
    await page.locator(".live-responses-table .response-col_status", { hasText: "200" }).waitFor();
    expect({ complaints, failures, strays: proxy.strays }).toEqual({
      complaints: [],
      failures: [],
      strays: [],
    });
  });

  it.each([
    { name: "light", options: { colorScheme: "light" } },
    { name: "dark", options: { colorScheme: "dark" } },
    { name: "a phone", options: { colorScheme: "light", viewport: { width: 390, height: 844 } } },
  ] as const)("is accessible and fits: $name", async ({ options }) => {
    await using opened = await open(server.url, { ...options, reducedMotion: "reduce" });
    const { page } = opened;
    await isReady(page);
    await page.selectOption("#pace", "0");
    const expectFit = async (what: string): Promise<void> => {
      expect(await violationsOn(page), what).toEqual([]);
      expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
    };
    for (const view of ["watch", "compare", "histogram"]) {
      await page.click(`#tab-${view}`);
      await page.click("#run");
      await isIdle(page);
      await expectFit(view);
    }
    await holdTo(page, "Regular expression", `(${"#[0-9]{1,2}|".repeat(9)}`);
    await page.click("#run");
    await page.locator("#problem").waitFor();
    await isIdle(page);
    await expectFit("a problem");
  });

  it("weighs at most 150 kB compressed", async () => {
    const folder = new URL("../../dist/web/", import.meta.url);
    let bytes = 0;
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) bytes += gzipSync(await readFile(`${entry.parentPath}/${entry.name}`)).length;
    }
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThan(150_000);
  });
});

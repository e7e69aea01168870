import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { hasBrowser } from "../support/browser.ts";
import { flawsOf, isIdle, isReady, itFits, usePlayground } from "../support/playground.ts";
import { PrefixProxy } from "../support/prefix-proxy.ts";
import { ServerProcess } from "../support/server-process.ts";

const playground = usePlayground();

const open = (options: Parameters<typeof playground.open>[1] = {}) => playground.open("#chat", options);

/** The embedded model without its chat template. */
async function writeModelWithoutTemplate(folder: string): Promise<void> {
  await cp(new URL("../../models/abacus", import.meta.url), folder, { recursive: true });
  const file = join(folder, "tokenizer_config.json");
  const config = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
  delete config.chat_template;
  await writeFile(file, JSON.stringify(config));
}

interface Asked {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly sampler: string;
  readonly seed: number;
}

/** Sends a message. @returns the request that it became */
async function send(page: Page, message: string): Promise<Asked> {
  const request = page.waitForRequest("**/v1/chat/completions");
  await page.fill("#message", message);
  await page.press("#message", "Enter");
  return (await request).postDataJSON() as Asked;
}

/** Sends a message, and waits for what becomes of it. */
async function say(page: Page, message: string): Promise<Asked> {
  const asked = await send(page, message);
  await isIdle(page);
  return asked;
}

async function set(
  page: Page,
  fields: Readonly<Record<string, string>>,
  by: "power" | "standard" = "power",
): Promise<void> {
  await page.click(`#by-${by}`);
  const summary = page.locator(".composer summary");
  await summary.click();
  for (const [name, value] of Object.entries(fields)) await page.fill(`#${name}`, value);
  await summary.click();
}

const lastReply = (page: Page) => page.locator(".exchange").last().locator(".reply");
const textOf = (page: Page) => lastReply(page).locator(".markdown").innerText();

/** Answers the next chat with a text in a stream of one part, in the model's place. */
async function answerWith(page: Page, content: string): Promise<void> {
  const chunk = (delta: object, finish_reason: string | null) =>
    `data: ${JSON.stringify({
      id: "chatcmpl-1",
      object: "chat.completion.chunk",
      created: 0,
      model: "abacus",
      choices: [{ index: 0, delta, logprobs: null, finish_reason, stop_reason: null }],
    })}\n\n`;
  await page.route("**/v1/chat/completions", (route) =>
    route.fulfill({
      contentType: "text/event-stream",
      body: `${chunk({ role: "assistant", content }, null)}${chunk({}, "stop")}data: [DONE]\n\n`,
    }),
  );
}

describe.skipIf(!hasBrowser)("the playground's chat", () => {
  it("says why there is none where the model has no chat template", async () => {
    const folder = await mkdtemp(join(tmpdir(), "metropolis-chat-"));
    await writeModelWithoutTemplate(folder);
    await using bare = await ServerProcess.start(["--model", folder]);
    await using opened = await open({ url: bare.url });
    const { page, complaints } = opened;
    const told = await page.locator("#no-chats").innerText();
    expect(told).toContain("has no chat template");
    expect(told).toContain("--chat-template");
    expect(await page.locator("#message").count()).toBe(0);
    expect(await flawsOf(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await rm(folder, { recursive: true });
  });

  it("answers each turn by power or standard, with the conversation before it, and tells how sure it was", async () => {
    await using opened = await open();
    const { page, complaints } = opened;
    const first = await say(page, "7-2*3+4=");
    expect(first).toMatchObject({ sampler: "power", messages: [{ role: "user", content: "7-2*3+4=" }] });
    const answer = await textOf(page);
    expect(answer).toMatch(/#\d+$/);
    expect(await page.getByRole("status").filter({ hasText: "Answer:" }).innerText()).toContain(answer);

    await page.click("#by-standard");
    const second = await say(page, "1+1=");
    expect(second.sampler).toBe("standard");
    expect(second.messages.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
    expect(second.messages[1]!.content.replaceAll("*", "")).toBe(answer.replaceAll("*", ""));
    expect(await page.locator(".reply .by").allInnerTexts()).toEqual([
      expect.stringContaining("Power"),
      expect.stringContaining("Standard"),
    ]);

    const sure = lastReply(page).locator(".how-sure");
    expect(await sure.locator("summary").innerText()).toMatch(
      /^How sure: (1 in )?[\d.,]+( %)? as a whole, [\d.]+ % a token \(log p −?[\d.]+\)$/,
    );
    await sure.locator("summary").click();
    await sure.locator(".token").nth(1).waitFor();
    expect(await sure.locator(".note").innerText()).toMatch(/The least likely one is ".*": /);
    await sure.locator(".token").first().hover();
    expect(await page.locator("#tooltip").innerText()).toContain("likeliest here");
    expect(complaints).toEqual([]);
  });

  it("breaks lines by Shift+Enter, and sends nothing empty", async () => {
    await using opened = await open();
    const { page } = opened;
    await page.press("#message", "Enter");
    expect(await page.locator(".exchange").count()).toBe(0);
    await page.fill("#message", "1+1=");
    await page.press("#message", "Shift+Enter");
    expect(await page.inputValue("#message")).toBe("1+1=\n");
    expect(await page.locator(".exchange").count()).toBe(0);
    await page.press("#message", "Control+Enter");
    await isIdle(page);
    expect(await page.locator(".question").innerText()).toBe("1+1=");
    expect(await page.inputValue("#message")).toBe("");
  });

  it("sends nothing while a setting is beyond what the API takes", async () => {
    await using opened = await open();
    const { page } = opened;
    await set(page, { n: "1000000000" });
    await page.fill("#message", "1+1=");
    await page.press("#message", "Enter");
    await page.waitForSelector("#n:focus:invalid");
    expect(await page.locator(".exchange").count()).toBe(0);
    expect(await page.inputValue("#message")).toBe("1+1=");
  });

  it("shows how far the chain is, and stops it at the server; what was said before stays", async () => {
    await using opened = await open();
    const { page } = opened;
    await say(page, "1+1=");
    const before = await textOf(page);
    await set(page, { mcmc_steps: "10000" });
    await send(page, "7-2*3+4=");
    await page
      .locator(".chain", { hasText: /block \d+ of at most \d+, step \d+ of 10000; \d+ of \d+ proposals/ })
      .waitFor();
    expect(await page.getByRole("progressbar").getAttribute("value")).toMatch(/^[\d.e-]+$/);
    expect(await playground.server.running()).toBe(1);
    await page.press("#message", "Escape");
    await isIdle(page);
    await expect.poll(() => playground.server.running()).toBe(0);
    expect(await page.locator(".problem").innerText()).toContain("Stopped before the chain was through");
    expect(await page.locator(".reply .markdown").innerText()).toBe(before);

    // Its question is there still, to be asked again.
    await set(page, { mcmc_steps: "2" });
    await page.click("#again");
    await isIdle(page);
    expect(await textOf(page)).toMatch(/#\d+$/);
    expect(await page.locator(".problem").count()).toBe(0);
  });

  it("asks again with another seed, and goes on from the answer that is shown", async () => {
    await using opened = await open();
    const { page } = opened;
    await page.click("#by-standard");
    const { seed } = await say(page, "7-2*3+4=");
    const first = await textOf(page);
    const again = page.waitForRequest("**/v1/chat/completions");
    await page.click("#again");
    const second = (await again).postDataJSON() as Asked;
    await isIdle(page);
    expect(second.seed).not.toBe(seed);
    expect(second.messages).toEqual([{ role: "user", content: "7-2*3+4=" }]);
    expect(await page.locator("#which").innerText()).toBe("2 of 2");
    await page.click('[aria-label="Previous answer"]');
    expect(await textOf(page)).toBe(first);
    expect(await lastReply(page).locator(".by").innerText()).toContain(String(seed));
    const { messages } = await say(page, "1+1=");
    expect(messages[1]!.content.replaceAll("*", "")).toBe(first.replaceAll("*", ""));
  });

  it("tells the model what stands before the conversation, and gives the request of an answer as a program", async () => {
    await using opened = await open();
    const { page } = opened;
    await set(page, { system: "1+1=", n: "2", max_tokens: "20", temperature: "0.7" }, "standard");
    const asked = await say(page, "7-2*3+4=");
    expect(asked.messages).toEqual([
      { role: "system", content: "1+1=" },
      { role: "user", content: "7-2*3+4=" },
    ]);
    await page.click("#share summary");
    const curl = await page.locator("#shared").innerText();
    const { stdout } = await promisify(execFile)("bash", ["-c", `${curl} -s`]);
    const { choices } = JSON.parse(stdout) as { choices: { message: { content: string } }[] };
    const said = choices.map(({ message }) => message.content.replaceAll("*", ""));
    expect(said[0]).toBe((await textOf(page)).replaceAll("*", ""));
    await page.click('[aria-label="Next answer"]');
    expect(said[1]).toBe((await textOf(page)).replaceAll("*", ""));
    await page.click('#share button:text-is("Python")');
    expect(await page.locator("#shared").innerText()).toContain("client.chat.completions.create(");
  });

  it("tells whether answers that were drawn side by side agree", async () => {
    await using opened = await open();
    const { page } = opened;
    await set(page, { n: "3" });
    await say(page, "7-2*3+4=");
    expect(await page.locator("#which").innerText()).toBe("1 of 3");
    const texts: string[] = [];
    for (let at = 0; at < 3; at++) {
      texts.push(await textOf(page));
      if (at < 2) await page.click('[aria-label="Next answer"]');
    }
    const agreeing = texts.filter((text) => text === texts[2]).length;
    expect(await page.locator(".agreement").innerText()).toContain(
      agreeing === 1 ? "No other answer says the same" : `${agreeing} of 3 answers say the same`,
    );
  });

  it("says in plain words that a chain may not have settled", async () => {
    await using opened = await open();
    const { page } = opened;
    await set(page, { mcmc_steps: "0" });
    await say(page, "7-2*3+4=");
    expect(await page.locator(".warning").innerText()).toMatch(
      /^May not have settled: .* no step was taken .*\.$/,
    );
    // What to do about it is there to be set.
    await page.click(".composer summary");
    for (const field of ["proposal_temperature", "cut", "kernel"])
      expect(await page.locator(`.composer #${field}`).isVisible(), field).toBe(true);
  });

  it("renders Markdown, and nothing of it as markup: no element, no picture, no script", async () => {
    await using opened = await open();
    const { page, complaints } = opened;
    await answerWith(
      page,
      [
        "# Title",
        "Some **bold**, *soft* and `code <b>`, a [link](https://example.org/a?b) and [another](javascript:alert(1)).",
        "",
        "- one\n- two",
        "",
        "```js\nconst a = '<i>';\n```",
        "",
        "| a | b |\n|---|---|\n| 1 | **2** |",
        "",
        "<img src=x onerror=alert(1)><script>alert(1)</script> and ![pic](https://elsewhere.example/p.png)",
        "",
        '<div onclick="alert(1)">block</div>',
      ].join("\n"),
    );
    await say(page, "1+1=");
    const markdown = page.locator(".markdown");
    expect(await markdown.locator("h3").innerText()).toBe("Title");
    expect(await markdown.locator("p strong").first().innerText()).toBe("bold");
    expect(await markdown.locator("em").innerText()).toBe("soft");
    expect(await markdown.locator("p code").innerText()).toBe("code <b>");
    expect(await markdown.locator("pre").innerText()).toBe("const a = '<i>';");
    expect(await markdown.locator("li").allInnerTexts()).toEqual(["one", "two"]);
    expect(await markdown.locator("td strong").innerText()).toBe("2");
    expect(
      await page.evaluate("[...document.querySelectorAll('.markdown a')].map(({ href }) => href)"),
    ).toEqual(["https://example.org/a?b", "https://elsewhere.example/p.png"]);
    expect(await markdown.locator("a").first().getAttribute("rel")).toContain("noopener");
    expect(await markdown.locator("img, script, i, b, div[onclick]").count()).toBe(0);
    const text = await markdown.innerText();
    for (const shown of [
      "<img src=x onerror=alert(1)>",
      "<script>alert(1)</script>",
      '<div onclick="alert(1)">',
    ])
      expect(text).toContain(shown);
    expect(complaints).toEqual([]);
    expect(await flawsOf(page)).toEqual([]);
  });

  it.each([
    { what: "quotes that its parser gives up on", text: `${">".repeat(3000)} x` },
    { what: "quotes", text: `${">".repeat(200)} x` },
    { what: "lists", text: Array.from({ length: 60 }, (_, level) => `${"  ".repeat(level)}- x`).join("\n") },
  ])("shows $what within each other, however deep", async ({ text }) => {
    await using opened = await open();
    const { page, complaints } = opened;
    await answerWith(page, text);
    await say(page, "1+1=");
    expect(await textOf(page)).toContain("x");
    expect(complaints).toEqual([]);
  });

  it("says what went wrong where it did, and the conversation stays", async () => {
    await using opened = await open();
    const { page } = opened;
    await say(page, "1+1=");
    await say(page, "7 apples=");
    expect(await page.locator(".exchange .problem").innerText()).toContain("vocabulary has no ' '");
    expect(await page.locator(".question").allInnerTexts()).toEqual(["1+1=", "7 apples="]);
    // The same again would be refused again.
    expect(await page.locator("#again").count()).toBe(0);
    await page.click("#take-back");
    expect(await page.inputValue("#message")).toBe("7 apples=");
    expect(await page.locator(".question").allInnerTexts()).toEqual(["1+1="]);

    const validates = (does: boolean) =>
      page.locator(".composer").evaluate((form, does) => {
        (form as unknown as { noValidate: boolean }).noValidate = !does;
      }, does);
    await validates(false);
    await set(page, { n: "1000" });
    await say(page, "2+2=");
    await page.locator(".composer .problem").waitFor({ state: "visible" });
    expect(await page.locator(".composer .problem").innerText()).toMatch(/^n: /);
    expect(await page.evaluate("document.activeElement.id")).toBe("n");
    await page.fill("#n", "");
    await validates(true);

    // What the browser itself refuses is unfolded, and not sent.
    await page.fill("#alpha", "-1");
    await page.click(".composer summary");
    await page.fill("#message", "4+4=");
    await page.press("#message", "Enter");
    await page.waitForSelector("#alpha:focus:invalid");
    expect(await page.locator(".question").count()).toBe(2);
    await page.fill("#alpha", "2");

    // An unanswered question is left out of what follows.
    const { messages } = await say(page, "3+3=");
    expect(messages.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
    expect(await page.locator(".reply").count()).toBe(2);
  });

  it("keeps what is being written while an earlier question is written anew", async () => {
    await using opened = await open();
    const { page } = opened;
    await page.click("#by-standard");
    await say(page, "1+1=");
    await say(page, "2+2=");
    await page.fill("#message", "3+3=");
    await page.click("#take-back");
    expect(await page.inputValue("#message")).toBe("2+2=");
    expect(await page.locator("#waiting-draft").innerText()).toContain("comes back");
    await page.click("#take-back");
    expect(await page.inputValue("#message")).toBe("1+1=");
    for (const [sent, next] of [
      ["4+1=", "2+2="],
      ["4+2=", "3+3="],
      ["4+3=", ""],
    ] as const) {
      await say(page, sent);
      expect(await page.inputValue("#message")).toBe(next);
    }
    expect(await page.locator(".question").allInnerTexts()).toEqual(["4+1=", "4+2=", "4+3="]);
    expect(await page.locator("#waiting-draft").count()).toBe(0);
  });

  it("holds how it is set in its link, and opens elsewhere by it", async () => {
    await using opened = await open();
    const { page } = opened;
    await expect.poll(() => new URL(page.url()).hash).toBe("#chat");
    await set(page, { system: "1+1=", max_tokens: "20", n: "2", temperature: "0.7" }, "standard");
    const asked = await say(page, "2+2=");
    await expect.poll(() => page.url()).toContain("system=");
    await expect.poll(() => page.url()).toContain("temperature=0.7");

    await using elsewhere = await playground.open(new URL(page.url()).hash);
    expect(await elsewhere.page.locator(".exchange").count()).toBe(0);
    const { seed, ...same } = await say(elsewhere.page, "2+2=");
    expect({ ...same, seed: asked.seed }).toEqual(asked);
    expect(seed).not.toBe(asked.seed);
    // The form beside the other views is another one.
    await elsewhere.page.click("#tab-compare");
    await isIdle(elsewhere.page);
    expect(await elsewhere.page.inputValue("#max_tokens")).toBe("");
    expect(elsewhere.page.url()).not.toContain("system=");
  });

  it("leaves out of a link what its chat cannot be set to", async () => {
    await using opened = await playground.open(
      "#chat?chat.sampler=greedy&chat.n=x&chat.kernel=y&chat.prompt=1%2B1%3D",
    );
    const { page } = opened;
    expect(await page.getAttribute("#by-power", "aria-pressed")).toBe("true");
    await expect.poll(() => new URL(page.url()).hash).toBe("#chat");
    expect(await say(page, "1+1=")).toMatchObject({ sampler: "power", n: 1 });
  });

  it("outlives the server's end", async () => {
    const first = await ServerProcess.start();
    await using opened = await open({ url: first.url });
    const { page } = opened;
    await say(page, "1+1=");
    await set(page, { mcmc_steps: "10000" });
    await send(page, "7-2*3+4=");
    await page.locator(".chain").waitFor();
    first.signal("SIGKILL");
    await first.exit();
    await page.locator(".problem").waitFor();
    await isIdle(page);
    expect(await page.locator(".reply").count()).toBe(1);
    expect(await page.locator("#again").innerText()).toBe("Try again");
    await using second = await ServerProcess.start(["--port", new URL(first.url).port]);
    expect(second.url).toBe(first.url);
    await set(page, { mcmc_steps: "2" });
    await page.click("#again");
    await isIdle(page);
    expect(await page.locator(".reply").count()).toBe(2);
  });

  it("keeps the end of a long conversation in sight, and the page within the window", async () => {
    await using opened = await open();
    const { page } = opened;
    await page.click("#by-standard");
    for (let turn = 1; turn <= 6; turn++) await say(page, `${turn}+1=`);
    expect(await page.evaluate("document.documentElement.scrollHeight <= innerHeight")).toBe(true);
    const box = (selector: string) => page.locator(selector).last().boundingBox();
    const [conversation, actions] = [(await box(".conversation"))!, (await box("#again"))!];
    expect(actions.y + actions.height).toBeLessThanOrEqual(conversation.y + conversation.height + 1);
    // Who reads an earlier part is not taken away from it.
    await page.evaluate("document.querySelector('.conversation').scrollTop = 0");
    await page.click("#by-power");
    await page.waitForFunction("document.querySelector('.conversation').scrollTop === 0");
    expect(await page.locator(".question").first().isVisible()).toBe(true);
  });

  it("works under a proxy's prefix, with a key", async () => {
    await using behind = await ServerProcess.start(["--trust-proxy", "loopback", "--api-key", "secret"]);
    await using proxy = await PrefixProxy.start({ target: behind.url, prefix: "/met", forwardsHost: true });
    await using opened = await open({ url: proxy.url });
    const { page } = opened;
    await page.locator("#api-key").waitFor();
    await page.fill("#api-key", "secret");
    await page.keyboard.press("Tab");
    await isReady(page);
    await say(page, "1+1=");
    expect(await textOf(page)).toMatch(/#\d+$/);
    expect(proxy.strays).toEqual([]);
  });

  itFits(playground, "#chat", async (page, check) => {
    await page.locator("#message").waitFor();
    await check();
    await set(page, { n: "2" });
    await say(page, "7-2*3+4=");
    await lastReply(page).locator(".how-sure summary").click();
    await page.click(".composer summary");
    await check();
    await page.click(".composer summary");
    await set(page, { mcmc_steps: "10000" });
    await send(page, "7-2*3+4=");
    await page.locator(".chain progress").first().waitFor();
    await check();
    await page.click("#stop");
    await isIdle(page);
    await check();
  });
});

import { execFile } from "node:child_process";
import { readFile, readdir } from "node:fs/promises";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { hasBrowser } from "../support/browser.ts";
import {
  answerIn,
  holdTo,
  isIdle,
  isReady,
  itFits,
  openLink,
  runThrough,
  usePlayground,
} from "../support/playground.ts";
import { PrefixProxy } from "../support/prefix-proxy.ts";
import { ServerProcess } from "../support/server-process.ts";

const playground = usePlayground();

describe.skipIf(!hasBrowser)("the playground", () => {
  it("shows defaults as the values that they come to, and settings that belong to another's value beside it", async () => {
    await using opened = await playground.open("#steps");
    const { page } = opened;
    const shown = (id: string) => page.getAttribute(`#${id}`, "placeholder");
    expect(await Promise.all(["alpha", "mcmc_steps", "block_size", "max_tokens"].map(shown))).toEqual([
      "4",
      "10",
      "3",
      "48",
    ]);
    expect(await shown("proposal_temperature")).toBe("0.25");
    await page.fill("#alpha", "2");
    expect(await shown("proposal_temperature")).toBe("0.5");
    expect(await page.locator("#tries, #replicas").count()).toBe(0);
    // A default that is chosen is the default.
    await openLink(page, "#steps?alpha=2&warm_up=blocks");
    expect(await page.locator("#warm_up option:checked").innerText()).toBe("blocks");
    await page.selectOption("#kernel", "tempering");
    expect([await shown("replicas"), await shown("proposal_temperature")]).toEqual(["3", "1"]);
    await page.selectOption("#kernel", "multiple_try");
    expect([await shown("tries"), await page.locator("#replicas").count()]).toEqual(["4", 0]);
    await page.selectOption("#cut", "entropy");
    await page.selectOption("#pace", "0");
    const asked = page.waitForEvent("websocket").then((socket) => socket.waitForEvent("framesent"));
    await page.click("#run");
    expect(JSON.parse(String((await asked).payload))).toMatchObject({
      sampler: "power",
      alpha: 2,
      kernel: "multiple_try",
      cut: "entropy",
      seed: 42,
    });
    await isIdle(page);
    expect(await page.locator("#problem").count()).toBe(0);
  });

  it("keeps prompt, view and settings in its address, and opens elsewhere by it as it was", async () => {
    await using opened = await playground.open();
    const { page } = opened;
    expect(new URL(page.url()).hash).toBe("");
    await page.click("#tab-compare");
    await page.click("#share summary");
    // A link holds the prompt, though it be the model's example; the address need not.
    expect(new URL(await page.locator("#shared").innerText()).hash).toBe("#compare?prompt=9*4%2B3-4-2%3D");
    await expect.poll(() => new URL(page.url()).hash).toBe("#compare");
    await page.click("#tab-steps");
    await page.fill("#prompt", "1+1=");
    await page.selectOption("#kernel", "multiple_try");
    await page.fill("#tries", "2");
    await page.fill("#seed", "7");
    await holdTo(page, "Regular expression", "#[0-9]&x=1|.*");
    const link = await page.locator("#shared").innerText();
    await expect.poll(() => page.url()).toBe(link);
    await page.click("#copy");

    await using elsewhere = await playground.open(new URL(link).hash);
    const values = await Promise.all(
      ["prompt", "kernel", "tries", "seed", "structured_outputs"].map((id) =>
        elsewhere.page.inputValue(`#${id}`),
      ),
    );
    expect(values).toEqual(["1+1=", "multiple_try", "2", "7", "structured_outputs.regex"]);
    expect(await elsewhere.page.locator("#constraint textarea").inputValue()).toBe("#[0-9]&x=1|.*");
    await elsewhere.page.selectOption("#pace", "0");
    await runThrough(elsewhere.page);
    expect(await elsewhere.page.locator("#answer .token").count()).toBeGreaterThan(0);
  });

  it("opens another link in the same tab as it opens elsewhere, and leaves what ran for it", async () => {
    await using opened = await playground.open(
      "#steps?prompt=1%2B1%3D&sampler=power&kernel=multiple_try&alpha=2&mcmc_steps=10000&seed=7&structured_outputs.regex=.*",
    );
    const { page } = opened;
    await page.click("#run");
    await page.waitForSelector('body[aria-busy="true"]');
    await openLink(page, "#compare?prompt=2%2B2%3D");
    await isIdle(page);
    await expect.poll(() => playground.server.running()).toBe(0);
    const ids = ["prompt", "alpha", "mcmc_steps", "seed", "structured_outputs"];
    expect(await Promise.all(ids.map((id) => page.inputValue(`#${id}`)))).toEqual(["2+2=", "", "", "42", ""]);
    expect(await page.locator("#tries").count()).toBe(0);
  });

  it("writes what is set over no link that is opened while it waits to", async () => {
    await using opened = await playground.open("#compare?prompt=1%2B1%3D");
    const { page } = opened;
    // A page too busy for both: the link comes first, the writing is due before the browser tells of it.
    await page.evaluate(`{
      const field = document.querySelector("#prompt");
      field.value = "1+1+1=";
      field.dispatchEvent(new Event("input", { bubbles: true }));
      setTimeout(() => (location.hash = "#compare?prompt=2%2B2%3D"), 20);
      const due = performance.now() + 400;
      while (performance.now() < due);
    }`);
    await expect.poll(() => page.inputValue("#prompt")).toBe("2+2=");
    expect(new URL(page.url()).hash).toBe("#compare?prompt=2%2B2%3D");
  });

  it("writes the request as a program: curl's is what the page asks", async () => {
    await using opened = await playground.open("#steps?prompt=1%2B1%3D&alpha=2&max_tokens=12");
    const { page } = opened;
    await page.click("#share summary");
    const shared = async (form: string): Promise<string> => {
      await page.click(`#share button:text-is("${form}")`);
      return page.locator("#shared").innerText();
    };
    const curl = await shared("curl");
    const { stdout } = await promisify(execFile)("bash", ["-c", `${curl} -s`]);
    const { choices } = JSON.parse(stdout) as { choices: [{ text: string; power: { alpha: number } }] };
    expect(choices[0].power.alpha).toBe(2);
    await page.selectOption("#pace", "0");
    await runThrough(page);
    expect(await answerIn(page)).toBe(choices[0].text);
    const python = await shared("Python");
    expect(python).toContain('prompt="1+1="');
    expect(python).toContain('extra_body={"sampler": "power", "alpha": 2}');
    const typeScript = await shared("TypeScript");
    expect(typeScript).toContain("new MetropolisClient({ baseUrl:");
    expect(typeScript).toContain('"alpha": 2');
  });

  it("runs nothing by a form at fault, whatever asks it to", async () => {
    await using opened = await playground.open("#distributions");
    const { page } = opened;
    const asked: string[] = [];
    page.on("request", (request) => {
      if (request.method() === "POST") asked.push(request.url());
    });
    await page.fill("#samples", "1000000000");
    await page.click('.examples button:text-is("9-2-3=")');
    await page.waitForSelector("#samples:focus:invalid");
    // A view that has no such control is not held up by it.
    await page.click("#tab-compare");
    await page.waitForSelector(".card .token");
    await isIdle(page);
    await page.fill("#seed", "");
    asked.length = 0;
    await page.click('.examples button:text-is("4+3*5+2+8=")');
    await page.waitForSelector("#seed:focus:invalid");
    await page.click("#tab-steps");
    await page.click("#run");
    await isIdle(page);
    expect(asked).toEqual([]);
    expect(await page.inputValue("#prompt")).toBe("4+3*5+2+8=");
  });

  it("moves from view to view by keys", async () => {
    await using opened = await playground.open("#steps");
    const { page } = opened;
    await page.focus("#tab-steps");
    for (const [key, view] of [
      ["End", "chat"],
      ["ArrowRight", "guide"],
      ["ArrowLeft", "chat"],
      ["Home", "guide"],
      ["ArrowRight", "steps"],
    ] as const) {
      await page.keyboard.press(key);
      await page.waitForSelector(`#tab-${view}:focus[aria-selected="true"]`);
    }
  });

  it("says what is wrong with a field", async () => {
    await using opened = await playground.open("#steps");
    const { page } = opened;
    await page.fill("#max_tokens", "100000");
    await page.click("#run");
    await page.locator("#problem").waitFor();
    expect(await page.locator("#problem").innerText()).toContain("context length is 256 tokens");
    expect(await page.evaluate("document.activeElement.id")).toBe("max_tokens");
  });

  it("says it in the field at fault, and at the form's end where that is not shown", async () => {
    await using opened = await playground.open("#steps");
    const { page } = opened;
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
  });

  it("holds answers to a pattern or a schema, and keeps the last answer where one is refused", async () => {
    await using opened = await playground.open("#steps");
    const { page, complaints } = opened;
    await page.selectOption("#pace", "0");
    expect(await page.locator("#constraint textarea:visible").count()).toBe(0);
    await holdTo(page, "Regular expression", "#[0-9]{1,2}");
    await page.keyboard.press("Control+Enter");
    await page.waitForSelector("#answer .token.end");
    await isIdle(page);
    const held = await answerIn(page);
    expect(held).toMatch(/^#\d{1,2}$/);
    const figures = await page.locator("#steps .figures").innerText();

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
      expect(await answerIn(page)).toBe(held);
      expect(await page.locator("#steps .figures").innerText()).toBe(figures);
    }

    await page.selectOption("#structured_outputs", { label: "Any JSON object" });
    expect(await page.locator("#problem").isVisible()).toBe(false);
    await page.click("#run");
    await page.locator("#problem", { hasText: "allows no text at all" }).waitFor();
    await expect.poll(() => page.evaluate("document.activeElement.id")).toBe("structured_outputs");

    await page.selectOption("#structured_outputs", { label: "Regular expression" });
    expect(await page.locator("#constraint textarea:visible").inputValue()).toBe("#([0-9]");
    expect(complaints).toEqual([]);
  });

  it("finds the server again after it was restarted", async () => {
    const first = await ServerProcess.start();
    const { port } = new URL(first.url);
    await using opened = await playground.open("#steps?proposal_temperature=1&seed=3", { url: first.url });
    const { page } = opened;
    await page.fill("#mcmc_steps", "10000");
    await page.click("#run");
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
    await runThrough(page);
    expect(await page.locator("#problem").count()).toBe(0);
    expect(await page.locator("#figure-steps").innerText()).toBe("32");
  });

  it("notices a server of another model that was started between two looks at it", async () => {
    const first = await ServerProcess.start();
    const { port } = new URL(first.url);
    await using opened = await playground.open("#steps", { url: first.url });
    const { page } = opened;
    await isReady(page);
    expect(await page.locator("#model").innerText()).toBe("abacus");
    // While neither is there the page hears what was said last, as if it had not looked.
    const health = await (await fetch(`${first.url}/health`)).text();
    await page.route("**/health", async (route) => {
      const reply = await route.fetch().catch(() => undefined);
      await route.fulfill(reply === undefined ? { body: health } : { response: reply });
    });
    first.signal("SIGKILL");
    await first.exit();
    await using second = await ServerProcess.start(["--port", port, "--model", "models/pivot"]);
    expect(second.url).toBe(first.url);
    await expect.poll(() => page.locator("#model").innerText()).toBe("pivot");
    await isReady(page);
  });

  it("asks for a key where the server wants one", async () => {
    await using locked = await ServerProcess.start(["--api-key", "secret-ü"]);
    await using opened = await playground.open("#steps", { url: locked.url });
    const { page } = opened;
    await page.locator("#api-key").waitFor();
    const note = page.locator("#api-key ~ #problem", { hasText: "its own API keys alone" });
    for (const wrong of ["wrong", "not a header’s"]) {
      await page.fill("#api-key", wrong);
      await page.keyboard.press("Tab");
      await note.waitFor();
      await page.waitForSelector('#api-key:focus[aria-invalid="true"]');
    }
    await page.fill("#api-key", "secret-ü");
    await page.keyboard.press("Tab");
    await isReady(page);
    expect(await note.count()).toBe(0);
    await page.selectOption("#pace", "0");
    await page.click("#run");
    await page.waitForSelector("#answer .token.end");
  });

  it("hears of a key that is wanted only now by the run that is refused for it", async () => {
    await using opened = await playground.open("#compare");
    const { page } = opened;
    const error = { message: "Send a key.", type: "invalid_request_error", code: "invalid_api_key" };
    await page.route("**/v1/**", (route) => route.fulfill({ status: 401, json: { error } }));
    await page.click("#run");
    await page.waitForSelector('#api-key:focus[aria-invalid="true"] ~ #problem');
    expect(await page.getAttribute("#status", "data-state")).toBe("key needed");
  });

  it("says so of a server that takes requests and answers none", async () => {
    await using opened = await playground.open("#steps");
    const { page } = opened;
    await page.route("**/health", () => undefined);
    await page.route("**/v1/models", () => undefined);
    await page.waitForSelector('#status[data-state="unreachable"]');
    await page.unrouteAll();
    await isReady(page);
  });

  it("works under a proxy's prefix, with the key, the WebSocket and the API's page", async () => {
    await using behind = await ServerProcess.start(["--trust-proxy", "loopback", "--api-key", "secret"]);
    await using proxy = await PrefixProxy.start({ target: behind.url, prefix: "/met", forwardsHost: true });
    await using opened = await playground.open("#steps", { url: proxy.url });
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
    expect(await page.getAttribute(".info__extdocs", "href")).toBe(`${proxy.url}/`);
    expect({ complaints, failures, strays: proxy.strays }).toEqual({
      complaints: [],
      failures: [],
      strays: [],
    });
  });

  describe("where something is wrong", () => {
    itFits(playground, "#steps", async (page, check) => {
      const settings = page.locator("details.whole > summary");
      if (await settings.isVisible()) await settings.click();
      await holdTo(page, "Regular expression", `(${"#[0-9]{1,2}|".repeat(9)}`);
      await page.click("#run");
      await page.locator("#problem").waitFor();
      await isIdle(page);
      await page.click("#share summary");
      await page.click(".meanings summary");
      await check();
    });
  });

  it("opens the settings of a phone where the one at fault is among them", async () => {
    await using opened = await playground.open("#steps?max_tokens=100000", {
      viewport: { width: 390, height: 844 },
    });
    const { page } = opened;
    expect(await page.locator("#max_tokens").isVisible()).toBe(false);
    await page.click("#run");
    await page.locator("#problem").waitFor({ state: "visible" });
    expect(await page.evaluate("document.activeElement.id")).toBe("max_tokens");
  });

  it("weighs at most 250 kB compressed", async () => {
    const folder = new URL("../../dist/web/", import.meta.url);
    let bytes = 0;
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) bytes += gzipSync(await readFile(`${entry.parentPath}/${entry.name}`)).length;
    }
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThan(250_000);
  });
});

import type { Page, Request } from "playwright-core";
import { describe, expect, it } from "vitest";
import type { CompleteRequest, Model } from "../../src/client/client.ts";
import { hasBrowser } from "../support/browser.ts";
import { isIdle, isReady, openLink, runThrough, usePlayground } from "../support/playground.ts";
import { ServerProcess } from "../support/server-process.ts";

const playground = usePlayground();

const isShown = (page: Page, view: string) => page.waitForSelector(`#tab-${view}[aria-selected="true"]`);

interface Held {
  /** What was asked so far, the first of which waits. */
  readonly asked: readonly CompleteRequest[];
  /** Lets it go on. */
  readonly release: () => void;
}

/** Keeps completions waiting until they are released. */
async function holdCompletions(page: Page): Promise<Held> {
  const asked: CompleteRequest[] = [];
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route("**/v1/completions", async (route) => {
    asked.push(route.request().postDataJSON() as CompleteRequest);
    await released;
    await route.continue();
  });
  return { asked, release };
}

/** What the page has meanwhile gone on from is asked, said and shown as it was. */
describe.skipIf(!hasBrowser)("the playground, where something comes late,", () => {
  it("goes back and forward to what an address says, the empty one too", async () => {
    await using opened = await playground.open();
    const { page } = opened;
    await openLink(page, "#compare?prompt=1%2B1%3D");
    await page.goBack();
    await isShown(page, "guide");
    expect(await page.inputValue("#prompt")).toBe("9*4+3-4-2=");
    await page.goForward();
    await isShown(page, "compare");
    expect(await page.inputValue("#prompt")).toBe("1+1=");
  });

  it("says nothing of a link's settings that were at fault once another is opened", async () => {
    await using opened = await playground.open("#steps?max_tokens=100000");
    const { page } = opened;
    await page.click("#run");
    await page.locator("#problem").waitFor();
    await openLink(page, "#steps?prompt=1%2B1%3D");
    expect(await page.inputValue("#prompt")).toBe("1+1=");
    expect(await page.locator("#problem, [aria-invalid]").count()).toBe(0);
  });

  it("draws all of its distributions by what was set when it was asked to", async () => {
    await using opened = await playground.open("#distributions?prompt=1%2B1%3D&alpha=2");
    const { page } = opened;
    await page.fill("#samples", "8");
    await page.fill("#chains", "4");
    const { asked, release } = await holdCompletions(page);
    await page.click("#run");
    await expect.poll(() => asked.length).toBe(1);
    await page.fill("#prompt", "2+2=");
    await page.fill("#alpha", "3");
    await page.fill("#chains", "5");
    release();
    await isIdle(page);
    expect(asked).toMatchObject([
      { prompt: "1+1=", sampler: "standard", n: 8 },
      { prompt: "1+1=", sampler: "power", alpha: 2, n: 4 },
    ]);
    expect(await page.locator("#stale code").innerText()).toBe("1+1=");
    expect(await page.locator("th.drawn").innerText()).toMatch(/at α\u00a0=\u00a02\s+run again for α = 3/);
  });

  it("tells the guide's story of the prompt that was asked", async () => {
    await using opened = await playground.open("#compare?prompt=1%2B1%3D");
    const { page } = opened;
    const { asked, release } = await holdCompletions(page);
    await page.click("#tab-guide");
    await expect.poll(() => asked.length).toBe(1);
    await page.fill("#prompt", "2+2=");
    release();
    await page.locator("#next-steps").waitFor();
    await isIdle(page);
    expect([...new Set(asked.map(({ prompt }) => prompt))]).toEqual(["1+1="]);
    expect(await page.locator("#story .prompt").innerText()).toBe("1+1=");
    expect(await page.locator("#stale code").innerText()).toBe("1+1=");
  });

  it("says that the guide asks nothing where it was stopped, and runs it where its tab is opened again", async () => {
    await using opened = await playground.open("#compare?prompt=1%2B1%3D");
    const { page } = opened;
    const { asked } = await holdCompletions(page);
    await page.click("#tab-guide");
    await page.locator("#story .hint", { hasText: "Asking the model …" }).waitFor();
    await expect.poll(() => asked.length).toBe(1);
    await page.keyboard.press("Escape");
    await isIdle(page);
    expect(await page.locator("#story .hint").first().innerText()).toBe("Run to ask the model.");
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await page.click("#tab-chat");
    await page.click("#tab-guide");
    await page.locator("#next-steps").waitFor();
  });

  it("says of answers which model gave them once another is served", async () => {
    await using opened = await playground.open("#compare?prompt=1%2B1%3D&compare=greedy");
    const { page } = opened;
    await runThrough(page);
    await page.click("#tab-guide");
    await page.locator("#next-steps").waitFor();
    await isIdle(page);
    expect(await page.locator("#stale").count()).toBe(0);
    const started = 1_000_000_000;
    await page.route("**/health", (route) => route.fulfill({ json: { started_at: started } }));
    await page.route("**/v1/models", async (route) => {
      const { data } = (await (await route.fetch()).json()) as { data: Model[] };
      await route.fulfill({
        json: { object: "list", data: [{ ...data[0]!, root: "another", created: started }] },
      });
    });
    await page.locator("#model", { hasText: "another" }).waitFor();
    expect(await page.locator("#stale").innerText()).toContain("1+1= by abacus");
    expect(await page.locator("#story").innerText()).toContain("abacus says this");
    await openLink(page, "#compare?prompt=1%2B1%3D&compare=greedy");
    await runThrough(page);
    expect(await page.locator("#stale").count()).toBe(0);
  });

  it("takes no answer to an earlier key for one to the key that was given since", async () => {
    await using locked = await ServerProcess.start(["--api-key", "right"]);
    await using opened = await playground.open("#compare?prompt=1%2B1%3D", { url: locked.url });
    const { page } = opened;
    await page.locator("#api-key").waitFor();
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const isWrong = (request: Request): boolean => request.headers().authorization === "Bearer wrong";
    await page.route("**/v1/**", async (route) => {
      if (isWrong(route.request())) await released;
      // The page may have given it up.
      await route.continue().catch(() => undefined);
    });
    const looked = page.waitForRequest((request) => request.url().endsWith("/models") && isWrong(request));
    await page.fill("#api-key", "wrong");
    await page.keyboard.press("Tab");
    await looked;
    const ran = page.waitForRequest((request) => request.url().endsWith("/completions") && isWrong(request));
    await page.click("#run");
    await ran;
    await page.fill("#api-key", "right");
    await page.keyboard.press("Tab");
    await isReady(page);
    await isIdle(page);
    await page.evaluate(
      "states = []; new MutationObserver(() => states.push(document.getElementById('status').dataset.state)).observe(document.getElementById('status'), { attributes: true })",
    );
    release();
    // The next looks come after what was late.
    for (let look = 0; look < 2; look++) await page.waitForResponse("**/health");
    expect(await page.evaluate("states")).toEqual([]);
    expect(await page.locator("#problem").count()).toBe(0);
  });

  it("sends nothing in a chat that is still being answered, wherever Ctrl+Enter is pressed", async () => {
    await using opened = await playground.open("#chat?chat.mcmc_steps=10000");
    const { page } = opened;
    await page.fill("#message", "7-2*3+4=");
    await page.focus("#by-power");
    const sent = page.waitForRequest("**/v1/chat/completions");
    await page.keyboard.press("Control+Enter");
    await sent;
    await page.locator(".chain").waitFor();
    for (const draft of ["", "2+2="]) {
      await page.fill("#message", draft);
      await page.focus("#by-power");
      await page.keyboard.press("Control+Enter");
      expect(await page.inputValue("#message")).toBe(draft);
    }
    expect(await page.locator(".question").allInnerTexts()).toEqual(["7-2*3+4="]);
    expect(await page.getAttribute("body", "aria-busy")).toBe("true");
    expect(await page.locator(".chain").count()).toBe(1);
    await page.keyboard.press("Escape");
    await isIdle(page);
  });

  it("copies nothing where the browser refuses to once another view is shown", async () => {
    await using opened = await playground.open("#steps");
    const { page, complaints } = opened;
    await page.evaluate(
      "navigator.clipboard.writeText = () => new Promise((_, reject) => { refuse = reject; })",
    );
    await page.click("#share summary");
    await page.click("#copy");
    await page.click("#tab-chat");
    await page.locator("#shared").waitFor({ state: "detached" });
    await page.evaluate("refuse(new Error('refused'))");
    await page.evaluate("new Promise((resolve) => setTimeout(resolve))");
    expect(complaints).toEqual([]);
  });
});

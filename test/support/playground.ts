import axe from "axe-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { hasBrowser, launchBrowser, openPage } from "./browser.ts";
import { ServerProcess } from "./server-process.ts";

/** A server with the playground, and a browser to open it, for the tests of one file. */
export interface Playground {
  readonly server: ServerProcess;
  /** Opens the page, and waits until it knows how its server is. @param at the view and its settings, as the page's address has them; the guide, which runs by itself, when empty */
  open(at?: string, options?: BrowserContextOptions & { readonly url?: string }): Promise<OpenPage>;
}

/** A page of its own whose console must stay silent, and that may ask no other host than the server. */
export interface OpenPage extends AsyncDisposable {
  readonly page: Page;
  /** What the page said on its console, and what else it asked. */
  readonly complaints: readonly string[];
}

export function usePlayground(): Playground {
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
  return {
    get server() {
      return server;
    },
    async open(at = "", { url = server.url, ...options } = {}) {
      const page = await openPage(browser, { viewport: { width: 1280, height: 900 }, ...options });
      const complaints: string[] = [];
      page.on("pageerror", ({ message }) => complaints.push(message));
      page.on("console", (message) => {
        // The browser notes what a server refuses; whether the page says so too is for tests to look at.
        const isRefusal = message.text().startsWith("Failed to load resource");
        if (message.type() === "error" && !isRefusal) complaints.push(message.text());
      });
      page.on("request", (request) => {
        if (new URL(request.url()).origin !== new URL(url).origin) complaints.push(`asked ${request.url()}`);
      });
      await page.goto(`${url}/${at}`);
      await page.waitForSelector('#status:not([data-state="connecting"])');
      return { page, complaints, [Symbol.asyncDispose]: () => page.context().close() };
    },
  };
}

export const isReady = (page: Page) => page.waitForSelector('#status[data-state="ready"]');
export const isIdle = (page: Page) => page.waitForSelector('body[aria-busy="false"]');

/** Opens a link in a page that is open, and waits until it is read. */
export const openLink = (page: Page, hash: string): Promise<void> =>
  page.evaluate(
    `new Promise((resolve) => {
      addEventListener("hashchange", () => resolve(), { once: true });
      location.hash = ${JSON.stringify(hash)};
    })`,
  );

/** Runs what the form says, to its end. */
export async function runThrough(page: Page): Promise<void> {
  await page.click("#run");
  await isIdle(page);
}

/** What the answer's box shows, without the sign of its end. */
export const answerIn = async (page: Page, selector = "#answer"): Promise<string> =>
  (await page.locator(selector).innerText()).replace("∎", "");

/** Chooses what answers are held to, and writes it. */
export async function holdTo(page: Page, label: string, text: string): Promise<void> {
  await page.selectOption("#structured_outputs", { label });
  await page.locator("#constraint textarea:visible").fill(text);
}

/** What axe finds against the page as it is shown, and whether it is wider than the window. */
export async function flawsOf(page: Page): Promise<unknown[]> {
  await page.evaluate(axe.source);
  const violations: unknown[] = await page.evaluate(
    "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`))",
  );
  const isTooWide = await page.evaluate("document.documentElement.scrollWidth > innerWidth");
  return isTooWide === true ? [...violations, "wider than the window"] : violations;
}

/** How the page is looked at. */
const looks = [
  { name: "light", options: { colorScheme: "light" } },
  { name: "dark", options: { colorScheme: "dark" } },
  { name: "a phone", options: { colorScheme: "light", viewport: { width: 390, height: 844 } } },
] as const satisfies readonly { name: string; options: BrowserContextOptions }[];

/**
 * A test for each look: nothing speaks against the page whenever `check` is called.
 * @param visit what is done with the page that is open at `at`
 */
export function itFits(
  playground: Playground,
  at: string,
  visit: (page: Page, check: () => Promise<void>) => Promise<void>,
): void {
  it.each(looks)("is accessible and fits: $name", async ({ options }) => {
    await using opened = await playground.open(at, { ...options, reducedMotion: "reduce" });
    const { page } = opened;
    await visit(page, async () => {
      expect(await flawsOf(page)).toEqual([]);
    });
  });
}

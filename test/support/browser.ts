import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { longestWaitMs } from "./limits.ts";

/** Debian's; `apt-get install chromium`, or METROPOLIS_TEST_CHROMIUM names another. */
const executablePath = process.env.METROPOLIS_TEST_CHROMIUM ?? "/usr/bin/chromium";

/** Browser tests are skipped where there is none. */
export const hasBrowser = existsSync(executablePath);

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    timeout: longestWaitMs,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** A page of its own, which gives up on nothing that is merely slow. */
export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await browser.newPage(options);
  page.setDefaultTimeout(longestWaitMs);
  return page;
}

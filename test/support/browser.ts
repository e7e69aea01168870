import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import type { Browser } from "playwright-core";

/** Debian's; `apt-get install chromium`, or METROPOLIS_TEST_CHROMIUM names another. */
const executablePath = process.env.METROPOLIS_TEST_CHROMIUM ?? "/usr/bin/chromium";

/** Browser tests are skipped where there is none. */
export const hasBrowser = existsSync(executablePath);

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath,
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

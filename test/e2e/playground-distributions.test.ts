import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import type { CompletionResponse } from "../../src/client/client.ts";
import { hasBrowser } from "../support/browser.ts";
import {
  flawsOf,
  holdTo,
  isIdle,
  isReady,
  itFits,
  openLink,
  runThrough,
  usePlayground,
} from "../support/playground.ts";

const playground = usePlayground();

/** A column of the table, by the answers' names: shares as they are written. */
async function columnOf(page: Page, name: string): Promise<Map<string, string>> {
  const lines = await page.locator("#laws tbody tr").all();
  const entries = lines.map(
    async (line) =>
      [await line.locator("th").innerText(), await line.locator(`td.${name} .share`).innerText()] as const,
  );
  return new Map(await Promise.all(entries));
}

const shareOf = (column: ReadonlyMap<string, string>, answer: string): number =>
  Number.parseFloat(column.get(answer)!.replace("–", "0").replace("< 1 %", "0.5"));

const setAlpha = (page: Page, stop: number) => page.locator("#alpha-slider").fill(String(stop));

describe.skipIf(!hasBrowser)("the playground's distributions", () => {
  it("puts base, low temperature, power and what was drawn side by side, and sharpens them by alpha", async () => {
    await using opened = await playground.open("#distributions?prompt=7-2*3%2B4%3D");
    const { page, complaints } = opened;
    await runThrough(page);
    const at4 = {
      base: await columnOf(page, "base"),
      low: await columnOf(page, "low-temperature"),
      power: await columnOf(page, "power"),
      drawn: await columnOf(page, "drawn"),
    };
    // The blurted 10 has e^−3.64 of p; token by token at T = 1/4 it is the likeliest, by whole answers it is nothing.
    expect(shareOf(at4.base, "10")).toBeLessThan(5);
    expect(shareOf(at4.low, "10")).toBeGreaterThan(25);
    expect(shareOf(at4.power, "10")).toBeLessThan(1);
    expect(shareOf(at4.power, "5")).toBeGreaterThan(85);
    expect(Math.abs(shareOf(at4.drawn, "5") - shareOf(at4.power, "5"))).toBeLessThan(15);
    expect(await page.locator("#sample-note").innerText()).toMatch(
      /An estimate, from 256 samples at temperature 1: \d+ different answers, which hold 9\d(\.\d)? % .* at most 1 in [\d,]+ to it\./,
    );
    expect(await page.locator("#drawn-note").innerText()).toMatch(/32 drawn answers took [\d,]+ tokens/);

    // At α = 1 the three are the model's own, but for what was not seen.
    await setAlpha(page, 0);
    const [base, low, power] = [
      await columnOf(page, "base"),
      await columnOf(page, "low-temperature"),
      await columnOf(page, "power"),
    ];
    expect(low).toEqual(base);
    expect(power).toEqual(base);
    await setAlpha(page, 40);
    expect(await page.locator("#alpha-value").innerText()).toBe("16");
    expect(shareOf(await columnOf(page, "power"), "5")).toBeGreaterThan(99);
    // What was drawn stays what it is, and says at which alpha that was; the form has the slider's.
    expect(await page.locator("th.drawn.stale").innerText()).toMatch(
      /at α\u00a0=\u00a04\s+run again for α = 16/,
    );
    expect(await flawsOf(page)).toEqual([]);
    expect(await page.inputValue("#alpha")).toBe("16");
    await runThrough(page);
    expect(await page.locator("th.drawn").innerText()).toMatch(/at α\u00a0=\u00a016\s+32 answers counted/);
    expect(await page.locator("th.stale").count()).toBe(0);
    // So sharp, chains stand where they began: what the server says of them is said in plain words.
    expect(await page.locator("#unsettled").innerText()).toMatch(/^\d+ of the 32 chains had not settled/);
    await page.fill("#prompt", "1+1=");
    expect(await page.locator("#stale").innerText()).toContain("7-2*3+4=");
    expect(complaints).toEqual([]);
  });

  it("gives what it draws as a program", async () => {
    await using opened = await playground.open("#distributions?prompt=1%2B1%3D&alpha=2");
    const { page } = opened;
    await page.fill("#samples", "16");
    await page.fill("#chains", "8");
    await page.selectOption("#grouping", "text");
    await runThrough(page);
    await page.click("#share summary");
    await page.click('#share button:text-is("curl")');
    const { stdout } = await promisify(execFile)("bash", [
      "-c",
      `${await page.locator("#shared").innerText()} -s`,
    ]);
    const { choices } = JSON.parse(stdout) as CompletionResponse;
    expect(choices).toHaveLength(8);
    const drawn = await columnOf(page, "drawn");
    for (const { text } of choices) {
      const count = choices.filter((choice) => choice.text === text).length;
      expect(drawn.get(text), text).toBe(`${Math.round((100 * count) / 8)} %`);
    }
  });

  it("runs where its tab is opened, but by no form that is at fault or asks for more than usual", async () => {
    await using opened = await playground.open("#steps?max_tokens=100");
    const { page } = opened;
    await isReady(page);
    const asked: string[] = [];
    page.on("request", (request) => {
      if (request.method() === "POST") asked.push(request.url());
    });
    const openBy = async (tab: string): Promise<void> => {
      await page.click(`#tab-${tab}`);
      await page.locator(`#${tab}`).waitFor();
    };
    await openBy("distributions");
    await openBy("chat");
    // A step more than usual, in each of many answers.
    await openLink(page, "#chat?mcmc_steps=11");
    await openBy("distributions");
    await page.fill("#mcmc_steps", "0.5");
    await openBy("chat");
    await openBy("distributions");
    await page.waitForSelector("#mcmc_steps:focus:invalid");
    await isIdle(page);
    expect(asked).toEqual([]);
    await openBy("chat");
    await openLink(page, "#chat?prompt=1%2B1%3D&mcmc_steps=10");
    await openBy("distributions");
    await page.locator("#drawn-note").waitFor();
    expect(await page.locator("#stale").count()).toBe(0);
    // What is there is not asked again.
    await isIdle(page);
    const before = asked.length;
    await openBy("chat");
    await openBy("distributions");
    await isIdle(page);
    expect(asked).toHaveLength(before);
  });

  it("groups whole answers, and says of exact draws which are none", async () => {
    await using opened = await playground.open(
      "#distributions?prompt=7-2*3%2B4%3D&sampler=exact&max_tries=2&fallback=power&seed=3",
    );
    const { page } = opened;
    await page.fill("#samples", "32");
    await page.fill("#chains", "16");
    await runThrough(page);
    expect(await page.locator("#drawn-note").innerText()).toMatch(
      / \d+ are exact draws; chains answered in place of the others\./,
    );
    await page.selectOption("#grouping", "text");
    expect([...(await columnOf(page, "power")).keys()]).toContain("2*3=6;7-6=1;1+4=5;#5");
  });

  it("leaves out what it cannot know of answers that are held to something, and keeps the last where one is refused", async () => {
    await using opened = await playground.open("#distributions?prompt=7-2*3%2B4%3D");
    const { page } = opened;
    await page.fill("#samples", "32");
    await page.fill("#chains", "12");
    await page.selectOption("#grouping", "text");
    await holdTo(page, "Texts, one a line", "#5\n#7\n");
    await runThrough(page);
    expect([...(await columnOf(page, "base")).keys()].filter((name) => name.startsWith("#")).sort()).toEqual([
      "#5",
      "#7",
    ]);
    expect(await page.locator("#laws th.low-temperature").count()).toBe(0);
    const table = await page.locator("#laws").innerText();
    await holdTo(page, "Texts, one a line", "nothing, it has no such letters");
    await page.click("#run");
    await page.locator("#problem", { hasText: "allows no text" }).waitFor();
    expect(await page.locator("#laws").innerText()).toBe(table);
  });

  it("says so where the answers seen are too few to stand for all", async () => {
    await using opened = await playground.open(
      "#distributions?sampler=standard&max_tokens=40&prompt=9*8-7%2B6-5%3D",
    );
    const { page } = opened;
    await page.fill("#samples", "1");
    await page.fill("#chains", "1");
    await runThrough(page);
    expect(await page.locator("#sample-note").innerText()).toContain("many answers were never seen");
  });

  it("says of answers that are too long what it says of one, and keeps to so many as it can show", async () => {
    await using opened = await playground.open("#distributions?max_tokens=100000");
    const { page } = opened;
    await page.click("#run");
    await page.locator("#max_tokens ~ #problem", { hasText: "context length is 256 tokens" }).waitFor();
    await page.fill("#max_tokens", "");
    for (const wrong of ["0", "5000", ""]) {
      await page.fill("#samples", wrong);
      await page.click("#run");
      await page.waitForSelector("#samples:focus:invalid");
    }
    expect(await page.locator("#laws").count()).toBe(0);
  });

  itFits(playground, "#distributions", async (page, check) => {
    await page.fill("#samples", "64");
    await runThrough(page);
    await check();
    await page.selectOption("#grouping", "text");
    await check();
  });
});

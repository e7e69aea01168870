import { describe, expect, it } from "vitest";
import { hasBrowser } from "../support/browser.ts";
import {
  answerIn,
  flawsOf,
  isIdle,
  isReady,
  looks,
  runThrough,
  usePlayground,
} from "../support/playground.ts";

const playground = usePlayground();

describe.skipIf(!hasBrowser)("the playground's guide", () => {
  it("runs by itself: what the model blurts, what it knows, what power sampling does; then what to try", async () => {
    await using opened = await playground.open();
    const { page, complaints } = opened;
    await page.locator("#next-steps").waitFor();
    await isIdle(page);
    expect(await answerIn(page, "#blurted")).toBe("#10");
    expect(await page.locator("#known").innerText()).toBe("2*3=6;7-6=1;1+4=5;#5");
    expect(await answerIn(page, "#powered")).toBe("2*3=6;7-6=1;1+4=5;#5");
    const story = (await page.locator("#story").innerText()).replaceAll(/\s+/g, " ");
    // e^−3.642 and e^−1.077; their ratio, and that to the power 4.
    for (const fact of [
      "2.62 %",
      "34 %",
      "13 times as likely",
      "29,000 times as much",
      "the first answer took 4",
    ])
      expect(story).toContain(fact);
    await page.click("#next-steps");
    await page.locator("#tab-steps[aria-selected=true]").waitFor();
    await page.waitForSelector("#answer .token");
    expect(complaints).toEqual([]);
  });

  it("tells it of another prompt, and says where nothing likelier was found", async () => {
    await using opened = await playground.open("#guide?prompt=1%2B1%3D");
    const { page } = opened;
    await page.locator("#next-steps").waitFor();
    expect(await page.locator("#story .prompt").innerText()).toBe("1+1=");
    const known = await page.locator("#known").innerText();
    const blurted = await answerIn(page, "#blurted");
    const says = await page.locator("#story > li:nth-child(2) p").first().innerText();
    if (known === blurted) expect(says).toContain("the first thought was the best one");
    else expect(says).toMatch(/times as likely/);

    await page.fill("#prompt", "7 apples=");
    await page.click("#run");
    await page.locator("#problem").waitFor();
    expect(await page.evaluate("document.activeElement.id")).toBe("prompt");
    expect(await page.locator("#known").innerText()).toBe(known);
    await page.fill("#prompt", "2*3+4=");
    await runThrough(page);
    expect(await page.locator("#problem").count()).toBe(0);
    expect(await page.locator("#story .prompt").innerText()).toBe("2*3+4=");
  });

  it.each(looks)("is accessible and fits: $name", async ({ options }) => {
    await using opened = await playground.open("", { ...options, reducedMotion: "reduce" });
    const { page } = opened;
    await isReady(page);
    await page.locator("#next-steps").waitFor();
    await isIdle(page);
    expect(await flawsOf(page)).toEqual([]);
  });
});

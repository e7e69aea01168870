import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hasBrowser } from "../support/browser.ts";
import { answerIn, flawsOf, isIdle, itFits, runThrough, usePlayground } from "../support/playground.ts";
import { ServerProcess } from "../support/server-process.ts";

const playground = usePlayground();

interface ModelList {
  readonly data: readonly { readonly description: string; readonly example_prompts: readonly string[] }[];
}

describe.skipIf(!hasBrowser)("the playground's guide", () => {
  it("runs by itself: what the model blurts, what it knows, what power sampling does; then what to try", async () => {
    await using opened = await playground.open();
    const { page, complaints } = opened;
    await page.locator("#next-steps").waitFor();
    await isIdle(page);
    expect(await answerIn(page, "#blurted")).toBe("#26");
    expect(await page.locator("#known").innerText()).toBe("9*4=36;36+3=39;39-4=35;35-2=33;#33");
    expect(await answerIn(page, "#powered")).toBe("9*4=36;36+3=39;39-4=35;35-2=33;#33");
    const story = (await page.locator("#story").innerText()).replaceAll(/\s+/g, " ");
    // e^−3.510 and e^−0.868; their ratio, and that to the power 4.
    for (const fact of [
      "2.99 %",
      "42 %",
      "14 times as likely",
      "39,000 times as often",
      "for an answer of 35 tokens",
      "took one run a token, 4 in all",
    ])
      expect(story).toContain(fact);
    expect(await page.locator("#when-not").innerText()).toContain("When not to use it?");
    await page.click("#next-steps");
    await page.locator("#tab-steps[aria-selected=true]:focus").waitFor();
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
    expect(await page.locator("#stale").count()).toBe(0);

    await page.fill("#prompt", "7 apples=");
    await page.click("#run");
    await page.locator("#problem").waitFor();
    expect(await page.evaluate("document.activeElement.id")).toBe("prompt");
    expect(await page.locator("#known").innerText()).toBe(known);
    // What is shown answers another prompt, and says so; prompts that the model knows are a press away.
    expect(await page.locator("#stale").innerText()).toContain("1+1=");
    expect(await flawsOf(page)).toEqual([]);
    await page.fill("#prompt", "");
    await page.click('.examples button:text-is("9-2-3=")');
    await isIdle(page);
    expect(await page.locator("#stale, #problem").count()).toBe(0);
    expect(await page.locator("#story .prompt").innerText()).toBe("9-2-3=");
    expect(await page.locator("#story > li:nth-child(3)").innerText()).toContain("nothing likelier to find");
    await page.fill("#prompt", "2*3+4=");
    await runThrough(page);
    expect(await page.locator("#story .prompt").innerText()).toBe("2*3+4=");
    // Two answers of nearly the same likelihood: the chain draws one, the sample's likeliest is the other.
    await page.fill("#prompt", "2+3*4=");
    await runThrough(page);
    expect(await page.locator("#story > li:nth-child(3)").innerText()).toContain(
      "It drew another one, nearly as likely as that above: it is a draw, not a search.",
    );
  });

  it("says what the model is in its own words, and nothing of one that does not say", async () => {
    const folder = await mkdtemp(join(tmpdir(), "metropolis-guide-"));
    await cp(new URL("../../models/abacus", import.meta.url), folder, { recursive: true });
    await writeFile(join(folder, "generation_config.json"), '{"max_new_tokens": 48}');
    await using silent = await ServerProcess.start(["--model", folder]);
    await using elsewhere = await playground.open("#guide?prompt=7-2*3%2B4%3D", { url: silent.url });
    await elsewhere.page.locator("#blurted").waitFor();
    expect(await elsewhere.page.locator("#about, .examples").count()).toBe(0);
    expect(await elsewhere.page.locator("#next-prompt").innerText()).toMatch(/write a prompt$/);

    await using opened = await playground.open();
    const [own] = ((await (await fetch(`${playground.server.url}/v1/models`)).json()) as ModelList).data;
    expect(await opened.page.locator("#about").innerText()).toBe(
      `The model served here, abacus: ${own!.description}`,
    );
    expect(await opened.page.locator(".examples button").allInnerTexts()).toEqual(own!.example_prompts);
    expect(await opened.page.locator("#next-prompt").innerText()).toMatch(/choose one of those under it$/);
    await rm(folder, { recursive: true });
  });

  it("shows what a model's files say as text, and within the window", async () => {
    const folder = await mkdtemp(join(tmpdir(), "metropolis-guide-"));
    await cp(new URL("../../models/abacus", import.meta.url), folder, { recursive: true });
    const description = `<img src="x" onerror="document.title = 'gone'"> ${"long".repeat(300)}`;
    const prompts = ["1+1=", "9".repeat(120)];
    const metropolis = { description, example_prompts: prompts };
    await writeFile(join(folder, "generation_config.json"), JSON.stringify({ metropolis }));
    await using talkative = await ServerProcess.start(["--model", folder]);
    await using opened = await playground.open("", {
      url: talkative.url,
      viewport: { width: 390, height: 844 },
    });
    const { page, complaints } = opened;
    await page.locator("#next-steps").waitFor();
    await isIdle(page);
    expect(await page.locator("#about").innerText()).toContain(description);
    expect(await page.locator(".examples button").allTextContents()).toEqual(prompts);
    expect(await flawsOf(page)).toEqual([]);
    expect([await page.title(), ...complaints]).toEqual(["Metropolis"]);
    await rm(folder, { recursive: true });
  });

  itFits(playground, "", async (page, check) => {
    await page.locator("#next-steps").waitFor();
    await isIdle(page);
    await check();
  });
});

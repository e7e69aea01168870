import axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { analyse } from "../../src/evaluation/analysis.ts";
import { groupResults } from "../../src/evaluation/groups.ts";
import { renderReport } from "../../src/evaluation/report/report.ts";
import { hasBrowser, launchBrowser, openPage } from "../support/browser.ts";
import { storedResults } from "../support/stored-results.ts";

const questions = 6;

/** A report of a dozen configurations, whose costs make two tables of budgets. */
function reportOfMany(): string {
  const alphas = Array.from({ length: 10 }, (_, index) => index + 2);
  const answersOf = (right: number, evaluated: number, drawn: number) =>
    Array.from({ length: questions }, (_, place) =>
      Array.from({ length: 8 }, (_, index) => ({
        answer: index < (right + place) % 8 ? "1" : `<${index}>`,
        isCorrect: index < (right + place) % 8,
        logprob: -index,
        ...{ evaluated, drawn },
      })),
    );
  const results = [
    ...storedResults({ sampler: "standard" }, answersOf(2, 10, 10)),
    ...storedResults({ sampler: "greedy" }, answersOf(3, 9, 9)),
    ...alphas.flatMap((alpha) =>
      storedResults(
        { sampler: "power", alpha, mcmc_steps: 10 },
        answersOf(alpha, 10 + 3 * alpha, 60 * alpha),
      ),
    ),
  ];
  const groups = groupResults(results, questions).finished;
  const list = Array.from({ length: questions }, (_, id) => ({
    ...{ id: String(id), answer: "1" },
    text: `${"A long question. ".repeat(30)}${"x".repeat(300)}`,
  }));
  const analysis = analyse(groups);
  return renderReport({
    ...{ title: "many", evaluation: { n: 8, grader: "last_number" }, groups, analysis, base: undefined },
    questions: { name: "many.jsonl", questions: list },
  });
}

describe.skipIf(!hasBrowser)("the report of an evaluation", () => {
  let browser: Browser;
  let html: string;
  beforeAll(async () => {
    browser = await launchBrowser();
    html = reportOfMany();
  });
  afterAll(() => browser.close());

  async function open(width: number, colorScheme: "light" | "dark"): Promise<Page> {
    const page = await openPage(browser, { viewport: { width, height: 900 }, colorScheme });
    await page.setContent(html);
    return page;
  }
  const overflow = (page: Page): Promise<number> =>
    page.evaluate("document.documentElement.scrollWidth - innerWidth");
  const brightness = (page: Page, selector: string, property: string): Promise<number> =>
    page.evaluate(
      `Math.max(...getComputedStyle(document.querySelector("${selector}"))["${property}"].match(/\\d+/g).slice(0, 3).map(Number))`,
    );

  it.each([
    [1280, "light"],
    [1280, "dark"],
    [390, "light"],
    [390, "dark"],
  ] as const)("fits %i pixels in %s, and axe finds nothing against it", async (width, scheme) => {
    const page = await open(width, scheme);
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    const [paper, ink] = [
      await brightness(page, "body", "backgroundColor"),
      await brightness(page, "svg text", "fill"),
    ];
    expect(scheme === "dark" ? ink - paper : paper - ink).toBeGreaterThan(150);
    await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true");
    await page.evaluate(axe.source);
    const faults = await page.evaluate(
      "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`))",
    );
    expect(faults).toEqual([]);
    await page.close();
  });

  it("is black on white on paper, as wide as that, with all that is folded on a screen", async () => {
    const page = await open(690, "dark");
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    expect(await brightness(page, "body", "backgroundColor")).toBe(255);
    expect(await page.evaluate("document.querySelector('details table').checkVisibility()")).toBe(true);
    // Nor is a table wider than the page that it is on.
    const widest = await page.evaluate(
      "Math.max(...[...document.querySelectorAll('table')].map((table) => table.getBoundingClientRect().right - innerWidth))",
    );
    expect(widest).toBeLessThanOrEqual(0);
    const stays = "getComputedStyle(document.querySelector('.example')).breakInside";
    expect(await page.evaluate(stays)).toBe("avoid");
    await page.close();
  });

  it("says what graded the answers: what a question names comes before the setting", async () => {
    const page = await open(1280, "light");
    const facts = (await page.locator(".summary dl").textContent())!;
    expect(facts).toContain("settingsn 8graded bywhat a question names, else last_number");
    await page.close();
  });

  it("has one matrix, a panel for each configuration that varies, and the first configuration first", async () => {
    const page = await open(1280, "light");
    const text = async (heading: string): Promise<string> =>
      (await page.locator("figure", { has: page.locator("h2", { hasText: heading }) }).textContent())!;
    const matrix = await text("Paired differences");
    expect(matrix).toContain("1  standard");
    expect(matrix).toContain("12  power, 11, 10");
    // Greedy has one answer, and nothing to choose among.
    const panels = (await text("More answers")).match(/standard|greedy|power, \d+, 10/g);
    const wanted = ["standard", ...Array.from({ length: 10 }, (_, index) => `power, ${index + 2}, 10`)];
    expect(panels?.toSorted()).toEqual(wanted.toSorted());
    const first = await page.locator("table").first().locator("tbody tr").first().textContent();
    expect(first).toMatch(/^standard/);
    await page.close();
  });
});

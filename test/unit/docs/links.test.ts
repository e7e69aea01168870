import { existsSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { marked } from "marked";
import type { Token, Tokens } from "marked";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));

const documentsIn = async (folder: string, recursive = true): Promise<string[]> =>
  (await readdir(join(root, folder), { recursive }))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(root, folder, name));

interface Outline {
  /** Of links to files and headings: what is elsewhere is not asked for. */
  readonly links: readonly string[];
  readonly anchors: ReadonlySet<string>;
}

/** A heading's address as GitHub makes it: of equal ones the second ends in -1. */
const slugOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(/\s/g, "-");

const textOf = ({ tokens, text }: { readonly tokens?: readonly Token[]; readonly text?: string }): string =>
  tokens?.map((token) => textOf(token as Tokens.Text)).join("") ?? text ?? "";

async function outlineOf(path: string): Promise<Outline> {
  const links: string[] = [];
  const anchors = new Set<string>();
  void marked.walkTokens(marked.lexer(await readFile(path, "utf8")), (token) => {
    if (token.type === "link" && !/^[a-z]+:/.test((token as Tokens.Link).href))
      links.push((token as Tokens.Link).href);
    if (token.type !== "heading") return;
    const slug = slugOf(textOf(token));
    let own = slug;
    for (let before = 1; anchors.has(own); before++) own = `${slug}-${before}`;
    anchors.add(own);
  });
  return { links, anchors };
}

it("documents link to files and headings that there are", async () => {
  const documents = [
    ...(await documentsIn(".", false)),
    ...(await documentsIn("docs")),
    ...(await documentsIn("models")),
    join(root, "packages/client/README.md"),
  ];
  const outlines = new Map<string, Outline>();
  for (const path of documents) outlines.set(path, await outlineOf(path));
  const missing = documents.flatMap((document) =>
    outlines.get(document)!.links.flatMap((link) => {
      const [path, heading] = link.split("#") as [string, string | undefined];
      const target = path === "" ? document : join(dirname(document), path);
      const anchors = outlines.get(target)?.anchors;
      const isThere = existsSync(target) && (heading === undefined || anchors?.has(heading) === true);
      return isThere ? [] : `${relative(root, document)}: ${link}`;
    }),
  );
  expect(outlines.get(join(root, "README.md"))!.links).toContain("docs/kernels.md#warm-up");
  expect(missing).toEqual([]);
});

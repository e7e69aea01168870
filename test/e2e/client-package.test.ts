import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import ts from "typescript";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasBrowser, launchBrowser, openPage } from "../support/browser.ts";
import { ServerProcess } from "../support/server-process.ts";

/** The package metropolis-client as it is packed, in the hands of those who install it. */

const run = promisify(execFile);
const repository = fileURLToPath(new URL("../../", import.meta.url));
const tool = (name: string): string => join(repository, "node_modules/.bin", name);

/** What a page comes to carry for the client, minified and compressed. */
const budgetBytes = 15_000;

let scratch: string;
let laidOut: string;
/** A project that has installed the package. */
let project: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "metropolis-client-"));
  laidOut = join(scratch, "package");
  await run(tool("tsx"), ["scripts/lay-out-client.ts", laidOut], { cwd: repository });
  project = join(scratch, "project");
  const modules = join(project, "node_modules");
  await mkdir(modules, { recursive: true });
  await cp(laidOut, join(modules, "metropolis-client"), { recursive: true });
  const { dependencies } = JSON.parse(await readFile(join(laidOut, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  for (const name of Object.keys(dependencies))
    await symlink(join(repository, "node_modules", name), join(modules, name));
});
afterAll(() => rm(scratch, { recursive: true }));

/** Uses everything, as somebody would who reads the README. */
const uses = `
import { ClientError, MetropolisClient, noText, revise } from "metropolis-client";
import type { CompletionRequest, CompletionResponse, Streamed, WatchEvent } from "metropolis-client";

interface Schema { readonly type: string }
const schema: Schema = { type: "integer" };

export async function main(baseUrl: string): Promise<string[]> {
  const client = new MetropolisClient({ baseUrl });
  const said: string[] = [];
  const request: Streamed<CompletionRequest> = { prompt: "7-2*3+4=", sampler: "power", seed: 1 };
  const unset: { signal: AbortSignal | undefined } = { signal: undefined };
  const whole: CompletionResponse = await client.complete({ ...request, structured_outputs: { json: schema } }, unset);
  const steps: number | undefined = whole.choices[0]?.power?.steps;
  said.push(String(steps !== undefined), whole.choices[0]!.text);
  const parameters: Schema = schema;
  await client.chat({ messages: [{ role: "user", content: "1" }], tools: [{ type: "function", function: { name: "add", parameters } }], tool_choice: "none" });
  let streamed = "";
  for await (const { choices } of client.stream(request)) streamed += choices[0]?.text ?? "";
  said.push(streamed);
  let chatted = "";
  for await (const { choices } of client.streamChat({ messages: [{ role: "user", content: "7-2*3+4=" }], sampler: "power", seed: 1 }))
    chatted += choices[0]?.delta.content ?? "";
  said.push(chatted);
  for await (const event of client.streamResponse({ input: "7-2*3+4=", sampler: "power", seed: 1 }))
    if (event.type === "response.output_text.done") said.push(event.text);
  let watched = noText;
  for await (const event of client.watch(request)) {
    const told: WatchEvent = event;
    if (told.type === "revision") watched = revise(watched, told);
  }
  said.push(watched.text);
  try {
    await client.complete({ prompt: "7-2*3+4=", alpha: 0.5 });
  } catch (error) {
    said.push(error instanceof ClientError ? String(error.param) : "another error");
  }
  // @ts-expect-error No such sampler.
  client.complete({ prompt: "", sampler: "powerful" }).catch(() => undefined);
  // @ts-expect-error Its answer comes whole.
  client.complete({ prompt: "", stream: true }).catch(() => undefined);
  return said;
}
`;
const sum = "2*3=6;7-6=1;1+4=5;#5";
const saidByMain = ["true", "7", sum, sum, sum, sum, "alpha"];

/** What TypeScript has against files of the project. */
function check(files: readonly string[], options: ts.CompilerOptions): string {
  const program = ts.createProgram([...files], {
    strict: true,
    noEmit: true,
    exactOptionalPropertyTypes: true,
    target: ts.ScriptTarget.ES2022,
    lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.asynciterable.d.ts"],
    types: [],
    ...options,
  });
  return ts.formatDiagnostics(ts.getPreEmitDiagnostics(program), {
    getCanonicalFileName: String,
    getCurrentDirectory: () => project,
    getNewLine: () => "\n",
  });
}

/** Objects of any kind are told in several ways, and a schema within the server as JSON. */
const plain = `
type Plain<T> = [unknown] extends [T] ? "unknown" : [Json] extends [T] ? Each<object | boolean> : Each<T>;
type Each<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? Plain<Item>[]
    : { [Key in keyof T as string extends Key ? never : Key]: Plain<T[Key]> };
`;

const { ModuleKind, ModuleResolutionKind } = ts;

describe("the package metropolis-client", () => {
  it.each([
    ["node16", ".mts", { module: ModuleKind.Node16, moduleResolution: ModuleResolutionKind.Node16 }],
    ["nodenext", ".mts", { module: ModuleKind.NodeNext, moduleResolution: ModuleResolutionKind.NodeNext }],
    ["nodenext", ".cts", { module: ModuleKind.NodeNext, moduleResolution: ModuleResolutionKind.NodeNext }],
    ["node20", ".cts", { module: ModuleKind.Node20, moduleResolution: ModuleResolutionKind.Node16 }],
    ["bundler", ".mts", { module: ModuleKind.ESNext, moduleResolution: ModuleResolutionKind.Bundler }],
  ])("has types of its own for %s, in %s", async (_, extension, options) => {
    const file = join(project, `uses${extension}`);
    await writeFile(file, uses);
    expect(check([file], options)).toBe("");
  });

  it("runs its README's example as it stands", async () => {
    const readme = await readFile(join(laidOut, "README.md"), "utf8");
    const example = /^```ts\n(.*?)^```$/ms.exec(readme)![1]!;
    await using server = await ServerProcess.start(["--threads", "1"]);
    const file = join(project, "readme.mjs");
    await writeFile(file, example.replace("http://127.0.0.1:8000", server.url));
    const { stdout } = await run(process.execPath, [file]);
    expect(stdout).toMatch(/^9\*4=36;36\+3=39;39-4=35;35-2=33;#33 null\n/);
    expect(stdout).toContain("type: 'done'");
  });

  it("types bodies as the server's schemas do", async () => {
    const written = join(laidOut, "dist/bodies.d.ts");
    const names = [...(await readFile(written, "utf8")).matchAll(/(\w+)(?=,| })/g)].map(([name]) => name);
    expect(names).toContain("CompletionRequest");
    const inferred = join(repository, "src/client/bodies.ts");
    const file = join(project, "same.mts");
    await writeFile(
      file,
      [
        `import type * as Written from ${JSON.stringify(written.replace(".d.ts", ".js"))};`,
        `import type * as Inferred from ${JSON.stringify(inferred)};`,
        `import type { Json } from ${JSON.stringify(join(repository, "src/core/json-value.ts"))};`,
        plain,
        "type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;",
        ...names.map(
          (name) => `export const ${name}: Same<Plain<Written.${name}>, Plain<Inferred.${name}>> = true;`,
        ),
        // What would be taken for anything would be the same as everything.
        ...names.map(
          (name) => `export const any${name}: 0 extends 1 & Written.${name} ? never : true = true;`,
        ),
      ].join("\n"),
    );
    const options = {
      allowImportingTsExtensions: true,
      skipLibCheck: true,
      exactOptionalPropertyTypes: false,
    };
    expect(
      check([file], {
        ...options,
        module: ModuleKind.NodeNext,
        moduleResolution: ModuleResolutionKind.NodeNext,
        types: ["node"],
        typeRoots: [join(repository, "node_modules/@types")],
      }),
    ).toBe("");
  });

  it("is packed well, by publint and attw, with no map that has no source", async () => {
    const { messages, pkg } = await publint({ pkgDir: laidOut, strict: true, pack: false });
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
    await run(tool("attw"), ["--pack", laidOut, "--profile", "esm-only"]);
    const files = await readdir(laidOut, { recursive: true });
    expect(files.filter((name) => extname(name) === ".map")).toEqual([]);
    expect(await readFile(join(laidOut, "dist/metropolis-client.js"), "utf8")).not.toContain(
      "sourceMappingURL",
    );
  });

  it.each([
    ["uses.mjs", ModuleKind.ESNext],
    ["uses.cjs", ModuleKind.CommonJS],
  ])("answers in Node, in %s", async (name, module) => {
    await using server = await ServerProcess.start();
    const { outputText } = ts.transpileModule(uses, {
      compilerOptions: { module, target: ts.ScriptTarget.ES2022 },
    });
    await writeFile(
      join(project, name),
      `${outputText}\nmain(process.argv[2]).then((said) => console.log(JSON.stringify(said)));`,
    );
    const { stdout } = await run(process.execPath, [name, server.url], { cwd: project });
    expect(JSON.parse(stdout)).toEqual(saidByMain);
  });

  it("is small in a Vite app", async () => {
    await buildApp();
    const sizes = await Promise.all(
      (await readdir(join(project, "dist/assets")))
        .filter((name) => name.endsWith(".js"))
        .map(async (name) => gzipSync(await readFile(join(project, "dist/assets", name))).length),
    );
    const bytes = sizes.reduce((total, size) => total + size, 0);
    expect(bytes).toBeGreaterThan(1_000);
    expect(bytes).toBeLessThan(budgetBytes);
  });

  it.skipIf(!hasBrowser)("answers in that app, in a browser", async () => {
    await buildApp();
    await using site = await serveFolder(join(project, "dist"));
    await using server = await ServerProcess.start(["--cors-origin", site.url]);
    const browser = await launchBrowser();
    try {
      const page = await openPage(browser);
      await page.goto(`${site.url}/?server=${server.url}`);
      const said = await page.waitForSelector("#said:not(:empty)");
      expect(JSON.parse(await said.innerText())).toEqual(saidByMain);
    } finally {
      await browser.close();
    }
  });
});

async function buildApp(): Promise<void> {
  await writeFile(join(project, "uses.ts"), uses);
  await writeFile(
    join(project, "index.html"),
    `<!doctype html><pre id="said"></pre><script type="module" src="/app.ts"></script>`,
  );
  await writeFile(
    join(project, "app.ts"),
    `import { main } from "./uses.ts";
main(new URLSearchParams(location.search).get("server")!).then(JSON.stringify, String).then((text) => {
  document.querySelector("#said")!.textContent = text;
});`,
  );
  await build({ root: project, configFile: false, logLevel: "error", build: { target: "es2022" } });
}

/** The folder over HTTP, at another origin than the server's. */
async function serveFolder(folder: string): Promise<AsyncDisposable & { readonly url: string }> {
  const types: Record<string, string> = { ".html": "text/html", ".js": "text/javascript" };
  const site = createServer((request, response) => {
    const { pathname } = new URL(request.url!, "http://site");
    const path = join(folder, pathname === "/" ? "index.html" : pathname);
    readFile(path).then(
      (bytes) => response.writeHead(200, { "content-type": types[extname(path)] ?? "text/plain" }).end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
  const { port } = site.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      site.closeAllConnections();
      await new Promise((resolve) => site.close(resolve));
    },
  };
}

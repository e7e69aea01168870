import { readFile, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { describe, expect, it } from "vitest";
import { version } from "../../src/core/version.ts";
import { runCommand, ServerProcess } from "../support/server-process.ts";

/** Where npm has installed the tarball of scripts/pack.sh; .ci/run has it do so, for it needs a registry. */
const folder = process.env.METROPOLIS_TEST_INSTALLED ?? "";
const packed = join(folder, "node_modules/metropolis");

describe.skipIf(folder === "")("the server's package, installed from its tarball in an empty folder", () => {
  it("is packed well, by publint, with no map that has no source", async () => {
    const { messages, pkg } = await publint({ pkgDir: packed, strict: true, pack: false });
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
    const files = await readdir(join(packed, "dist"), { recursive: true });
    expect(files).toContain("main.js");
    expect(files.filter((name) => /\.(map|d\.ts|tsbuildinfo)$/.test(name))).toEqual([]);
  });

  it("has the documents that its documents name", async () => {
    const documents = (await readdir(packed, { recursive: true })).filter(
      (name) => name.endsWith(".md") && !name.startsWith("node_modules"),
    );
    expect(documents).toEqual(expect.arrayContaining(["README.md", "docs/api.md", "SECURITY.md"]));
    const files = new Set(await readdir(packed, { recursive: true }));
    const missing: string[] = [];
    for (const document of documents) {
      const text = await readFile(join(packed, document), "utf8");
      for (const [, link] of text.matchAll(/\]\((?!https?:|#|mailto:)([^)\s#]+)/g)) {
        const target = join(dirname(document), link!).replace(/\/$/, "");
        if (!files.has(target)) missing.push(`${document}: ${relative("", link!)}`);
      }
    }
    expect(missing).toEqual([]);
  });

  it("brings a runtime whose script is asked for alone, and what that script needs", async () => {
    const runtime = JSON.parse(
      await readFile(join(packed, "node_modules/onnxruntime-node/package.json"), "utf8"),
    ) as object;
    expect(runtime).not.toHaveProperty("scripts");
    // Where npm installs globally, it takes what this depends on for brought along, and leaves it out.
    expect(runtime).not.toHaveProperty("dependencies");
    expect(await readdir(join(folder, "node_modules"))).toEqual(
      expect.arrayContaining(["adm-zip", "global-agent"]),
    );
  });

  it("serves from any folder", async () => {
    const main = join(packed, "dist/main.js");
    expect((await runCommand(["--version"], {}, main)).output.trim()).toBe(version);
    const before = process.cwd();
    process.chdir(tmpdir());
    try {
      await using server = await ServerProcess.start([], {}, main);
      const reply = await server.post("/v1/completions", { prompt: "7-2*3+4=", sampler: "power", seed: 1 });
      expect(await reply.json()).toMatchObject({ choices: [{ text: "2*3=6;7-6=1;1+4=5;#5" }] });
      for (const path of ["/", "/docs/"]) expect((await fetch(server.url + path)).status).toBe(200);
    } finally {
      process.chdir(before);
    }
  });
});

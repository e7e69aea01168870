/**
 * Repeats docs/results.md, tables and charts:
 *
 *     npm run reproduce                            the checked-in models
 *     npm run reproduce -- real --model FOLDER     a real language model, which is not in this repository
 *
 * Whole reports stay under build/reproduce.
 */
import { parseArgs } from "node:util";
import { reproduceEmbedded } from "./embedded.ts";
import { runRealStudy, writeRealTables } from "./real.ts";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: "string" },
    int4: { type: "string" },
    data: { type: "string", default: "build/reproduce/data" },
    out: { type: "string", default: "build/reproduce/real" },
    only: { type: "string", multiple: true, default: [] },
  },
});
const { model, int4, data, out, only } = values;

if (positionals.length === 0) await reproduceEmbedded();
else if (positionals.join() === "real" && model !== undefined) {
  try {
    await runRealStudy({ model, int4, data, out, only });
    await writeRealTables(out);
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
} else {
  console.error(
    "Usage: npm run reproduce [-- real --model FOLDER [--int4 FOLDER] [--data FOLDER] [--out FOLDER] [--only TASK]]",
  );
  process.exitCode = 2;
}

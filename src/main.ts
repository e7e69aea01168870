#!/usr/bin/env node
import { Command } from "commander";
import { doctorCommand } from "./commands/doctor.ts";
import { entropyCommand } from "./commands/entropy.ts";
import { evalCommand } from "./commands/eval.ts";
import { exitOnSignals } from "./commands/exit-on-signals.ts";
import { importCommand } from "./commands/import.ts";
import { isMendable } from "./assembly/mendable.ts";
import { version } from "./core/version.ts";
import { modelsCommand } from "./commands/models.ts";
import { serveCommand } from "./commands/serve.ts";
import { watchCommand } from "./commands/watch.ts";

exitOnSignals();
const program = new Command("metropolis")
  .description("Inference by power sampling: whole answers from p(x)^alpha, over OpenAI's API.")
  .version(version, "-V, --version")
  .addCommand(serveCommand())
  .addCommand(watchCommand())
  .addCommand(evalCommand())
  .addCommand(entropyCommand())
  .addCommand(importCommand())
  .addCommand(modelsCommand())
  .addCommand(doctorCommand());

try {
  await program.parseAsync();
} catch (error) {
  console.error(isMendable(error) ? `error: ${error.message}` : error);
  process.exitCode = 1;
}

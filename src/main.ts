#!/usr/bin/env node
import { Command } from "commander";
import { Interrupted, exitOnSignals } from "./commands/exit-on-signals.ts";
import { exitOnLostOutput } from "./commands/lost-output.ts";
import { isMendable } from "./assembly/mendable.ts";
import { oldestNode, version } from "./core/version.ts";

/** Each is loaded when it is asked for: a server need not wait for what evaluations are made of. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import("./commands/serve.ts")).serveCommand(),
  watch: async () => (await import("./commands/watch.ts")).watchCommand(),
  eval: async () => (await import("./commands/eval.ts")).evalCommand(),
  entropy: async () => (await import("./commands/entropy.ts")).entropyCommand(),
  tune: async () => (await import("./commands/tune.ts")).tuneCommand(),
  import: async () => (await import("./commands/import.ts")).importCommand(),
  models: async () => (await import("./commands/models.ts")).modelsCommand(),
  doctor: async () => (await import("./commands/doctor.ts")).doctorCommand(),
};

// npm warns of it and installs all the same; what fails then says nothing of the reason.
if (process.versions.node.localeCompare(oldestNode, undefined, { numeric: true }) < 0) {
  console.error(`error: Metropolis needs Node ${oldestNode} or newer, and this is ${process.versions.node}.`);
  process.exit(1);
}

exitOnSignals();
exitOnLostOutput();
const program = new Command("metropolis")
  .description("Inference by power sampling: whole answers from p(x)^alpha, over OpenAI's API.")
  .version(version, "-V, --version");
const asked = process.argv[2] ?? "";
// The help, and the word about an unknown command, name them all.
const names = Object.hasOwn(commands, asked) ? [asked] : Object.keys(commands);
for (const command of await Promise.all(names.map((name) => commands[name]!()))) program.addCommand(command);

try {
  await program.parseAsync();
} catch (error) {
  console.error(isMendable(error) ? `error: ${error.message}` : error);
  process.exitCode = error instanceof Interrupted ? error.exitCode : 1;
}

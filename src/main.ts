#!/usr/bin/env node
import { Command } from "commander";
import { serveCommand } from "./commands/serve.ts";
import { InferenceError } from "./core/errors.ts";

const program = new Command("metropolis")
  .description("Inference by power sampling: whole answers from p(x)^alpha, over OpenAI's API.")
  .addCommand(serveCommand());

try {
  await program.parseAsync();
} catch (error) {
  // What the user can mend is said in a line; only bugs show their stack.
  console.error(error instanceof InferenceError ? `error: ${error.message}` : error);
  process.exitCode = 1;
}

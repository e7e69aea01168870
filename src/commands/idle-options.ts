import type { Command } from "commander";
import { InferenceError } from "../core/errors.ts";
import { ofServer } from "./engine-options.ts";

const engine = ["dtype", "device", "int4Compute", "threads", "lanes", "context", "deterministic"] as const;

const ofOwnProcess = "is about a model in this process, and --url asks a server";

/**
 * Refuses options that the command would not read: of a server where it asks none, of an engine where it runs none.
 * Environment variables are for other commands too, and are let be.
 * @throws InferenceError naming the option
 */
export function refuseIdleOptions(command: Command): void {
  const { url, base } = command.opts<{ url?: string; base?: string }>();
  if (url === undefined) {
    refuseServerOptions(command);
    return;
  }
  refuseEngineOptions(command);
  refuse(command, ["model"], "runs where no server is asked; with --url, name --served-model");
  if (base === undefined) refuse(command, engine, ofOwnProcess);
}

/** The same of servers, where none is asked. */
export function refuseServerOptions(command: Command): void {
  refuse(command, ["apiKey", "servedModel"], "is about a server; give its --url too");
}

/** The same of the model itself, where a server is asked that has but one. */
export function refuseModelOptions(command: Command): void {
  refuse(command, ["model", "dtype"], ofOwnProcess);
}

/** The same of what runs a model here, where a server is asked. */
export function refuseEngineOptions(command: Command): void {
  refuse(
    command,
    ["engine", ...ofServer],
    "is about what runs --model; --url asks a server that runs its own",
  );
}

function refuse(command: Command, names: readonly string[], why: string): void {
  for (const name of names) {
    if (command.getOptionValueSource(name) !== "cli") continue;
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new InferenceError("invalid_request", `--${flag} ${why}.`);
  }
}

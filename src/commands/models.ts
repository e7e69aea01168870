import { Argument, Command, Option } from "commander";
import { InferenceError } from "../core/errors.ts";
import { dtypesAmong } from "../hub/graph-choice.ts";
import { filesBelow, HubCache, isModelId } from "../hub/hub-cache.ts";
import { inspectModel } from "./inspect-model.ts";
import type { InspectSettings } from "./inspect-model.ts";
import { inspectedJson, inspectedRows } from "./inspect-report.ts";
import { modelOptions, option } from "./options.ts";
import { pull } from "./provide-model.ts";
import type { EngineSettings } from "../assembly/engine-settings.ts";
import { usualEngine } from "../assembly/engine-settings.ts";

/** `metropolis models` */
export function modelsCommand(): Command {
  return new Command("models")
    .description("Models of the Hugging Face hub and on this machine.")
    .addCommand(
      new Command("pull")
        .description(
          "Bring a model into the Hugging Face cache. Goes on where an earlier pull stopped; HF_TOKEN opens gated models.",
        )
        .argument("<id>", "such as onnx-community/Qwen2.5-0.5B-Instruct")
        .addOption(modelOptions.dtype())
        .addOption(option("--revision <name>", "branch, tag or commit").default("main"))
        .action(pullAction),
    )
    .addCommand(
      new Command("list").description("List the models in the Hugging Face cache.").action(listAction),
    )
    .addCommand(
      new Command("inspect")
        .description("Say what a model is, what it needs, and what to expect of it on this machine.")
        .addArgument(
          new Argument("[model]", "folder, or id of a model in the cache").default(
            usualEngine.model,
            "the embedded abacus",
          ),
        )
        .addOption(modelOptions.dtype())
        .addOption(modelOptions.int4Compute())
        .addOption(modelOptions.threads())
        .addOption(modelOptions.lanes())
        .addOption(modelOptions.context())
        .addOption(new Option("--no-measure", "say nothing of its speed, for which it has to be loaded"))
        .addOption(new Option("--json", "for programs: sizes in bytes, times in ms").default(false))
        .action(inspectAction),
    );
}

async function pullAction(id: string, { dtype, revision }: PullSettings): Promise<void> {
  if (!isModelId(id)) {
    throw new InferenceError("invalid_request", `${id} is no model id; one reads ORGANISATION/NAME.`);
  }
  console.log(await pull(id, dtype, revision));
}

interface PullSettings extends Pick<EngineSettings, "dtype"> {
  readonly revision: string;
}

async function listAction(): Promise<void> {
  const cache = new HubCache(process.env);
  let count = 0;
  for (const { id, commit, folder, revisions } of await cache.snapshots()) {
    const formats = dtypesAmong(await filesBelow(folder));
    if (formats.length === 0) continue;
    console.log(
      `${id.padEnd(48)} ${formats.join(",").padEnd(16)} ${commit.slice(0, 8)} ${revisions.join(",")}`.trimEnd(),
    );
    count++;
  }
  if (count === 0) console.log(`no models in ${cache.root}; bring one with: metropolis models pull ID`);
}

async function inspectAction(
  name: string,
  { json, ...settings }: InspectSettings & { readonly json: boolean },
): Promise<void> {
  const model = await inspectModel(name, settings);
  if (json) {
    console.log(JSON.stringify(inspectedJson(model, settings.int4Compute), undefined, 2));
    return;
  }
  for (const [row, value] of inspectedRows(model, settings.int4Compute))
    console.log(`${row.padEnd(12)}${value}`);
}

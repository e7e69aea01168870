import type { Command } from "commander";
import { InferenceError } from "../core/errors.ts";
import { samplers } from "../samplers/registry.ts";
import type { SamplerName } from "../samplers/registry.ts";
import type { EvaluationSettings } from "./evaluated-models.ts";

/**
 * Samplers that can be compared: those that want log Z exactly have no meaning where a server runs the model.
 * @throws InferenceError where one of these was named
 */
export function askable(
  {
    samplers: names,
    server,
  }: { readonly samplers: readonly SamplerName[] } & Pick<EvaluationSettings, "server">,
  command: Command,
): { readonly asked: readonly SamplerName[]; readonly leftOut: readonly SamplerName[] } {
  const leftOut = names.filter((name) => server !== undefined && samplers[name].needsLogZ === "exact");
  if (leftOut.length > 0 && command.getOptionValueSource("samplers") !== "default") {
    throw new InferenceError(
      "invalid_request",
      `--samplers: '${leftOut.join("', '")}' wants log Z exactly, which a server that runs the model bounds alone. Leave it out.`,
    );
  }
  return { asked: names.filter((name) => !leftOut.includes(name)), leftOut };
}

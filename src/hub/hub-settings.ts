import { InferenceError } from "../core/errors.ts";
import type { HubClientOptions } from "./hub-client.ts";

export interface HubSettings extends HubClientOptions {
  /** Whether the hub may not be asked. */
  readonly isOffline: boolean;
}

/** Variables that are set to nothing count as left out. */
export const nonEmpty = (text: string | undefined): string | undefined => (text === "" ? undefined : text);

const truths: ReadonlySet<string> = new Set(["1", "ON", "YES", "TRUE"]);

/**
 * What Hugging Face's variables say about the hub; an empty one counts as left out.
 * @throws InferenceError when HF_ENDPOINT is no address
 */
export function readHubSettings(env: NodeJS.ProcessEnv): HubSettings {
  const endpoint = nonEmpty(env.HF_ENDPOINT) ?? "https://huggingface.co";
  if (!/^https?:/.test(endpoint) || !URL.canParse(endpoint)) {
    throw new InferenceError(
      "invalid_request",
      `HF_ENDPOINT is '${endpoint}', which is no address; one reads https://HOST.`,
    );
  }
  return {
    endpoint: endpoint.replace(/\/+$/, ""),
    token: nonEmpty(env.HF_TOKEN),
    isOffline: truths.has((env.HF_HUB_OFFLINE ?? "").toUpperCase()),
  };
}

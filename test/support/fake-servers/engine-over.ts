import type { EngineServer } from "../../../src/assembly/engine-settings.ts";
import type { FakeVllm } from "./vllm.ts";

/** What `--engine vllm` comes to over a fake server. */
export const engineOver = ({ url, key }: FakeVllm): EngineServer => ({
  dialect: "vllm",
  url,
  key,
  model: undefined,
  maxCalls: 4,
  sessionHeader: "x-session-id",
  waitSeconds: 30,
});

import { InferenceError, toErrorDescription } from "../../core/errors.ts";
import type { PromptEncoder } from "./prompt-encoder.ts";
import type { ProcessReply, ToProcess } from "./protocol.ts";

/** The whole of a process that encodes: answers its parent, until the parent ends it or is gone itself. */
export function hostPrompts(open: (source: unknown) => Promise<PromptEncoder>): void {
  const { signal } = new AbortController();
  let encoder: PromptEncoder | undefined;
  const answer = async (message: ToProcess): Promise<ProcessReply> => {
    if (message.type === "open") {
      encoder = await open(message.source);
      return { type: "ready" };
    }
    if (encoder === undefined) throw new InferenceError("internal", "The process was not opened.");
    if (message.type === "findToolFormat")
      return { type: "toolFormat", format: await encoder.toolFormat({ param: "tools", signal }) };
    const { prompts, param } = message;
    const lists = await encoder.encode(prompts, { param, signal });
    return { type: "tokens", lists: lists.map((ids) => Uint32Array.from(ids)) };
  };
  process.on("message", (message: ToProcess) => {
    void answer(message)
      .catch((error: unknown): ProcessReply => ({ type: "error", error: toErrorDescription(error) }))
      .then((reply) => process.send?.(reply));
  });
  // Native code may be at work, which an orderly end would pull its memory from under.
  process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));
  // A terminal sends these to the whole group: the server finishes what runs, and then ends its processes.
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => undefined);
}

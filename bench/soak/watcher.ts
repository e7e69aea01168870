import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import type { Stream } from "../../lab/stream.ts";
import { watchPath } from "../../src/server/watch/protocol.ts";
import type { Habit, SoakTarget } from "./http-client.ts";
import type { Outcome } from "./tally.ts";

interface Message {
  readonly type: string;
  readonly error?: { readonly code: string; readonly message: string };
}

interface Watched {
  readonly target: SoakTarget;
  readonly body: Readonly<Record<string, unknown>>;
  readonly habit: Habit;
  readonly draw: Stream;
  readonly ending: AbortSignal;
}

/** Watches a completion with all events over a socket of its own; some cancel it, some leave, some read slowly. */
export function watchOnce({ target, body, habit, draw, ending }: Watched): Promise<Outcome> {
  const { host, port, localAddress } = target;
  const socket = new WebSocket(`ws://${host}:${port}${watchPath}`, {
    ...(localAddress === undefined ? {} : { localAddress }),
  });
  const leavesAfter = habit.startsWith("reads") ? Infinity : draw.integer(0, 60);
  const cancelsAfter = draw.uniform() < 0.1 ? draw.integer(1, 20) : Infinity;
  return new Promise((resolve) => {
    const end = (outcome: Outcome): void => {
      ending.removeEventListener("abort", leave);
      resolve(outcome);
      socket.terminate();
    };
    const leave = (): void => {
      end({ type: "left" });
    };
    ending.addEventListener("abort", leave, { once: true });
    let read = 0;
    socket.on("open", () => {
      socket.send(JSON.stringify({ id: "a", ...body }));
      if (leavesAfter === 0) leave();
    });
    socket.on("message", (data: Buffer) => {
      const message = JSON.parse(data.toString()) as Message;
      if (message.type === "done") end({ type: "done" });
      else if (message.type === "error") end(endOf(message, read >= cancelsAfter));
      else if (++read >= leavesAfter) leave();
      else if (read === cancelsAfter) socket.send(JSON.stringify({ type: "cancel", id: "a" }));
      else if (habit === "reads slowly") void pause(socket, draw.integer(0, 200));
    });
    socket.on("error", (error) => {
      end({ type: "failed", why: error.message });
    });
    socket.on("close", (code) => {
      end({ type: "failed", why: `closed with ${code}` });
    });
  });
}

const endOf = ({ error }: Message, wasCancelled: boolean): Outcome =>
  wasCancelled && error?.code === "aborted"
    ? { type: "done" }
    : { type: "failed", why: `${error?.code}: ${error?.message}` };

async function pause(socket: WebSocket, ms: number): Promise<void> {
  socket.pause();
  await sleep(ms);
  socket.resume();
}

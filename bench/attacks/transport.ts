import { connect } from "node:net";
import type { Socket } from "node:net";
import { request as httpRequest } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { watchPath } from "../../src/server/watch/protocol.ts";

/** Where an attacker finds the server, and from where it comes. */
export interface AttackTarget {
  readonly host: string;
  readonly port: number;
  /** Not that of the well-behaved client: what is limited by address must not meet both. */
  readonly localAddress: string | undefined;
  /** Most tokens that the model takes. */
  readonly context: number;
  readonly signal: AbortSignal;
}

const source = ({ host, port, localAddress }: AttackTarget) => ({
  host,
  port,
  ...(localAddress === undefined ? {} : { localAddress }),
});

/** Does something again and again, so many side by side with a pause after each, until the attack is over. */
export async function keepDoing(
  { signal }: AttackTarget,
  { atOnce, pauseMs }: { atOnce: number; pauseMs: number },
  act: () => Promise<unknown>,
): Promise<void> {
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (!signal.aborted) {
        await act();
        await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
      }
    }),
  );
}

/** Sends a body and reads what comes, to its end. Every end will do. */
export function post(
  target: AttackTarget,
  path: string,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      target.signal.removeEventListener("abort", stop);
      resolve();
    };
    const request = httpRequest(
      {
        ...source(target),
        path,
        method: "POST",
        agent: false,
        headers: {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
          ...headers,
        },
      },
      (response) => {
        response.resume().on("close", end);
      },
    );
    const stop = (): void => {
      request.destroy();
    };
    target.signal.addEventListener("abort", stop, { once: true });
    request.on("error", end);
    request.end(body);
  });
}

/** A bare connection. Holds until the server or the attack's end closes it. */
export function hold(target: AttackTarget, use: (socket: Socket) => void): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(source(target));
    const stop = (): void => {
      socket.destroy();
    };
    target.signal.addEventListener("abort", stop, { once: true });
    socket.on("error", () => undefined);
    socket.on("connect", () => {
      use(socket);
    });
    socket.on("close", () => {
      target.signal.removeEventListener("abort", stop);
      resolve();
    });
  });
}

/** A WebSocket on which completions are watched. Holds until the server or the attack's end closes it. */
export function holdWatch(target: AttackTarget, use: (socket: WebSocket) => void): Promise<void> {
  return new Promise((resolve) => {
    const { host, port, ...from } = source(target);
    const socket = new WebSocket(`ws://${host}:${port}${watchPath}`, from);
    const stop = (): void => {
      socket.terminate();
    };
    target.signal.addEventListener("abort", stop, { once: true });
    socket.on("error", () => undefined);
    socket.on("open", () => {
      use(socket);
    });
    socket.on("close", () => {
      target.signal.removeEventListener("abort", stop);
      resolve();
    });
  });
}

import { IncomingMessage, ServerResponse, createServer } from "node:http";
import { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { RunningAnswers } from "../../../src/server/running-answers.ts";

/** A connection whose answer is under way. */
function answering(): { answers: RunningAnswers; socket: Socket; response: ServerResponse } {
  const answers = new RunningAnswers();
  const server = createServer();
  answers.follow(server);
  const socket = new Socket();
  const request = new IncomingMessage(socket);
  const response = new ServerResponse(request);
  server.emit("request", request, response);
  return { answers, socket, response };
}

describe("RunningAnswers", () => {
  it("acts once the answer is written, and leaves no listener", () => {
    const { answers, socket, response } = answering();
    const acts: string[] = [];
    answers.after(socket, () => acts.push("first"));
    expect(acts).toEqual([]);
    response.emit("close");
    expect([acts, socket.listenerCount("error")]).toEqual([["first"], 0]);
  });

  it.each(["ECONNRESET", "EPIPE", "ETIMEDOUT"])(
    "hears %s of a connection whose answer closes before the error is told",
    async (code) => {
      const { answers, socket, response } = answering();
      let hasActed = false;
      answers.after(socket, () => (hasActed = true));
      socket.destroy(Object.assign(new Error(`write ${code}`), { code }));
      response.emit("close");
      expect(socket.listenerCount("error")).toBe(1);
      await new Promise((resolve) => socket.once("close", resolve));
      expect(hasActed).toBe(false);
    },
  );

  it("acts once, whatever else comes while the first waits", () => {
    const { answers, socket, response } = answering();
    const acts: number[] = [];
    for (let index = 0; index < 100; index++) answers.after(socket, () => acts.push(index));
    expect([response.listenerCount("close"), socket.listenerCount("error")]).toEqual([1, 1]);
    response.emit("close");
    response.destroy();
    expect(acts).toEqual([0]);
    answers.after(socket, () => acts.push(100));
    expect(acts).toEqual([0, 100]);
  });
});

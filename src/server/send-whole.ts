import { Readable, addAbortSignal } from "node:stream";
import { finished } from "node:stream/promises";
import type { FastifyReply } from "fastify";
import { JsonReader } from "./long-json.ts";
import type { JsonChunk, LongJson } from "./long-json.ts";
import { nextTurn } from "./turns.ts";

/**
 * Answers with JSON. What is longer than a chunk is written as the client reads it: no more of it is ever held as text
 * than one chunk, and a client that stops reading stops the writing.
 * @param signal ends it: the client is gone, or the time is up
 * @returns when all is sent @throws when the connection ended before
 */
export async function sendWhole(
  reply: FastifyReply,
  json: LongJson<object>,
  signal: AbortSignal,
): Promise<void> {
  void reply.type("application/json; charset=utf-8");
  const reader = new JsonReader(json);
  const first = reader.read();
  if (first.isLast) {
    void reply.send(first.text);
    return;
  }
  const sent = finished(reply.raw);
  void reply.send(addAbortSignal(signal, Readable.from(chunks(first, reader), { highWaterMark: 1 })));
  await sent;
}

async function* chunks(first: JsonChunk, rest: JsonReader): AsyncGenerator<string, void, undefined> {
  for (let chunk = first; ; chunk = rest.read()) {
    yield chunk.text;
    if (chunk.isLast) return;
    await nextTurn();
  }
}

/** Fastify takes the reply itself for "answered already"; the type provider has no word for that. */
export const sent = (reply: FastifyReply): never => reply as never;

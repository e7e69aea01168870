import type { IncomingMessage } from "node:http";
import { PassThrough, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { InferenceError } from "../core/errors.ts";
import type { IdentifyClient } from "./api-keys.ts";
import { freeBytes } from "./body-budget.ts";
import type { BodyBudget, BodyHold } from "./body-budget.ts";
import { refusal } from "./errors.ts";
import { readJson } from "./json.ts";

const decoders = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

const codings = Object.keys(decoders).filter((name) => !name.startsWith("x-"));

export interface BodyOptions {
  /** Of one, bytes. */
  readonly bodyLimit: number;
  /** Of all. */
  readonly bodies: BodyBudget;
  readonly identifyClient: IdentifyClient;
}

/** Reads JSON bodies: in UTF-8 and no other charset, compressed or not. */
export function readBodies(app: FastifyInstance, { bodyLimit, bodies, identifyClient }: BodyOptions): void {
  const holds = new WeakMap<FastifyRequest, BodyHold>();
  app.removeContentTypeParser("text/plain");
  app.addContentTypeParser(
    "application/json",
    { parseAs: "buffer" },
    async (request: FastifyRequest, body: Buffer) => {
      holds.get(request)?.complete();
      checkCharset(request);
      // SDKs name a type whether there is a body or not.
      if (body.length === 0 && request.routeOptions.schema?.body === undefined) return undefined;
      return readJson(body, "body");
    },
  );
  app.addHook("preParsing", (request, reply, payload, done) => {
    const { "transfer-encoding": transfer, "content-encoding": content = "" } = request.headers;
    if (transfer !== undefined && transfer.toLowerCase() !== "chunked") {
      done(refusal("malformed", `Of transfer codings chunked alone is read; ${transfer} is not.`));
      return;
    }
    const coding = content.trim().toLowerCase();
    const isPlain = coding === "" || coding === "identity" || !hasBody(request);
    if (!isPlain && !isReadable(coding)) {
      void reply.header("accept-encoding", codings.join(", "));
      const offer = `${codings.join(", ")} are read, one at a time`;
      done(
        refusal(
          "unreadable",
          `The body's content-encoding ${content} is not read. ${offer}; or send it plain.`,
        ),
      );
      return;
    }
    const length = Number(request.headers["content-length"] ?? 0);
    const isSmall = isPlain && transfer === undefined && length <= freeBytes;
    // One that is too large is refused for its length alone.
    if (!hasBody(request) || isSmall || length > bodyLimit) {
      done(null, payload);
      return;
    }
    const body = new PassThrough();
    // Dropped where nothing reads it, a body of another type, it would end the process.
    body.on("error", () => undefined);
    const hold = bodies.hold(identifyClient(request), () => {
      void reply.header("connection", "close");
      body.destroy(tooMany());
    });
    holds.set(request, hold);
    const end = (): void => {
      hold[Symbol.dispose]();
    };
    reply.raw.once("close", end).once("finish", end);
    hold.add(length);
    const sent = transfer === undefined ? payload : joinChunks(payload, request.raw, { reply, hold });
    done(
      null,
      passOn(isReadable(coding) ? decompress(sent, coding, { limit: bodyLimit, hold }) : sent, body),
    );
  });
}

const tooMany = (): InferenceError =>
  new InferenceError(
    "overloaded",
    "The server holds as many bytes of bodies as it may, or you have more than half of them and what is left is for others. Send this one again in a moment, or in parts; its operator may raise serve --max-bodies-mib.",
  );

/** What comes is read through a stream that can be ended while its connection lives on, to be told why. */
function passOn(from: Readable & { readonly receivedEncodedLength?: number }, to: PassThrough): PassThrough {
  from.once("error", (error) => to.destroy(error)).pipe(to);
  if (from.receivedEncodedLength === undefined) return to;
  return Object.defineProperty(to, "receivedEncodedLength", { get: () => from.receivedEncodedLength });
}

const isReadable = (coding: string): coding is keyof typeof decoders => Object.hasOwn(decoders, coding);

const hasBody = ({ headers }: FastifyRequest): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;

/** Bytes on the way that may be no body's: some, and as many as the body has. */
const freeFramingBytes = 32 * 1024;

/**
 * The bytes of a body in chunks, those that came together as one: tiny chunks kept one by one would take a hundred times
 * their size. A body that is chunks more than bytes is refused, for each chunk is work.
 */
function joinChunks(
  payload: Readable,
  { socket }: IncomingMessage,
  { reply, hold }: { readonly reply: FastifyReply; readonly hold: BodyHold },
): Readable {
  const before = socket.bytesRead;
  async function* joined(): AsyncGenerator<Buffer, void, undefined> {
    let length = 0;
    for await (const bytes of payload as AsyncIterable<Buffer>) {
      length += bytes.length;
      hold.add(bytes.length);
      if (socket.bytesRead - before > 2 * length + freeFramingBytes) {
        // What is still to come is as much work.
        void reply.header("connection", "close");
        throw refusal("tooLarge", "The body comes in too many chunks of a few bytes. Send larger ones.");
      }
      yield bytes;
    }
  }
  return Readable.from(joined(), { objectMode: false });
}

/**
 * A body's own bytes, as far as the limit: few compressed ones may stand for any number.
 * Fastify compares `receivedEncodedLength`, the compressed bytes read, with the header content-length.
 */
function decompress(
  payload: Readable,
  coding: keyof typeof decoders,
  { limit, hold }: { readonly limit: number; readonly hold: BodyHold },
): Readable & { readonly receivedEncodedLength: number } {
  async function* decoded(): AsyncGenerator<Buffer, void, undefined> {
    const decoder = decoders[coding]();
    payload.on("data", (chunk: Buffer) => {
      body.receivedEncodedLength += chunk.length;
    });
    const piped = pipeline(payload, decoder);
    // It fails as the decoder does, which is read below.
    piped.catch(() => undefined);
    let length = 0;
    try {
      for await (const chunk of decoder as AsyncIterable<Buffer>) {
        length += chunk.length;
        hold.add(chunk.length);
        if (length > limit)
          throw refusal("tooLarge", `The body is larger than ${limit} bytes when decompressed.`);
        yield chunk;
      }
    } catch (error) {
      if (error instanceof Error && "statusCode" in error) throw error;
      throw refusal(
        "malformed",
        `The body is not ${coding}, though its content-encoding says so. Send it anew.`,
      );
    }
  }
  const body = Object.assign(Readable.from(decoded(), { objectMode: false }), { receivedEncodedLength: 0 });
  return body;
}

/** @throws Refusal where the body is said to be in another charset than UTF-8 */
function checkCharset({ headers }: FastifyRequest): void {
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(headers["content-type"] ?? "")?.[1] ?? "utf-8";
  if (!/^(utf-?8|us-ascii)$/i.test(charset))
    throw refusal("unreadable", `JSON is read in UTF-8; ${charset} is not. Encode the body in UTF-8.`);
}

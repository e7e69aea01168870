import { once } from "node:events";
import { connect } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import type { FastifyInstance } from "fastify";

export interface RawResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A connection on which the bytes are a test's own. */
export class Connection implements Disposable {
  readonly #socket: Socket;
  #wake: () => void = () => undefined;
  #received = Buffer.alloc(0);
  #isOver = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#isOver = true;
      this.#wake();
    });
  }

  static async open(app: FastifyInstance): Promise<Connection> {
    if (!app.server.listening) await app.listen({ host: "127.0.0.1", port: 0 });
    const socket = connect((app.server.address() as AddressInfo).port, "127.0.0.1");
    await once(socket, "connect");
    return new Connection(socket);
  }

  /** Writes, and waits until the bytes are with the kernel. */
  async send(data: string | Buffer): Promise<void> {
    await new Promise((resolve) => this.#socket.write(data, resolve));
  }

  /** The next response, 1xx ones included. @throws when the connection ends before */
  async response(): Promise<RawResponse> {
    for (;;) {
      const response = this.#take();
      if (response !== undefined) return response;
      if (this.#isOver) throw new Error(`no response, but: ${this.#received.toString()}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Waits until the server has closed. */
  async closed(): Promise<void> {
    if (!this.#isOver) await new Promise((resolve) => this.#socket.once("close", resolve));
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #take(): RawResponse | undefined {
    const end = this.#received.indexOf("\r\n\r\n");
    if (end < 0) return undefined;
    const [first, ...lines] = this.#received.subarray(0, end).toString("latin1").split("\r\n");
    const headers = Object.fromEntries(
      lines.map((line) => [
        line.slice(0, line.indexOf(":")).toLowerCase(),
        line.slice(line.indexOf(":") + 1).trim(),
      ]),
    );
    const status = Number(first!.split(" ")[1]);
    const rest = this.#received.subarray(end + 4);
    const whole = headers["transfer-encoding"] === "chunked" ? readChunks(rest) : readLength(rest, headers);
    if (whole === undefined) return undefined;
    this.#received = rest.subarray(whole.length);
    return { status, headers, body: whole.body };
  }
}

interface Body {
  readonly body: string;
  /** Bytes that it takes on the connection. */
  readonly length: number;
}

function readLength(rest: Buffer, headers: Readonly<Record<string, string>>): Body | undefined {
  const length = Number(headers["content-length"] ?? 0);
  return rest.length < length ? undefined : { body: rest.subarray(0, length).toString(), length };
}

function readChunks(rest: Buffer): Body | undefined {
  let body = "";
  for (let at = 0; ;) {
    const end = rest.indexOf("\r\n", at);
    if (end < 0) return undefined;
    const size = parseInt(rest.subarray(at, end).toString(), 16);
    const next = end + 2 + size + 2;
    if (rest.length < next) return undefined;
    if (size === 0) return { body, length: next };
    body += rest.subarray(end + 2, end + 2 + size).toString();
    at = next;
  }
}

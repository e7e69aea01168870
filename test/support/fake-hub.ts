import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const hash = (kind: string, ...parts: (string | Uint8Array)[]): string => {
  const sum = createHash(kind);
  for (const part of parts) sum.update(part);
  return sum.digest("hex");
};

/** What a request for a file's bytes meets. */
export interface Fault {
  /** Bytes sent before the connection is destroyed, or kept open in silence. */
  readonly after?: number;
  readonly stalls?: boolean;
  /** Answers with this status instead. */
  readonly status?: number;
  /** Sends other bytes than the hub's list promises. */
  readonly corrupts?: boolean;
  /** Sends more of them. */
  readonly isLonger?: boolean;
  /** Answers from the start whatever range is asked for. */
  readonly ignoresRange?: boolean;
}

/**
 * The hub's protocol over one repository in memory: revision, tree in pages, and resolve, which sends large files to
 * another origin.
 */
export class FakeHub {
  readonly commit = "a".repeat(40);
  readonly #revisions: readonly string[] = ["main", "v1", this.commit];
  /** Ranges asked for, by path. */
  readonly ranges: { path: string; range: string | undefined }[] = [];
  /** Authorization that the store of large files was sent. */
  readonly leaked: string[] = [];
  /** Taken one at a time by the requests for a path. */
  readonly faults = new Map<string, Fault[]>();
  token: string | undefined;
  isDown = false;
  readonly #id: string;
  readonly #files: ReadonlyMap<string, Uint8Array>;
  readonly #hub: Server;
  readonly #store: Server;

  private constructor(id: string, files: ReadonlyMap<string, Uint8Array>) {
    this.#id = id;
    this.#files = files;
    this.#hub = createServer((request, response) => {
      this.#answer(request, response);
    });
    this.#store = createServer((request, response) => {
      if (request.headers.authorization !== undefined) this.leaked.push(request.headers.authorization);
      this.#sendFile(decodeURIComponent(request.url!.slice(1)), request, response);
    });
  }

  static async start(id: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<FakeHub> {
    const bytes = Object.entries(files).map(([path, data]) => [path, Buffer.from(data)] as const);
    const fake = new FakeHub(id, new Map(bytes));
    for (const server of [fake.#hub, fake.#store]) {
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    }
    return fake;
  }

  get url(): string {
    return urlOf(this.#hub);
  }

  fail(path: string, ...faults: Fault[]): void {
    this.faults.set(path, faults);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of [this.#hub, this.#store]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url!, this.url);
    if (this.isDown) {
      request.socket.destroy();
      return;
    }
    if (this.token !== undefined && request.headers.authorization !== `Bearer ${this.token}`) {
      response.writeHead(401).end();
    } else if (this.#revisions.some((name) => pathname === `/api/models/${this.#id}/revision/${name}`)) {
      response.end(JSON.stringify({ id: this.#id, sha: this.commit, private: false }));
    } else if (pathname === `/api/models/${this.#id}/tree/${this.commit}`) {
      this.#sendTree(Number(searchParams.get("cursor") ?? 0), response);
    } else if (pathname.startsWith(`/${this.#id}/resolve/${this.commit}/`)) {
      const path = decodeURIComponent(pathname.split(`/${this.commit}/`)[1]!);
      if (isLarge(path)) response.writeHead(302, { location: `${urlOf(this.#store)}/${path}` }).end();
      else this.#sendFile(path, request, response);
    } else response.writeHead(404).end();
  }

  #sendTree(cursor: number, response: ServerResponse): void {
    const pageSize = 3;
    const entries = [...this.#files].map(([path, bytes]) => ({
      type: "file",
      path,
      size: bytes.length,
      oid: hash("sha1", `blob ${bytes.length}\0`, bytes),
      ...(isLarge(path) ? { lfs: { oid: hash("sha256", bytes), size: bytes.length, pointerSize: 130 } } : {}),
    }));
    const all = [{ type: "directory", path: "onnx", size: 0, oid: "0".repeat(40) }, ...entries];
    const next = cursor + pageSize;
    if (next < all.length) {
      const link = `${this.url}/api/models/${this.#id}/tree/${this.commit}?recursive=true&cursor=${next}`;
      response.setHeader("link", `<${link}>; rel="next"`);
    }
    response.end(JSON.stringify(all.slice(cursor, next)));
  }

  #sendFile(path: string, request: IncomingMessage, response: ServerResponse): void {
    const { range } = request.headers;
    this.ranges.push({ path, range });
    const fault = this.faults.get(path)?.shift() ?? {};
    if (fault.status !== undefined) {
      response.writeHead(fault.status).end();
      return;
    }
    const whole = Buffer.from(this.#files.get(path)!);
    if (fault.corrupts === true) whole[whole.length - 1]! ^= 1;
    const start =
      range === undefined || fault.ignoresRange === true ? 0 : Number(/^bytes=(\d+)-$/.exec(range)![1]);
    const body = fault.isLonger === true ? Buffer.concat([whole, whole]) : whole.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, { "content-length": body.length });
    if (fault.after === undefined) {
      response.end(body);
      return;
    }
    response.write(body.subarray(0, fault.after), () => {
      // Once what was written has left.
      if (fault.stalls !== true) request.socket.destroySoon();
    });
  }
}

const isLarge = (path: string): boolean => /\.onnx|\.data/.test(path);

const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

import { once } from "node:events";
import { createServer, request as ask } from "node:http";
import type { IncomingMessage, OutgoingHttpHeaders, Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface PrefixProxyOptions {
  /** Of the server behind, without a path. */
  readonly target: string;
  /** Such as /met; taken off what is passed on. What stands outside of it is answered 404. */
  readonly prefix: string;
  /** Headers of its own beside the client's, `host` among them; by default the target's, as nginx has it. */
  readonly headers?: OutgoingHttpHeaders;
  /** Whether it says which host it was asked for. */
  readonly forwardsHost?: boolean;
}

/** A reverse proxy like an nginx with `location /met/ { proxy_pass http://target/; }`, WebSockets included. */
export class PrefixProxy {
  /** Prefix included, without a slash at its end. */
  readonly url: string;
  /** Paths that were asked for outside of the prefix. */
  readonly strays: string[];
  readonly #server: Server;

  private constructor(url: string, server: Server, strays: string[]) {
    this.url = url;
    this.#server = server;
    this.strays = strays;
  }

  static async start({
    target,
    prefix,
    headers = {},
    forwardsHost = false,
  }: PrefixProxyOptions): Promise<PrefixProxy> {
    const strays: string[] = [];
    const { host } = new URL(target);
    const passOn = (request: IncomingMessage) =>
      ask(target, {
        method: request.method,
        path: request.url!.slice(prefix.length),
        headers: {
          ...request.headers,
          host,
          ...(forwardsHost ? { "x-forwarded-host": request.headers.host } : {}),
          ...headers,
        },
      });
    const isInside = ({ url = "" }: IncomingMessage): boolean => url.startsWith(`${prefix}/`);
    const server = createServer((request, response) => {
      if (!isInside(request)) {
        const isPrefix = request.url === prefix;
        if (!isPrefix) strays.push(request.url!);
        response.writeHead(isPrefix ? 301 : 404, isPrefix ? { location: `${prefix}/` } : {}).end();
        return;
      }
      const upstream = passOn(request).on("response", (reply) => {
        response.writeHead(reply.statusCode!, reply.rawHeaders);
        reply.pipe(response);
      });
      upstream.on("error", () => response.destroy());
      response.on("close", () => upstream.destroy());
      request.pipe(upstream);
    });
    server.on("upgrade", (request, socket) => {
      if (!isInside(request)) {
        strays.push(request.url!);
        socket.destroy();
        return;
      }
      const upstream = passOn(request);
      upstream.on("error", () => socket.destroy());
      socket.on("error", () => upstream.destroy());
      upstream.on("response", (reply) => {
        socket.write(`HTTP/1.1 ${reply.statusCode} ${reply.statusMessage}\r\nconnection: close\r\n\r\n`);
        reply.pipe(socket);
      });
      upstream.on("upgrade", (reply, behind, first) => {
        socket.write(`HTTP/1.1 101 Switching Protocols\r\n${headerLines(reply)}\r\n\r\n`);
        socket.write(first);
        behind.on("error", () => socket.destroy());
        socket.on("close", () => behind.destroy());
        behind.pipe(socket).pipe(behind);
      });
      upstream.end();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new PrefixProxy(
      `http://127.0.0.1:${(server.address() as AddressInfo).port}${prefix}`,
      server,
      strays,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

function headerLines({ rawHeaders }: IncomingMessage): string {
  const lines: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
  return lines.join("\r\n");
}

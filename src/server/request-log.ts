import type { FastifyBaseLogger, FastifyRequest } from "fastify";

/**
 * The path that a request asks for: what is logged of its target, and what clients are told. Clients put keys into the
 * query, whether it is read or not, and into the user of an absolute target.
 */
export function targetPath(target: string): string {
  const [path = ""] = target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "").split(/[?#;]|%3f|%23/i);
  return path;
}

/** A logger whose lines hold no secret of a client: of a request its method, path, host and peer, and no header else. */
export function withoutSecrets(logger: FastifyBaseLogger): FastifyBaseLogger {
  return logger.child(
    {},
    {
      serializers: {
        req: ({ method, url, host, ip, socket }: FastifyRequest) => ({
          method,
          url: targetPath(url),
          host: host.replace(/^.*@/, ""),
          remoteAddress: ip,
          remotePort: socket.remotePort,
        }),
      },
    },
  );
}

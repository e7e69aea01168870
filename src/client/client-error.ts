/** Why a request failed: what the server said, or that it could not be asked. */
export class ClientError extends Error {
  /**
   * The server's error code (docs/api.md lists them), or `unreachable`, `connection_lost`, `aborted`, `protocol` for
   * what happened on the way.
   */
  readonly code: string;
  /** The request field at fault, where there is one. */
  readonly param: string | undefined;

  constructor(code: string, message: string, details: { param?: string | null; cause?: unknown } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "ClientError";
    this.code = code;
    this.param = details.param ?? undefined;
  }
}

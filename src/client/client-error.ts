export interface ErrorDetails {
  readonly param?: string | null | undefined;
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** Why a request failed: what the server said, or that it could not be asked. */
export class ClientError extends Error {
  /**
   * The server's error code (docs/api.md lists them), or `unreachable`, `connection_lost`, `aborted`, `protocol` for
   * what happened on the way.
   */
  readonly code: string;
  /** The request field at fault, where there is one. */
  readonly param: string | undefined;
  /** HTTP's status, where there was an answer: of a proxy in between, too. */
  readonly status: number | undefined;
  /** How long to wait before the same is asked again, where the answer says so, as to `overloaded`. */
  readonly retryAfterMs: number | undefined;

  constructor(code: string, message: string, { param, status, retryAfterMs, cause }: ErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "ClientError";
    this.code = code;
    this.param = param ?? undefined;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface RemoteFault {
  /** Whether the same call may succeed later: the server is busy, restarting, or the network failed. */
  readonly retryable: boolean;
  /** HTTP status; absent where no answer came, or one broke off. */
  readonly status?: number | undefined;
  /** What the server asked to wait. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** Why a call to a server failed, in words for whoever runs it. Tells no key. */
export class RemoteError extends Error {
  readonly retryable: boolean;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(message: string, { retryable, status, retryAfterMs, cause }: RemoteFault) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "RemoteError";
    this.retryable = retryable;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether it is this one call that the server does not take, as it is. */
  get isOfCall(): boolean {
    return this.status !== undefined && [400, 409, 413, 422].includes(this.status);
  }

  /** Whether another server, with another model, may answer from now on. */
  get isOutage(): boolean {
    return this.retryable && this.status !== 429;
  }
}

/** For answers that no server of its dialect gives. */
export const garbage = (what: string, cause?: unknown): RemoteError =>
  new RemoteError(`The server's answer cannot be read: ${what}. Is --engine the kind of server that it is?`, {
    retryable: false,
    cause,
  });

/** For a stream that ends before the server is through. */
export const brokenOff = (): RemoteError =>
  new RemoteError("The server's answer broke off.", { retryable: true });

/** For a server that answers nobody: an error of its own is then not one of the call that waits for it. */
export const unavailable = ({ message, retryAfterMs, cause }: RemoteError): RemoteError =>
  new RemoteError(message, { retryable: true, status: 503, retryAfterMs, cause });

/** An error that a server tells of by its status, in a stream too. */
export function refusal(status: number, said: string, retryAfterMs?: number): RemoteError {
  const message = said === "" ? `The server answered with status ${status}.` : `The server says: ${said}`;
  const isPassing = status === 408 || status === 425 || status === 429;
  // 501 is for what it cannot do at all.
  const retryable = isPassing || (status >= 500 && status !== 501);
  return new RemoteError(message + remedy(status), { retryable, status, retryAfterMs });
}

function remedy(status: number): string {
  if (status === 401 || status === 403) return " Set --engine-key to a key that it takes.";
  if (status === 404) return " Is --engine-url its root, and --engine the kind of server that it is?";
  if (status >= 300 && status < 400) return " Set --engine-url to where it redirects.";
  return "";
}

const certificates = /^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS_)/;
const protocols = /^(EPROTO|ERR_SSL_|HPE_)/;
/** What undici does not read, or does not send. */
const unspeakable = /^UND_ERR_(HEADERS_OVERFLOW|INVALID_ARG|NOT_SUPPORTED)$/;

/** What a failed connection means. */
export function connectionFault(error: unknown, url: string): RemoteError {
  const { code, message } = readFault(error);
  if (certificates.test(code)) {
    return new RemoteError(
      `The certificate of ${url} is not trusted (${code}). Name the authority's file in NODE_EXTRA_CA_CERTS.`,
      { retryable: false, cause: error },
    );
  }
  if (protocols.test(code)) {
    return new RemoteError(
      `${url} does not speak HTTP as --engine-url says (${code}): http:// or https://?`,
      {
        retryable: false,
        cause: error,
      },
    );
  }
  const said = code === "" ? message : code;
  if (unspeakable.test(code))
    return new RemoteError(`${url} cannot be called (${said}: ${message}).`, {
      retryable: false,
      cause: error,
    });
  return new RemoteError(`The connection to ${url} failed (${said}).`, { retryable: true, cause: error });
}

function readFault(error: unknown): { readonly code: string; readonly message: string } {
  if (!(error instanceof Error)) return { code: "", message: String(error) };
  const given = "code" in error && typeof error.code === "string" ? error.code : "";
  // Of what does not begin as HTTP does, undici tells no code.
  const code = given === "" && error.name === "HTTPParserError" ? "HPE_INVALID_CONSTANT" : given;
  return { code, message: error.message };
}

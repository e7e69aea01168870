import { z } from "zod";
import { InferenceError } from "../core/errors.ts";

/** A file of a model's repository at one commit. */
export interface HubFile {
  readonly path: string;
  readonly size: number;
  /** SHA-256 of the content for large files; for small ones git's own hash of the blob. */
  readonly hash: string;
  readonly hashKind: "sha256" | "git";
}

const revisionSchema = z.looseObject({ sha: z.string().regex(/^[0-9a-f]{40}$/) });
const treeSchema = z.array(
  z.looseObject({
    type: z.string(),
    path: z.string(),
    size: z.number().int().nonnegative(),
    oid: z.string().regex(/^[0-9a-f]{40}$/),
    lfs: z.looseObject({ oid: z.string().regex(/^[0-9a-f]{64}$/), size: z.number().int() }).optional(),
  }),
);

export interface HubClientOptions {
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly token: string | undefined;
  /** How long the hub may take to say what a model is made of, ms: a file's bytes have a limit of their own. */
  readonly answerMs?: number;
}

/** What is needed of the hub's HTTP interface. */
export class HubClient {
  readonly #options: HubClientOptions;

  constructor(options: HubClientOptions) {
    this.#options = options;
  }

  /** The commit that a branch, tag or commit of a model stands for. */
  async commitOf(id: string, revision: string): Promise<string> {
    const reply = await this.#get(
      `/api/models/${id}/revision/${encodeURIComponent(revision)}`,
      id,
      this.#deadline(),
    );
    return revisionSchema.parse(await this.#read(reply)).sha;
  }

  async files(id: string, commit: string): Promise<HubFile[]> {
    const files: HubFile[] = [];
    let next: string | undefined = `/api/models/${id}/tree/${commit}?recursive=true`;
    for (let page = 1; next !== undefined; page++) {
      if (page > mostPages) throw tooLong(id);
      const reply: Response = await this.#get(next, id, this.#deadline());
      for (const { type, path, size, oid, lfs } of treeSchema.parse(await this.#read(reply))) {
        if (type !== "file") continue;
        checkPath(path);
        files.push(
          lfs === undefined
            ? { path, size, hash: oid, hashKind: "git" }
            : { path, size: lfs.size, hash: lfs.oid, hashKind: "sha256" },
        );
      }
      if (files.length > mostFiles) throw tooLong(id);
      const link = /<([^>]+)>;\s*rel="next"/.exec(reply.headers.get("link") ?? "")?.[1];
      next = link === undefined ? undefined : this.#sameOrigin(link);
    }
    return files;
  }

  /** Bytes of a file from `offset` on; the server may answer with the whole file (status 200) all the same. */
  async open(
    id: string,
    { commit, path, offset }: { commit: string; path: string; offset: number },
    signal: AbortSignal,
  ): Promise<Response> {
    const headers: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {};
    const encoded = path.split("/").map(encodeURIComponent).join("/");
    return this.#get(`/${id}/resolve/${commit}/${encoded}`, id, { headers, signal });
  }

  #deadline(): { readonly signal: AbortSignal } {
    return { signal: AbortSignal.timeout(this.#options.answerMs ?? 30_000) };
  }

  /** A body, whose bytes may come as slowly as those before them. */
  async #read(reply: Response): Promise<unknown> {
    let text = "";
    try {
      for await (const part of reply.body!.pipeThrough(new TextDecoderStream())) {
        text += part;
        if (text.length > mostCharacters) break;
      }
    } catch (error) {
      throw this.#inTime(error);
    }
    if (text.length > mostCharacters)
      throw new InferenceError("model_not_found", "The hub's answer does not end. Is HF_ENDPOINT a hub?");
    return JSON.parse(text) as unknown;
  }

  /** What fetch says of a deadline names neither the hub nor what to do. */
  #inTime(error: unknown): unknown {
    if (!(error instanceof DOMException) || error.name !== "TimeoutError") return error;
    const { endpoint, answerMs = 30_000 } = this.#options;
    return new Error(
      `${endpoint} did not answer within ${answerMs / 1000} s; HF_ENDPOINT names another, HF_HUB_OFFLINE=1 asks none`,
    );
  }

  #sameOrigin(link: string): string {
    const { origin, pathname, search } = new URL(link, this.#options.endpoint);
    if (origin !== new URL(this.#options.endpoint).origin) {
      throw new InferenceError("model_not_found", `The hub names ${origin} for the rest of its file list.`);
    }
    return pathname + search;
  }

  async #get(
    path: string,
    id: string,
    init: { headers?: Record<string, string>; signal?: AbortSignal } = {},
  ): Promise<Response> {
    const { endpoint, token } = this.#options;
    // fetch sends no authorization on to another origin, as the stores of large files are.
    const authorization: Record<string, string> =
      token === undefined ? {} : { authorization: `Bearer ${token}` };
    const reply = await fetch(endpoint + path, {
      ...init,
      headers: { ...init.headers, ...authorization },
    }).catch((error: unknown) => {
      throw this.#inTime(error);
    });
    if (reply.ok) return reply;
    await reply.body?.cancel();
    throw refusal(reply.status, id, token !== undefined);
  }
}

/** More than any repository has that is a model. */
const mostFiles = 100_000;
const mostPages = 1_000;

/** Of one answer, much more than a page of files takes. */
const mostCharacters = 2 ** 25;

const tooLong = (id: string): InferenceError =>
  new InferenceError("model_not_found", `The hub lists files of ${id} without end. Is HF_ENDPOINT a hub?`);

/** A path from the network must stay inside the snapshot it is joined to. */
function checkPath(path: string): void {
  const isInside = path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
  if (isInside && !path.includes("\\") && !path.includes("\0")) return;
  throw new InferenceError(
    "model_not_found",
    `The hub lists a file '${path}', which no repository may have.`,
  );
}

/** A refusal by status; what may pass by itself is a `RetryableRefusal`. */
function refusal(status: number, id: string, hasToken: boolean): Error {
  if (status === 429 || status >= 500) return new RetryableRefusal(status);
  if (status === 401 || status === 403) {
    const fix = hasToken
      ? "The token in HF_TOKEN may not read it: accept the model's terms on its page, or use another token."
      : "It does not exist, or is private or gated: then set HF_TOKEN to a token that may read it.";
    return new InferenceError("model_not_found", `The hub gives no access to ${id}. ${fix}`, {
      param: "model",
    });
  }
  return new InferenceError(
    "model_not_found",
    status === 404
      ? `The hub has no model ${id}, or not in that revision.`
      : `The hub answered with status ${status} for ${id}.`,
    { param: "model" },
  );
}

/** The hub is busy; asking again later may help. */
export class RetryableRefusal extends Error {
  constructor(status: number) {
    super(`the hub answered with status ${status}`);
  }
}

/** What both ends of the WebSocket go by, beside the messages themselves. */

/** Path of the WebSocket on which completions are watched. */
export const watchPath = "/v1/completions/ws";

/** The subprotocol both ends speak. */
export const watchProtocol = "metropolis";

/** Browsers cannot send headers with a WebSocket; a key travels as a second subprotocol, base64url after this. */
export const keyProtocolPrefix = "metropolis-key.";

/** What a client may narrow its events to. A request's end, `done` or `error`, always comes. */
export const eventNames = [
  "accepted",
  "block",
  "proposal",
  "decision",
  "revision",
  "token",
  "progress",
  "votes",
  "done",
  "error",
] as const;
export type EventName = (typeof eventNames)[number];

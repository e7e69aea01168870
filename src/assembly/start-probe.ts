import { ProbeServer } from "../server/probe/probe-server.ts";

/**
 * Starts answering /health on a port of its own, before there is an engine.
 * @returns `undefined` where no such port is asked for
 * @throws InferenceError where it cannot be listened on
 */
export const startProbe = async (host: string, port: number | undefined): Promise<ProbeServer | undefined> =>
  port === undefined
    ? undefined
    : ProbeServer.start({
        host,
        port,
        // Threads run what was compiled.
        entry: new URL("../server/probe/probe-thread.js", import.meta.url),
      });

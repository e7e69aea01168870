import type { ServerMark } from "../health.ts";
import type { ServerDescription } from "./dialect.ts";
import type { ServerFacts } from "./facts.ts";
import { distance, tolerance } from "./fingerprint.ts";

interface Examined {
  readonly description: ServerDescription;
  readonly facts: ServerFacts;
}

/** What tells the model of a server that was examined from another. */
export const markOf = ({ description, facts }: Examined): ServerMark => ({
  identity: description.identity,
  fingerprint: facts.fingerprint,
  tolerance: tolerance(facts.disagreement),
});

/** How a server's model differs from one that was marked before; `undefined` where it is the same. */
export function changeSince(mark: ServerMark, { description, facts }: Examined): string | undefined {
  if (description.identity !== mark.identity)
    return `it was ${mark.identity}, and is ${description.identity}`;
  const apart = distance(mark.fingerprint, facts.fingerprint);
  if (apart <= mark.tolerance) return undefined;
  return `log-probs after the same prompt are ${apart.toFixed(3)} nats from what they were`;
}

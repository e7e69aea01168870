import type { FunctionComponent } from "preact";
import type { CompleteRequest } from "../../src/client/client.ts";

/** One way to look at the model; the form beside it is shared by all. */
export interface View {
  readonly label: string;
  /** What the view reads of the form: all of it, the prompt alone, or nothing, where it has a form of its own. */
  readonly reads: "all" | "prompt" | "nothing";
  /** The form that Ctrl+Enter submits, by its id; the one beside the views when left out. */
  readonly ownForm?: string;
  readonly Panel: FunctionComponent;
  /** What it asks of the server, for programs that ask the same. Left out where the form has no part in it. */
  readonly requests?: () => readonly CompleteRequest[];
  /** Whether its tab runs it: it has nothing to show yet, and is no more work than somebody who looks around expects. Left out where it waits to be asked. */
  runsWhenOpened?(): boolean;
  /** What the form beside the views runs; nothing where the view has its own. @throws ClientError, which is shown in the form */
  readonly run?: (signal: AbortSignal) => Promise<void>;
}

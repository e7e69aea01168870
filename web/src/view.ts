import type { FunctionComponent } from "preact";

/** One way to look at the model; the form beside it is shared by all. */
export interface View {
  readonly label: string;
  /** What the view reads of the form: all of it, the prompt alone, or nothing, where it has a form of its own. */
  readonly reads: "all" | "prompt" | "nothing";
  readonly Panel: FunctionComponent;
  /** Whether it has nothing to show yet: its tab then runs it. Left out where it waits to be asked. */
  isEmpty?(): boolean;
  /** What Run, or Ctrl+Enter, does. @throws ClientError, which is shown in the form */
  run(signal: AbortSignal): Promise<void>;
}

import type { FunctionComponent } from "preact";

/** One way to look at the model; the form beside it is shared by all. */
export interface View {
  readonly label: string;
  /** What the view reads of the form: all of it, or the prompt alone. */
  readonly reads: "all" | "prompt";
  readonly Panel: FunctionComponent;
  /** What the form's Run does. @throws ClientError, which is shown in the form */
  run(signal: AbortSignal): Promise<void>;
}

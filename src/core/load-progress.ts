/** How far a model has been loaded. Plain data: it crosses threads. */
export interface LoadProgress {
  /**
   * Weight files are read, the runtime prepares the graph and its products, passes are timed; or a server elsewhere is
   * waited for, and asked what it does.
   */
  readonly stage: "reading" | "preparing" | "measuring" | "connecting";
  /** Read so far, where it can be told. */
  readonly bytes?: number;
  /** Of the model's files; absent where none are loaded here. */
  readonly totalBytes?: number;
}

export type OnLoadProgress = (progress: LoadProgress) => void;

const stages: Readonly<Record<LoadProgress["stage"], string>> = {
  reading: "reading weights",
  preparing: "preparing the graph",
  measuring: "timing passes",
  connecting: "asking the server that runs the model what it does",
};

/** What is being done, for a line: "reading weights, 40 % of 515 MiB". */
export function describeProgress({ stage, bytes, totalBytes }: LoadProgress): string {
  if (stage !== "reading" || totalBytes === undefined) return stages[stage];
  const mebibytes = `${(totalBytes / 1024 ** 2).toFixed(0)} MiB`;
  const share = bytes === undefined ? "" : `${Math.floor((100 * bytes) / totalBytes)} % of `;
  return `${stages[stage]}, ${share}${mebibytes}`;
}

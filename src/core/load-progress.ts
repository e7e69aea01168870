/** How far a model has been loaded. Plain data: it crosses threads. */
export interface LoadProgress {
  /** Weight files are read, the runtime prepares the graph and its products, passes are timed. */
  readonly stage: "reading" | "preparing" | "measuring";
  /** Read so far, where it can be told. */
  readonly bytes?: number;
  /** Of the model's files. */
  readonly totalBytes: number;
}

export type OnLoadProgress = (progress: LoadProgress) => void;

const stages: Readonly<Record<LoadProgress["stage"], string>> = {
  reading: "reading weights",
  preparing: "preparing the graph",
  measuring: "timing passes",
};

/** What is being done, for a line: "reading weights, 40 % of 515 MiB". */
export function describeProgress({ stage, bytes, totalBytes }: LoadProgress): string {
  const mebibytes = `${(totalBytes / 1024 ** 2).toFixed(0)} MiB`;
  if (stage !== "reading") return stages[stage];
  const share = bytes === undefined ? "" : `${Math.floor((100 * bytes) / totalBytes)} % of `;
  return `${stages[stage]}, ${share}${mebibytes}`;
}

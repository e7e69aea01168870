import { MultiBar, Presets } from "cli-progress";
import type { SingleBar } from "cli-progress";
import type { HubFile } from "../hub/hub-client.ts";

const mib = 1024 * 1024;

/** One line of progress per file; without a terminal, a line when a file is there. */
export class DownloadBars implements Disposable {
  readonly #bars: MultiBar | undefined;
  readonly #byPath = new Map<string, SingleBar>();

  constructor() {
    if (!process.stderr.isTTY) return;
    this.#bars = new MultiBar(
      {
        format: "{name} {bar} {percentage}% of {mebibytes} MiB, {eta_formatted} left",
        // A line has to fit 80 columns; what does not is cut off.
        barsize: 15,
        hideCursor: true,
      },
      Presets.shades_classic,
    );
    // A signal ends the process amid a download: the terminal gets its cursor back.
    process.once("exit", this.#stop);
  }

  show({ path, size }: HubFile, bytes: number): void {
    if (this.#bars === undefined) {
      if (bytes === size) console.error(`${path}: ${(size / mib).toFixed(1)} MiB`);
      return;
    }
    let bar = this.#byPath.get(path);
    if (bar === undefined) {
      bar = this.#bars.create(size, bytes, { name: path.padEnd(28), mebibytes: (size / mib).toFixed(1) });
      this.#byPath.set(path, bar);
    }
    bar.update(bytes);
  }

  readonly #stop = (): void => {
    this.#bars?.stop();
  };

  [Symbol.dispose](): void {
    process.off("exit", this.#stop);
    this.#stop();
  }
}

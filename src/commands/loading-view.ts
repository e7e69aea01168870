import { describeProgress } from "../core/load-progress.ts";
import type { LoadProgress } from "../core/load-progress.ts";

/** Files of fewer bytes are loaded before a line about it is read. */
const leastShownBytes = 64 * 1024 ** 2;

const redrawMs = 200;

/** What the view writes on: standard error, but for tests. */
export interface LoadingScreen {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/**
 * Shows how a large model is loaded: on a terminal a line that changes, with the time that it has taken; elsewhere a line
 * for each stage.
 */
export class LoadingView implements Disposable {
  readonly #screen: LoadingScreen;
  readonly #startedAt = performance.now();
  #progress: LoadProgress | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(screen: LoadingScreen = process.stderr) {
    this.#screen = screen;
  }

  readonly show = (progress: LoadProgress): void => {
    if (this.#isOver || (progress.totalBytes ?? Infinity) < leastShownBytes) return;
    const isNew = this.#progress?.stage !== progress.stage;
    this.#progress = progress;
    if (this.#screen.isTTY === true) {
      this.#timer ??= setInterval(this.#draw, redrawMs).unref();
      if (isNew) this.#draw();
    } else if (isNew) {
      const { bytes: _, ...stage } = progress;
      this.#screen.write(`loading: ${describeProgress(stage)}\n`);
    }
  };

  readonly #draw = (): void => {
    if (this.#progress === undefined) return;
    this.#screen.write(`\r\u001b[Kloading: ${describeProgress(this.#progress)}, ${this.#seconds()} s`);
  };

  /** The model is there, or will not be: clears the line, and shows no more. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#screen.write("\r\u001b[K");
  }

  #seconds(): string {
    return ((performance.now() - this.#startedAt) / 1000).toFixed(1);
  }
}

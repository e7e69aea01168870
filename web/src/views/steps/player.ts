import { effect, signal } from "@preact/signals";
import type { WatchEvent } from "../../../../src/client/client.ts";
import { Recording } from "./recording.ts";
import type { Frame } from "./recording.ts";

/** Steps a second that the reader wants to see; 0 for all as they come. */
export const pace = signal(4);
export const isPlaying = signal(true);
/** Which of the recording's frames is shown; −1 before the first. */
export const position = signal(-1);
/** The recording, anew whenever it has grown. */
export const recorded = signal({ recording: new Recording() });

/** Records what a request tells. What is refused before it begins leaves the last recording where it is. */
export async function record(prompt: string, events: AsyncIterable<WatchEvent>): Promise<void> {
  let recording: Recording | undefined;
  try {
    for await (const event of events) {
      recording ??= begin(prompt);
      recording.apply(event);
      if (event.type !== "done") show(recording);
    }
  } finally {
    if (recording !== undefined) {
      recording.isOver = true;
      recorded.value = { recording };
    }
  }
}

function begin(prompt: string): Recording {
  const recording = new Recording(prompt);
  recorded.value = { recording };
  position.value = -1;
  isPlaying.value = true;
  return recording;
}

let drawing: number | undefined;

/** Once a picture, however many events come between. */
function show(recording: Recording): void {
  drawing ??= requestAnimationFrame(() => {
    drawing = undefined;
    if (recorded.peek().recording === recording) recorded.value = { recording };
  });
}

let timer: ReturnType<typeof setTimeout> | undefined;

effect(() => {
  const { recording } = recorded.value;
  const steps = pace.value;
  clearTimeout(timer);
  if (!isPlaying.value) return;
  const { frames, isOver } = recording;
  const last = frames.length - 1;
  const at = position.value;
  if (at >= last) {
    if (isOver) isPlaying.value = false;
    return;
  }
  if (steps === 0) {
    position.value = last;
    return;
  }
  const next = nextTold(frames, at + 1);
  // What comes while it is not over may tell more.
  if (next === undefined && !isOver) return;
  timer = setTimeout(
    () => {
      position.value = next ?? last;
    },
    at < 0 ? 0 : 1000 / steps,
  );
});

/** The first frame from there on that has something to show: where the same came out again, playing passes over. */
function nextTold(frames: readonly Frame[], from: number): number | undefined {
  const index = frames.findIndex((frame, at) => at >= from && frame.decision?.outcome !== "unchanged");
  return index === -1 ? undefined : index;
}

/** From the beginning where the end was reached. */
export function togglePlaying(): void {
  const { frames, isOver } = recorded.value.recording;
  const isAtEnd = isOver && position.value >= frames.length - 1;
  if (!isPlaying.value && isAtEnd) position.value = 0;
  isPlaying.value = !isPlaying.value;
}

/** Shows a frame, and stays there. */
export function seek(to: number): void {
  isPlaying.value = false;
  position.value = Math.max(0, Math.min(recorded.value.recording.frames.length - 1, to));
}

/** The next frame in a direction by which the text differs; the last one where none does. */
export function seekChange(by: 1 | -1): void {
  const { frames } = recorded.value.recording;
  const changes = ({ before, after }: Frame): boolean => before.text !== after.text;
  let to = position.value + by;
  while (to > 0 && to < frames.length - 1 && !changes(frames[to]!)) to += by;
  seek(to);
}

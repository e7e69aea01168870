import { batch, computed, effect, signal } from "@preact/signals";
import type { WatchEvent } from "../../../../src/client/client.ts";
import type { Question } from "../../state/question.ts";
import { Recording } from "./recording.ts";
import type { Frame } from "./recording.ts";

/** Steps a second that the reader wants to see; 0 for all as they come. */
export const pace = signal(4);
export const isPlaying = signal(true);
/** Which of the recording's frames is shown; −1 before the first. */
export const position = signal(-1);
/** The recording, anew whenever it has grown. */
export const recorded = signal({ recording: new Recording({ prompt: "", model: undefined }) });

/** Records what a request tells. What is refused before it begins leaves the last recording where it is. */
export async function record(question: Question, events: AsyncIterable<WatchEvent>): Promise<void> {
  let recording: Recording | undefined;
  try {
    for await (const event of events) {
      recording ??= begin(question);
      const { forgotten } = recording;
      recording.apply(event);
      if (recording.forgotten > forgotten) forget(recording.forgotten - forgotten);
      if (event.type !== "done") show();
    }
  } finally {
    if (recording !== undefined) {
      recording.isOver = true;
      recorded.value = { recording };
    }
  }
}

function begin(question: Question): Recording {
  const recording = new Recording(question);
  batch(() => {
    recorded.value = { recording };
    position.value = -1;
    isPlaying.value = true;
  });
  return recording;
}

/** Stays at the frame that is shown, as long as that is there. */
function forget(count: number): void {
  batch(() => {
    recorded.value = { ...recorded.peek() };
    position.value = Math.max(0, position.peek() - count);
  });
}

let drawing: number | undefined;

/** Once a picture, however many events come between. */
function show(): void {
  drawing ??= requestAnimationFrame(() => {
    drawing = undefined;
    recorded.value = { ...recorded.peek() };
  });
}

const isAtEnd = computed(() => {
  const { frames, isOver } = recorded.value.recording;
  return isOver && position.value >= frames.length - 1;
});

/** The frame that is played next; undefined where none is, or what comes may tell more. */
const next = computed((): number | undefined => {
  const { frames, isOver } = recorded.value.recording;
  const last = frames.length - 1;
  const at = position.value;
  if (at >= last) return undefined;
  if (pace.value === 0) return last;
  return nextTold(frames, at + 1) ?? (isOver ? last : undefined);
});

effect(() => {
  if (isPlaying.value && isAtEnd.value) isPlaying.value = false;
});

let timer: ReturnType<typeof setTimeout> | undefined;

// However fast a recording grows: only another frame, or another pace, begins the wait anew.
effect(() => {
  const to = next.value;
  const steps = pace.value;
  clearTimeout(timer);
  if (!isPlaying.value || to === undefined) return;
  const go = (): void => {
    position.value = to;
  };
  if (steps === 0) go();
  else timer = setTimeout(go, position.peek() < 0 ? 0 : 1000 / steps);
});

/** The first frame from there on that has something to show: where the same came out again, playing passes over. */
function nextTold(frames: readonly Frame[], from: number): number | undefined {
  const index = frames.findIndex((frame, at) => at >= from && frame.decision?.outcome !== "unchanged");
  return index === -1 ? undefined : index;
}

/** From the beginning where the end was reached. */
export function togglePlaying(): void {
  if (!isPlaying.value && isAtEnd.value) position.value = 0;
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

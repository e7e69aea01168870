import { useMemo } from "preact/hooks";
import { isPlaying, pace, position, recorded, seek, seekChange, togglePlaying } from "./player.ts";
import type { Frame } from "./recording.ts";
import { placeOf, verdictOf } from "./step-words.ts";
import type { Verdict } from "./step-words.ts";

const paces = [1, 4, 16, 64] as const;
const legend: Record<Verdict["tone"], string> = {
  draft: "drafted: the answer grew",
  moved: "moved",
  unchanged: "unchanged: the same came out again; playing passes over it",
  rejected: "rejected",
};
const tones: readonly Verdict["tone"][] = ["draft", "moved", "unchanged", "rejected"];

/** Pace, pause, step and scrub: over a strip that has every step in the colour of what became of it. */
export function Timeline() {
  const { recording } = recorded.value;
  const { frames, blocks } = recording;
  const at = position.value;
  const frame = frames[at];
  const isAtEnd = at >= frames.length - 1;
  return (
    <div class="timeline">
      <div class="buttons">
        <Jump
          id="previous-change"
          label="Last change"
          sign="◀◀"
          isOff={at <= 0}
          onJump={() => {
            seekChange(-1);
          }}
        />
        <Jump
          id="previous-step"
          label="Step back"
          sign="◀"
          isOff={at <= 0}
          onJump={() => {
            seek(at - 1);
          }}
        />
        <button type="button" id="play" disabled={frames.length === 0} onClick={togglePlaying}>
          {isPlaying.value ? "Pause" : isAtEnd ? "Replay" : "Play"}
        </button>
        <Jump
          id="next-step"
          label="Step on"
          sign="▶"
          isOff={isAtEnd}
          onJump={() => {
            seek(at + 1);
          }}
        />
        <Jump
          id="next-change"
          label="Next change"
          sign="▶▶"
          isOff={isAtEnd}
          onJump={() => {
            seekChange(1);
          }}
        />
        <label class="pace">
          Pace
          <select
            id="pace"
            value={String(pace.value)}
            onChange={({ currentTarget }) => {
              pace.value = Number(currentTarget.value);
            }}
          >
            {paces.map((steps) => (
              <option key={steps} value={String(steps)}>
                {steps} {steps === 1 ? "step" : "steps"}/s
              </option>
            ))}
            <option value="0">as it comes</option>
          </select>
        </label>
      </div>
      <input
        id="scrub"
        type="range"
        aria-label="Moment that is shown"
        aria-valuetext={frame === undefined ? "" : `${placeOf(frame, blocks)}: ${verdictOf(frame).word}`}
        min={0}
        max={Math.max(0, frames.length - 1)}
        value={Math.max(0, at)}
        disabled={frames.length === 0}
        onInput={({ currentTarget }) => {
          seek(currentTarget.valueAsNumber);
        }}
      />
      <Strip frames={frames} at={at} />
    </div>
  );
}

interface JumpProps {
  readonly id: string;
  readonly label: string;
  readonly sign: string;
  readonly isOff: boolean;
  readonly onJump: () => void;
}

const Jump = ({ id, label, sign, isOff, onJump }: JumpProps) => (
  <button type="button" id={id} aria-label={label} disabled={isOff} onClick={onJump}>
    {sign}
  </button>
);

interface StripProps {
  readonly frames: readonly Frame[];
  readonly at: number;
}

function Strip({ frames, at }: StripProps) {
  // The list grows in place, and its last frame changes with the revision that a decision led to.
  const paths = useMemo(
    () => tones.map((tone) => ({ tone, d: bars(frames, tone) })),
    [frames, frames.length, frames.at(-1)],
  );
  if (!frames.some(({ kind }) => kind !== "token")) return null;
  const { moved = 0, unchanged = 0, rejected = 0, tries = 0 } = frames[at]?.counts ?? {};
  return (
    <>
      <svg
        id="outcomes"
        class="strip"
        viewBox={`0 0 ${frames.length} 1`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`What became of the proposals: ${tries > 0 ? `${tries} tried, ` : ""}${moved} moved, ${unchanged} unchanged, ${rejected} rejected so far`}
        onPointerDown={({ currentTarget, clientX }) => {
          const { left, width } = currentTarget.getBoundingClientRect();
          seek(Math.floor((frames.length * (clientX - left)) / width));
        }}
      >
        {paths.map(({ tone, d }) => (
          <path key={tone} class={tone} d={d} />
        ))}
        <rect class="here" x={at} width={1} y={0} height={1} />
      </svg>
      <p class="legend">
        {paths.map(
          ({ tone, d }) =>
            d !== "" && (
              <span key={tone} class={`key ${tone}`}>
                {tone === "moved" && tries > 0 ? "taken" : legend[tone]}
              </span>
            ),
        )}
      </p>
    </>
  );
}

/** A bar for every frame of a kind: those that moved stand tall. */
function bars(frames: readonly Frame[], tone: Verdict["tone"]): string {
  const top = { moved: 0, rejected: 0.35, unchanged: 0.75, draft: 0.5 }[tone];
  return frames
    .map((frame, index) => (verdictOf(frame).tone === tone ? `M${index} ${top}h1V1h-1z` : ""))
    .join("");
}

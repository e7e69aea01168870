export interface StaleNoteProps {
  /** What the answers that are shown were asked. */
  readonly prompt: string;
}

/** Says that what is shown answers another prompt than the one in the form. */
export const StaleNote = ({ prompt }: StaleNoteProps) => (
  <p class="note" id="stale" role="status">
    Below is what came of <code>{prompt}</code>. Run to ask anew.
  </p>
);

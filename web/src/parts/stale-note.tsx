import { isOfAnotherModel } from "../state/question.ts";
import type { Question } from "../state/question.ts";

/** Says that what is shown answers another question than the one in the form. */
export const StaleNote = ({ question }: { readonly question: Question }) => (
  <p class="note" id="stale" role="status">
    Below is what came of <code>{question.prompt}</code>
    {isOfAnotherModel(question) && ` by ${question.model}`}. Run to ask anew.
  </p>
);

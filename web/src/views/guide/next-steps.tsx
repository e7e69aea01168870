import { focusTab } from "../../parts/tabs.tsx";
import { model } from "../../state/connection.ts";
import { shownView } from "../../state/shown-view.ts";
import type { ViewName } from "../../state/shown-view.ts";

const next: readonly { readonly view: ViewName; readonly title: string; readonly text: string }[] = [
  { view: "steps", title: "Watch it happen", text: "step by step: the cut, the proposal, the coin" },
  { view: "distributions", title: "Turn up α", text: "how the probabilities of all answers sharpen" },
  { view: "compare", title: "Count the cost", text: "samplers side by side, and what each took" },
];

/** What to try after the example. */
export function NextSteps() {
  const hasExamples = (model.value?.example_prompts.length ?? 0) > 1;
  return (
    <section class="next" aria-label="What to try next">
      <h2>Next</h2>
      <ul>
        {next.map(({ view, title, text }) => (
          <li key={view}>
            <button
              type="button"
              id={`next-${view}`}
              onClick={() => {
                shownView.value = view;
                // This button goes with its view.
                focusTab(view);
                (document.getElementById("settings") as HTMLFormElement).requestSubmit();
              }}
            >
              <b>{title}</b> <span>{text}</span>
            </button>
          </li>
        ))}
        <li>
          <button
            type="button"
            id="next-prompt"
            onClick={() => {
              document.getElementById("prompt")?.focus();
            }}
          >
            <b>Ask something else</b>{" "}
            <span>write a prompt{hasExamples && ", or choose one of those under it"}</span>
          </button>
        </li>
      </ul>
    </section>
  );
}

import "./style.css";
import { CompareView } from "./compare-view.ts";
import { Connection } from "./connection.ts";
import { byId } from "./dom.ts";
import { HistogramView } from "./histogram-view.ts";
import { clearProblem, showProblem } from "./problem.ts";
import { SettingsForm } from "./settings-form.ts";
import { Tabs } from "./tabs.ts";
import { startThemeSwitch } from "./theme.ts";
import { WatchView } from "./watch-view.ts";

startThemeSwitch(byId<HTMLButtonElement>("theme"));
const form = new SettingsForm();
const connection = new Connection(({ root, example_prompt }) => {
  byId("model").textContent = root;
  form.suggest(example_prompt);
});
const views = { watch: new WatchView(), compare: new CompareView(), histogram: new HistogramView() };
const tabs = new Tabs(["watch", "compare", "histogram"], cancel);

let running: AbortController | undefined;
let last = Promise.resolve();

function cancel(): void {
  running?.abort();
}

/** Once the last run has ended, so that what a view shows again where a run comes to nothing is not the next one's. */
function run(): void {
  cancel();
  const own = (running = new AbortController());
  last = last.then(() => runView(own));
}

async function runView(own: AbortController): Promise<void> {
  clearProblem();
  byId<HTMLButtonElement>("cancel").disabled = false;
  document.body.ariaBusy = "true";
  showStage();
  try {
    await views[tabs.selected].run(connection, form, own.signal);
  } catch (error) {
    if (!own.signal.aborted) showProblem(error);
  }
  if (running !== own) return;
  running = undefined;
  byId<HTMLButtonElement>("cancel").disabled = true;
  document.body.ariaBusy = "false";
}

/** On a phone the results stand below the form, out of sight. */
function showStage(): void {
  const { top } = byId("stage").getBoundingClientRect();
  if (top > window.innerHeight / 2) byId("stage").scrollIntoView();
}

byId<HTMLFormElement>("settings").addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
byId("cancel").addEventListener("click", cancel);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") cancel();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    byId<HTMLFormElement>("settings").requestSubmit();
  }
});
void connection.watch();

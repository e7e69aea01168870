import "./style.css";
import { ClientError } from "../../src/client/client.ts";
import { CompareView } from "./compare-view.ts";
import { Connection } from "./connection.ts";
import { byId } from "./dom.ts";
import { HistogramView } from "./histogram-view.ts";
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

function cancel(): void {
  running?.abort();
}

async function run(): Promise<void> {
  cancel();
  const own = (running = new AbortController());
  byId("problem").hidden = true;
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

function showProblem(error: unknown): void {
  const problem = byId("problem");
  const message = error instanceof Error ? error.message : String(error);
  const isLost = error instanceof ClientError && ["connection_lost", "unreachable"].includes(error.code);
  problem.textContent = isLost ? `${message} Run again once it is back.` : message;
  problem.hidden = false;
  problem.scrollIntoView({ block: "nearest" });
  if (error instanceof ClientError && error.param !== undefined)
    document.getElementById(error.param)?.focus();
}

byId<HTMLFormElement>("settings").addEventListener("submit", (event) => {
  event.preventDefault();
  void run();
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

import { effect } from "@preact/signals";
import { Tabs } from "./parts/tabs.tsx";
import { SettingsForm } from "./settings/settings-form.tsx";
import { model, serverState, watchServer } from "./state/connection.ts";
import { startLink } from "./state/link.ts";
import { cancel, isRunning, run } from "./state/run.ts";
import { shownView, viewNames } from "./state/shown-view.ts";
import type { ViewName } from "./state/shown-view.ts";
import { startTheme, switchTheme } from "./theme.ts";
import { views } from "./views.ts";

startTheme();
startLink();
void watchServer();
effect(() => {
  document.body.ariaBusy = String(isRunning.value);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") cancel();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    const { ownForm = "settings" } = views[shownView.value];
    (document.getElementById(ownForm) as HTMLFormElement | null)?.requestSubmit();
  }
});

const tabs = viewNames.map((name) => ({ name, label: views[name].label }));

function select(view: ViewName): void {
  if (view === shownView.value) return;
  cancel();
  shownView.value = view;
  if (serverState.value === "ready" && views[view].runsWhenOpened?.() === true) runShown();
}

/** Runs the view that is shown, whoever asks: a form that the browser finds at fault says so instead. */
function runShown(): void {
  const form = document.getElementById("settings") as HTMLFormElement;
  // The page shows what was set, a prompt or another view, a moment later, and the form is judged by that.
  queueMicrotask(() => {
    const { run: work } = views[shownView.value];
    if (work !== undefined && form.reportValidity()) run(work);
  });
}

/** On a phone the results stand below the form, out of sight. */
function showStage(): void {
  const stage = document.getElementById("stage")!;
  if (stage.getBoundingClientRect().top > window.innerHeight / 2) stage.scrollIntoView();
}

export function App() {
  const view = views[shownView.value];
  return (
    <>
      <header class="bar">
        <h1>
          <span aria-hidden="true">∎</span> Metropolis
        </h1>
        <p id="model" class="model">
          {model.value?.root ?? "…"}
        </p>
        <p id="status" class="status" role="status" data-state={serverState.value}>
          {serverState.value}
        </p>
        <a href="./docs/" class="quiet">
          API
        </a>
        <button
          id="theme"
          type="button"
          class="quiet"
          aria-label="Switch between light and dark"
          title="Switch between light and dark"
          onClick={switchTheme}
        >
          ◐
        </button>
      </header>
      <main>
        <SettingsForm
          view={view}
          onRun={() => {
            runShown();
            showStage();
          }}
        />
        <section id="stage" class="stage" aria-label="Results">
          <Tabs label="Views" tabs={tabs} selected={shownView.value} onSelect={select}>
            <view.Panel />
          </Tabs>
        </section>
      </main>
    </>
  );
}

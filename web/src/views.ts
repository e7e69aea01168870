import type { ViewName } from "./state/shown-view.ts";
import type { View } from "./view.ts";
import { chatView } from "./views/chat/chat-view.tsx";
import { compareView } from "./views/compare/compare-view.tsx";
import { distributionsView } from "./views/distributions/distributions-view.tsx";
import { guideView } from "./views/guide/guide-view.tsx";
import { stepsView } from "./views/steps/steps-view.tsx";

export const views: Readonly<Record<ViewName, View>> = {
  guide: guideView,
  steps: stepsView,
  distributions: distributionsView,
  compare: compareView,
  chat: chatView,
};

import { model } from "./connection.ts";
import { prompt } from "./settings.ts";

/** What answers that are shown were asked, and of which model. */
export interface Question {
  readonly prompt: string;
  /** Its name; undefined where the server had not told it yet. */
  readonly model: string | undefined;
}

/** What is asked now. */
export const currentQuestion = (): Question => ({ prompt: prompt.value, model: model.value?.root });

/** Whether the model that was asked is served no more. */
export const isOfAnotherModel = ({ model: asked }: Question): boolean =>
  asked !== undefined && asked !== model.value?.root;

/** Whether another question stands in the form than the one that was asked, or another model would answer it. */
export const isStale = (asked: Question): boolean => asked.prompt !== prompt.value || isOfAnotherModel(asked);

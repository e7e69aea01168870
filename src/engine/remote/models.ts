import { z } from "zod";
import { InferenceError } from "../../core/errors.ts";

/** `/v1/models` of vLLM, and of SGLang, which answers as vLLM does. */
export const modelsSchema = z.looseObject({
  data: z
    .array(
      z.looseObject({
        id: z.string(),
        root: z.string().nullish(),
        max_model_len: z.number().int().positive().nullish(),
      }),
    )
    .min(1),
});

/** A model in a server's list. */
interface Listed {
  readonly id: string;
  /** What else it is called. */
  readonly aliases?: readonly string[] | null | undefined;
}

/**
 * The model that is asked for among those that a server has; its first where none is.
 * @throws InferenceError `model_not_found`
 */
export function findModel<Model extends Listed>(models: readonly Model[], asked: string | undefined): Model {
  const found = models.find(
    ({ id, aliases }) => asked === undefined || id === asked || aliases?.includes(asked) === true,
  );
  if (found !== undefined) return found;
  const names = models.map(({ id }) => `'${id}'`).join(", ");
  throw new InferenceError("model_not_found", `The server has no model '${asked}', but ${names}.`, {
    param: "model",
  });
}

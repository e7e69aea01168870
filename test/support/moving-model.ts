import { threefry4x32 } from "../../src/core/random.ts";
import type { ToyModel } from "./toy-model.ts";

/**
 * A model whose logits move with every evaluation, as those of a model with 8-bit activations do with the shape of a
 * pass: by up to `nats` each.
 */
export function movingModel(model: ToyModel, nats = 0.3): ToyModel {
  let evaluations = 0;
  return {
    ...model,
    logits: (prefix) => {
      const evaluation = evaluations++;
      return model.logits(prefix).map((logit, token) => {
        const [word] = threefry4x32([evaluation, token, 0, 0], [7, 0, 0, 0]);
        return logit + nats * (2 * (word / 2 ** 32) - 1);
      });
    },
  };
}

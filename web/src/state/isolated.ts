import { samplerChoices } from "../../../src/client/client.ts";
import type { CompleteRequest } from "../../../src/client/client.ts";

/**
 * Has a sampler that would remember what others have asked keep to itself, so that its cost is what it takes from the
 * beginning, and the same in every view.
 */
export const isolated = (sampler: CompleteRequest["sampler"]): { readonly isolated?: true } =>
  samplerChoices.some(({ name, fields }) => name === sampler && fields.includes("isolated"))
    ? { isolated: true }
    : {};

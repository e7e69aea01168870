import { uniformCut } from "../../mcmc/cut.ts";
import type { CutWeight } from "../../mcmc/cut.ts";
import { entropyCut } from "../../mcmc/entropy-cut.ts";
import type { CutName } from "./fields.ts";

/** Every cut there is. A new one is a file and a line here. */
export const cuts: Readonly<Record<CutName, CutWeight>> = { uniform: uniformCut, entropy: entropyCut };

import { MemoEngine } from "../../src/engine/memo/memo-engine.ts";
import { MeteredEngine } from "../../src/engine/metered-engine.ts";
import { MinimalEngine } from "../support/minimal-engine.ts";
import { createToyModel, logSoftmax } from "../support/toy-model.ts";
import { toySubject } from "./toy-subject.ts";
import { testEngine } from "./engine.contract.ts";

testEngine("LocalEngine", toySubject());
testEngine("LocalEngine over a runner of one token a row", toySubject({ runner: { maxRowTokens: 1 } }));
testEngine(
  "LocalEngine over a runner whose rows run in any company",
  toySubject({ runner: { longRows: "any" } }),
);
testEngine("MemoEngine", toySubject({ wrap: (engine) => new MemoEngine(engine) }));
testEngine(
  "MemoEngine that remembers but part of the vocabulary",
  toySubject({ vocabularySize: 90, wrap: (engine) => new MemoEngine(engine) }),
);
testEngine("MeteredEngine", toySubject({ wrap: (engine) => new MeteredEngine(engine) }));
testEngine(
  "MemoEngine around MeteredEngine, as decoders have them",
  toySubject({ wrap: (engine) => new MemoEngine(new MeteredEngine(engine)) }),
);

const model = createToyModel({ seed: 9, vocabularySize: 6 });
testEngine("MinimalEngine", {
  open: () => new MinimalEngine(model),
  vocabularySize: 6,
  prompt: [0, 1, 2],
  lawAfter: (prefix) => logSoftmax(model.logits(prefix)),
  tolerance: 1e-9,
  lacks: {
    repeats: "its uniforms are its own",
    top: "it tells of the token alone",
    logNormalizer: "it knows log p alone",
    entropy: "it knows log p alone",
    selfCertainty: "it knows log p alone",
    adjustments: "its API has none",
    truncation: "its API has none",
    constraints: "its API has none",
    scores: "its API has none",
    load: "others use it, too",
    occupancy: "it holds nothing between tokens",
    bounds: "it knows log p alone",
    narrow: "it knows log p alone",
    without: "its API has none",
    faults: "nothing runs that could fail",
    failures: "nothing runs that could fail",
  },
});

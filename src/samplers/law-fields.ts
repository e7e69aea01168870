import { z } from "zod";
import { field } from "./field.ts";

/** Fields of samplers that have p(x)^alpha for a target. */

export const alpha = field(
  z.number().min(1, "alpha must be at least 1; 1 is the model's own distribution").max(1000),
  {
    meaning:
      "The power that probabilities are raised to, p(x)^alpha: 1 is the model as it is; the higher, the more the likeliest answers stand out.",
    usual: "the model's, usually 4",
    example: 4,
    label: "Alpha",
  },
);

export const proposalTemperature = field(
  z.number().min(0.001, "proposal_temperature must be at least 0.001").max(100),
  {
    meaning:
      "Temperature at which new text is proposed: a lower one proposes likelier texts, a higher one more different ones; the target stays the same.",
    usual: "1/alpha; 1 for kernel tempering, whose replicas share it; for maximize the model's 1/alpha",
    example: 0.25,
    label: "Proposal temp.",
  },
);

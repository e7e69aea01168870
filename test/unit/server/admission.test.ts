import { describe, expect, it } from "vitest";
import { Admission } from "../../../src/server/admission.ts";

const demand = (completions: number, tokens = 0, answerBytes = 0) => ({ completions, tokens, answerBytes });

describe("Admission", () => {
  const create = () => new Admission({ maxCompletions: 100, maxTokens: 100, maxAnswerBytes: 100 });

  it("leaves the last quarter to others where a client has more than half", () => {
    for (const one of [demand(10), demand(1, 10), demand(1, 1, 10)]) {
      const admission = create();
      let taken = 0;
      const take = (): void => {
        admission.admit(one, "crowd");
        taken++;
      };
      expect(() => {
        for (;;) take();
      }).toThrow("more than half of what this server takes");
      expect(taken).toBe(7);
      admission.admit(one, "lone");
      admission.admit(one, "another");
      expect(() => admission.admit(one, "crowd")).toThrow("more than half");
    }
  });

  it("lets one request have all of an empty server", () => {
    const admission = create();
    const release = admission.admit(demand(100, 100, 100), "lone");
    expect(() => admission.admit(demand(1), "other")).toThrow("busy");
    release();
    expect(admission.inFlight).toEqual(demand(0));
    admission.admit(demand(100), "other");
  });
});

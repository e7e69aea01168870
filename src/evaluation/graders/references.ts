import { letterOf } from "../../selection/answers/choice.ts";
import { valueOfNumber } from "../../selection/answers/number.ts";

/** What is wrong with a reference that no answer could equal; undefined where nothing is. */
export function faultOf(grader: string, reference: string): string | undefined {
  switch (grader) {
    case "last_number":
      return valueOfNumber(reference) === undefined ? `'${reference}' is no number` : undefined;
    case "choice":
      return letterOf(reference) === undefined ? `'${reference}' is no letter from A to J` : undefined;
    case "abacus":
    case "pivot":
      return /^\s*-?\d+\s*$/.test(reference) ? undefined : `'${reference}' is no whole number`;
    default:
      return undefined;
  }
}

import { compile } from "../../src/grammar/compile.ts";
import type { Language } from "../../src/grammar/constraint.ts";
import { deadState } from "../../src/grammar/automaton.ts";

/** Whether a language holds texts, written in UTF-8. @throws GrammarError */
export function readerOf(language: Language): (text: string) => boolean {
  const automaton = compile(language);
  return (text) => {
    automaton.begin();
    const state = automaton.read(automaton.start, Buffer.from(text));
    return state !== deadState && automaton.mayEnd(state);
  };
}

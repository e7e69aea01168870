import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

export interface Question {
  readonly text: string;
  /** The number that answers it; absent where none does. */
  readonly answer?: string;
}

/** What people ask in chats: answers of some sentences. */
export const chatQuestions: readonly Question[] = [
  "Explain in a few sentences why the sky is blue.",
  "Name three uses of copper.",
  "Write a short story about a lighthouse keeper.",
  "What is the difference between weather and climate?",
  "How do I boil an egg?",
  "Describe the city of Rome to a friend who has never been there.",
  "Why do people dream?",
  "What does a compiler do?",
].map((text) => ({ text }));

interface Source {
  readonly file: string;
  readonly read: (text: string) => Question[];
}

const gsm8kLine = z.object({ question: z.string(), answer: z.string() });
const svamp = z.array(z.object({ Body: z.string(), Question: z.string(), Answer: z.number() }));

/** Public sets as they are published, by their files' names. */
const sources: readonly Source[] = [
  {
    file: "svamp.json",
    read: (text) =>
      svamp.parse(JSON.parse(text)).map(({ Body, Question, Answer }) => ({
        text: `${Body.trim()} ${Question}`,
        answer: String(Answer),
      })),
  },
  {
    file: "gsm8k-test.jsonl",
    read: (text) =>
      text
        .trim()
        .split("\n")
        .map((line) => gsm8kLine.parse(JSON.parse(line)))
        .map(({ question, answer }) => ({ text: question, answer: answer.split("####").at(-1)!.trim() })),
  },
];

/**
 * The first questions of the sets in a folder, from each the same number.
 * @throws Error what the folder lacks
 */
export async function readQuestions(folder: string, count: number): Promise<Question[]> {
  const found = await Promise.all(
    sources.map(async ({ file, read }): Promise<Question[]> => {
      const path = join(folder, file);
      try {
        return read(await readFile(path, "utf8")).slice(0, count);
      } catch (error) {
        throw new Error(`--data needs ${file}: ${String(error)}`, { cause: error });
      }
    }),
  );
  return found.flat();
}

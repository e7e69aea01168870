import { model } from "../state/connection.ts";
import { prompt, writtenPrompt } from "../state/settings.ts";

export interface ExamplePromptsProps {
  readonly onRun: () => void;
}

/** Prompts that the model's own files offer: a press runs one. */
export function ExamplePrompts({ onRun }: ExamplePromptsProps) {
  const prompts = model.value?.example_prompts ?? [];
  if (prompts.length < 2) return null;
  return (
    <div class="examples" role="group" aria-label="Prompts to try">
      <span>Try</span>
      {prompts.map((example) => (
        <button
          key={example}
          type="button"
          title={example}
          aria-pressed={example === prompt.value}
          onClick={() => {
            writtenPrompt.value = example;
            onRun();
          }}
        >
          {example}
        </button>
      ))}
    </div>
  );
}

import { constraintChoices } from "../../../src/client/client.ts";
import { constraint, form } from "../state/settings.ts";
import { faultOf, ProblemNote } from "./problem-note.tsx";

const choiceControl = "structured_outputs";

/** What answers are held to. Each choice has a text of its own, so that looking at another loses none. */
export function ConstraintControl() {
  const chosen = constraintChoices.find(({ field }) => field === constraint.value);
  return (
    <div class="field" id="constraint">
      <label for={choiceControl}>Answers must be</label>
      <select
        id={choiceControl}
        value={constraint.value}
        onChange={({ currentTarget }) => {
          constraint.value = currentTarget.value;
        }}
        {...faultOf(choiceControl)}
      >
        <option value="">anything</option>
        {constraintChoices.map(({ field, label }) => (
          <option key={field} value={field}>
            {label}
          </option>
        ))}
      </select>
      {chosen?.example !== undefined && (
        <div class="field" key={chosen.field}>
          <label for={chosen.field}>
            <Sentence text={chosen.meaning} />
          </label>
          <textarea
            id={chosen.field}
            rows={3}
            spellcheck={false}
            required
            placeholder={chosen.example}
            value={form.textOf(chosen.field)}
            onInput={({ currentTarget }) => {
              form.write(chosen.field, currentTarget.value);
            }}
            {...faultOf(chosen.field)}
          />
          <ProblemNote control={chosen.field} />
        </div>
      )}
      <ProblemNote control={choiceControl} />
    </div>
  );
}

/** A sentence as a caption, what stands between backticks as code. */
export function Sentence({ text }: { readonly text: string }) {
  const parts = text.replace(/\.$/, "").split("`");
  return <>{parts.map((part, index) => (index % 2 === 0 ? part : <code key={index}>{part}</code>))}</>;
}

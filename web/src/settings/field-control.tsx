import type { Field, SamplerForm } from "../state/sampler-form.ts";
import { faultOf, ProblemNote } from "./problem-note.tsx";

/** A word of the API as a reader has it. */
const plain = (word: string): string => word.replaceAll("_", " ");

export interface FieldControlProps {
  readonly field: Field;
  readonly form: SamplerForm;
}

/** A field's control, in which its default stands until something is written. */
export function FieldControl({ field, form }: FieldControlProps) {
  const { name, label, meaning, usual: usually, value } = field;
  const fallback = form.usualOf(name);
  // Where no value says it, the first of several cases is the usual one.
  const shown = fallback === undefined ? usually.split(/[,;]/)[0]! : defaultOf(fallback);
  const text = form.textOf(name);
  return (
    <div class="field">
      <label for={name} title={usually === "" ? meaning : `${meaning} Default: ${usually}.`}>
        {label}
      </label>
      {value.type === "number" ? (
        <input
          id={name}
          type="number"
          placeholder={shown}
          step={value.isInteger ? 1 : "any"}
          min={Number.isFinite(value.least) ? value.least : undefined}
          max={Number.isFinite(value.most) ? value.most : undefined}
          value={text}
          onInput={({ currentTarget }) => {
            form.write(name, currentTarget.value);
          }}
          {...faultOf(name)}
        />
      ) : (
        <select
          id={name}
          value={text === shown ? "" : text}
          onChange={({ currentTarget }) => {
            form.write(name, currentTarget.value);
          }}
          {...faultOf(name)}
        >
          <option value="">{plain(shown)}</option>
          {value.words
            .filter((word) => word !== shown)
            .map((word) => (
              <option key={word} value={word}>
                {plain(word)}
              </option>
            ))}
        </select>
      )}
      <ProblemNote control={name} />
    </div>
  );
}

const defaultOf = (value: number | string): string =>
  typeof value === "number" ? String(Number(value.toPrecision(4))) : value;

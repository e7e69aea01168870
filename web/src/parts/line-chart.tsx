import { format } from "../format.ts";

export interface LineChartProps {
  readonly id: string;
  readonly values: readonly number[];
  readonly label: string;
}

/** More points than this are no longer told apart: of a longer line every so many are drawn, and the last. */
const mostPoints = 2000;

/** A line through values in their order; what is no number breaks it. */
export function LineChart({ id, values, label }: LineChartProps) {
  const finite = values.filter(Number.isFinite);
  const least = finite.reduce((a, b) => Math.min(a, b), Infinity);
  const most = finite.reduce((a, b) => Math.max(a, b), -Infinity);
  return (
    <div class="line-chart" id={id} role="img" aria-label={label}>
      <div class="axis" aria-hidden="true">
        <span>{format(most, 1)}</span>
        <span>{format(least, 1)}</span>
      </div>
      <svg
        viewBox={`0 -0.05 ${Math.max(1, values.length - 1)} 1.1`}
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        <path d={stairs(values, { least, span: Math.max(most - least, 1e-9) })} />
      </svg>
    </div>
  );
}

/** From value to value by steps, 1 at the bottom. */
function stairs(
  values: readonly number[],
  { least, span }: { readonly least: number; readonly span: number },
): string {
  const stride = Math.ceil(values.length / mostPoints);
  let isOpen = false;
  return values
    .map((value, index) => {
      if (index % stride !== 0 && index < values.length - 1) return "";
      if (!Number.isFinite(value)) {
        isOpen = false;
        return "";
      }
      const height = 1 - (value - least) / span;
      const command = isOpen ? `H${index}V${height}` : `M${index} ${height}`;
      isOpen = true;
      return command;
    })
    .join("");
}

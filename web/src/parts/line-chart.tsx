import { format } from "../format.ts";

export interface LineChartProps {
  readonly id: string;
  readonly values: readonly number[];
  readonly label: string;
}

/** A line through values in their order; what is no number breaks it. */
export function LineChart({ id, values, label }: LineChartProps) {
  const finite = values.filter(Number.isFinite);
  const [least, most] = [Math.min(...finite), Math.max(...finite)];
  const span = Math.max(most - least, 1e-9);
  const x = Math.max(1, values.length - 1);
  let isOpen = false;
  const path = values
    .map((value, index) => {
      if (!Number.isFinite(value)) return ((isOpen = false), "");
      const point = `${index} ${1 - (value - least) / span}`;
      const command = isOpen ? `H${index}V${1 - (value - least) / span}` : `M${point}`;
      isOpen = true;
      return command;
    })
    .join("");
  return (
    <div class="line-chart" id={id} role="img" aria-label={label}>
      <div class="axis" aria-hidden="true">
        <span>{format(most, 1)}</span>
        <span>{format(least, 1)}</span>
      </div>
      <svg viewBox={`0 -0.05 ${x} 1.1`} preserveAspectRatio="none" aria-hidden="true">
        <path d={path} />
      </svg>
    </div>
  );
}

import { format } from "../../format.ts";

export interface AlphaSliderProps {
  readonly alpha: number;
  readonly onChange: (alpha: number) => void;
}

/** Steps of the slider: each multiplies α by the same, from 1 to 16. */
const stops = 40;
const most = 16;

const alphaAt = (stop: number): number => Number((most ** (stop / stops)).toPrecision(3));
const stopOf = (alpha: number): number => (stops * Math.log(alpha)) / Math.log(most);

/** α from 1, which is the model itself, to 16, where little but the likeliest answer is left. */
export function AlphaSlider({ alpha, onChange }: AlphaSliderProps) {
  return (
    <div class="alpha">
      <label for="alpha-slider">
        α = <output id="alpha-value">{format(alpha, 2).replace(/\.?0+$/, "")}</output>
      </label>
      <input
        id="alpha-slider"
        type="range"
        min={0}
        max={stops}
        step={1}
        value={stopOf(alpha)}
        aria-valuetext={`alpha ${format(alpha)}`}
        onInput={({ currentTarget }) => {
          onChange(alphaAt(currentTarget.valueAsNumber));
        }}
      />
      <div class="ends" aria-hidden="true">
        <span>1: the model as it is</span>
        <span>16: hardly anything but the likeliest</span>
      </div>
    </div>
  );
}

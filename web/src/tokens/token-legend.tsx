import type { ComponentChildren } from "preact";

export interface TokenLegendProps {
  /** What else is marked where it is shown. */
  readonly children?: ComponentChildren;
}

/** What the marks of a `TokenText` mean. */
export const TokenLegend = ({ children }: TokenLegendProps) => (
  <p class="legend">
    <span>
      <span class="unlikely">shaded</span> the model found it unlikely
    </span>
    {children}
    <span>∎ the end of the answer</span>
    <span>point at a token for its alternatives</span>
  </p>
);

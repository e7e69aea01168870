import { findReport } from "../../../src/client/client.ts";
import { formatCount } from "../format.ts";

export interface CostProps {
  /** Of a completion or a chat. */
  readonly choice: Parameters<typeof findReport>[0];
}

/** What an answer took, in words: an answer that was remembered is not one that costs nothing. */
export function Cost({ choice }: CostProps) {
  const report = findReport(choice)?.body;
  if (report === undefined) return <>–</>;
  const { drawn_tokens: drawn, evaluated_tokens: evaluated, remembered_tokens: remembered } = report;
  const { discarded_tokens: discarded } = report;
  const written = `${formatCount(drawn)} ${drawn === 1 ? "token" : "tokens"} drawn`;
  if (evaluated === 0) return <>{written}: asked before, so free</>;
  return (
    <>
      {written}
      {discarded > 0 && `, ${formatCount(discarded)} begun and discarded`}: {formatCount(evaluated)}{" "}
      evaluated, {formatCount(remembered)} remembered
    </>
  );
}

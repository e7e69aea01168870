/**
 * Does something for each value: side by side, or in turn. In turn a budget of evaluations is spent in one order; side
 * by side, which of them gets its last tokens depends on what else the engine has to do.
 */
export async function mapAsync<Value, Result>(
  values: readonly Value[],
  inTurn: boolean,
  run: (value: Value, index: number) => Promise<Result>,
): Promise<Result[]> {
  if (!inTurn && values.length > 1) return await Promise.all(values.map(run));
  const results: Result[] = [];
  for (const [index, value] of values.entries()) results.push(await run(value, index));
  return results;
}

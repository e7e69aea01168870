/**
 * How likely the answer is right that a score chooses among k, estimated without bias from n of them: the mean over all
 * subsets of k. The answer of rank r (1 is the best) is chosen by C(n−r, k−1) of the C(n, k) subsets: those that hold it
 * and k−1 of the n−r behind it.
 * @param ranked whether each is right, the best first; of equals, the one that came first
 * @param k from 1 to n
 */
export function bestOfK(ranked: readonly boolean[], k: number): number {
  const n = ranked.length;
  if (!(k >= 1 && k <= n)) throw new Error(`the best of ${k} needs 1 ≤ k ≤ n`);
  let value = 0;
  let share = k / n;
  for (let rank = 1; rank <= n - k + 1; rank++) {
    if (ranked[rank - 1]) value += share;
    // C(n−r−1, k−1) / C(n−r, k−1)
    share *= (n - rank - k + 1) / (n - rank);
  }
  return Math.min(1, value);
}

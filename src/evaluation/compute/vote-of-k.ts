/** One of the answers to a question, as votes see it. */
export interface Ballot {
  /** What it votes for; undefined for a text in which no answer was found, which abstains. */
  readonly answer: string | undefined;
  readonly isCorrect: boolean;
}

/**
 * How likely the answer is right that a vote among k chooses, estimated without bias from n of them: the mean over all
 * subsets of k, counted and not drawn. The vote gives the likeliest completion of the answer that most are for; of
 * answers with as many, the one with the likeliest completion; where all abstain, the likeliest completion.
 *
 * Completion i, the likeliest of the c that a subset has for its answer, is given where no other answer has more than c,
 * and each with c has them behind i. With m_l completions for answer l, w_l of them behind i, those subsets are
 * C(w_i, c−1) · [x^(k−c)] (1+x)^a Π_l (Σ_{t<c} C(m_l, t)·x^t + C(w_l, c)·x^c), a being how many abstain.
 * @param ranked likeliest first
 * @param counts values of k, each from 1 to n
 * @returns a value for each
 */
export function voteOfK(ranked: readonly Ballot[], counts: readonly number[]): number[] {
  const n = ranked.length;
  if (counts.some((k) => !(k >= 1 && k <= n))) throw new Error("a vote of k needs 1 ≤ k ≤ n");
  const most = Math.max(...counts);
  const choose = binomials(n);
  const totals = groupSizes(ranked);
  const abstaining = totals.get(undefined) ?? 0;
  const values = counts.map(() => 0);
  const behind = new Map(totals);
  for (const { answer, isCorrect } of ranked) {
    const rest = behind.get(answer)! - 1;
    behind.set(answer, rest);
    if (!isCorrect) continue;
    const add = (weight: number, taken: number, others: readonly number[]): void => {
      for (const [index, k] of counts.entries())
        values[index]! += (weight * (others[k - taken] ?? 0)) / choose[n]![k]!;
    };
    if (answer === undefined) {
      // It is given where nobody votes: all others of the subset are behind it and abstain, too.
      for (let count = 1; count <= Math.min(rest + 1, most); count++)
        add(choose[rest]![count - 1]!, count, [1]);
      continue;
    }
    for (let count = 1; count <= Math.min(rest + 1, most); count++) {
      let others = choose[abstaining]!.slice(0, most - count + 1);
      for (const [other, total] of totals) {
        if (other === undefined || other === answer) continue;
        const fewer = choose[total]!.slice(0, count);
        const asMany = choose[behind.get(other)!]![count] ?? 0;
        others = multiply(others, [...fewer, asMany], most - count);
      }
      add(choose[rest]![count - 1]!, count, others);
    }
  }
  return values.map((value) => Math.min(1, value));
}

function groupSizes(ballots: readonly Ballot[]): Map<string | undefined, number> {
  const sizes = new Map<string | undefined, number>();
  for (const { answer } of ballots) sizes.set(answer, (sizes.get(answer) ?? 0) + 1);
  return sizes;
}

/** The product of two polynomials, by their coefficients, up to a degree. */
function multiply(left: readonly number[], right: readonly number[], degree: number): number[] {
  const product = new Array<number>(Math.min(degree + 1, left.length + right.length - 1)).fill(0);
  for (const [i, a] of left.entries()) {
    if (a === 0) continue;
    for (let j = 0; j < right.length && i + j < product.length; j++) product[i + j]! += a * right[j]!;
  }
  return product;
}

const rows: number[][] = [[1]];

/** Pascal's triangle up to row n; C(n, k) for k beyond the row is not there. */
function binomials(n: number): readonly (readonly number[])[] {
  for (let row = rows.length; row <= n; row++) {
    const last = rows[row - 1]!;
    rows.push([1, ...last.map((value, place) => value + (last[place + 1] ?? 0))]);
  }
  return rows;
}

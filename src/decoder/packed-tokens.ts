import type { TokenList } from "../core/token-list.ts";
import type { ScoredToken } from "../core/tokens.ts";
import type { GeneratedToken } from "./completer.ts";

/**
 * Tokens as two lists of numbers, which cross threads and are kept at little more than their size: 101 objects for each
 * token and its alternatives would take a thread a hundred times as long. Records follow one another, of `topCount` + 2
 * integers (token, offset, ids of the likeliest; -1 where there are fewer) and `topCount` + 3 reals (logprob,
 * logNormalizer, entropy, logprobs of the likeliest); where any token has gaps, logNormalizerGap and entropyGap follow
 * entropy (NaN where a token has none), and selfCertainty where that was asked for.
 */
export interface PackedRecords {
  readonly topCount: number;
  readonly hasGaps: boolean;
  readonly hasSelfCertainty: boolean;
  readonly integers: Int32Array<ArrayBuffer>;
  readonly reals: Float64Array<ArrayBuffer>;
}

const integersBeside = 2;
const realsBeside = ({
  hasGaps,
  hasSelfCertainty,
}: Pick<PackedRecords, "hasGaps" | "hasSelfCertainty">): number =>
  3 + (hasGaps ? 2 : 0) + (hasSelfCertainty ? 1 : 0);
const none = -1;

/**
 * @param tokens an offset that is left out is 0
 * @param topCount of the likeliest tokens, so many are kept
 */
export function packTokens(
  tokens: TokenList<ScoredToken & { readonly offset?: number }>,
  topCount: number,
): PackedRecords {
  const widest = Math.min(topCount, longestTop(tokens));
  const integers = new Int32Array(tokens.length * (widest + integersBeside));
  const hasGaps = haveGaps(tokens);
  const hasSelfCertainty = tokens.at(0)?.selfCertainty !== undefined;
  const reals = new Float64Array(tokens.length * (widest + realsBeside({ hasGaps, hasSelfCertainty })));
  let integer = 0;
  let real = 0;
  for (const { token, offset = 0, logprob, logNormalizer, entropy, selfCertainty, top, ...gaps } of tokens) {
    integers[integer++] = token;
    integers[integer++] = offset;
    reals[real++] = logprob;
    reals[real++] = logNormalizer;
    reals[real++] = entropy;
    if (hasGaps) {
      reals[real++] = gaps.logNormalizerGap ?? NaN;
      reals[real++] = gaps.entropyGap ?? NaN;
    }
    if (hasSelfCertainty) reals[real++] = selfCertainty!;
    for (let rank = 0; rank < widest; rank++) {
      integers[integer++] = top?.ids[rank] ?? none;
      reals[real++] = top?.logprobs[rank] ?? 0;
    }
  }
  return { topCount: widest, hasGaps, hasSelfCertainty, integers, reals };
}

function haveGaps(tokens: TokenList): boolean {
  for (const { logNormalizerGap, entropyGap } of tokens)
    if (logNormalizerGap !== undefined || entropyGap !== undefined) return true;
  return false;
}

function longestTop(tokens: TokenList): number {
  let longest = 0;
  for (const { top } of tokens) longest = Math.max(longest, top?.ids.length ?? 0);
  return longest;
}

/** What crosses threads by changing hands instead of being copied. */
export const buffersOf = ({ integers, reals }: PackedRecords): ArrayBuffer[] => [
  integers.buffer,
  reals.buffer,
];

/** Reads packed tokens; each is made when it is read. */
export class PackedTokens implements TokenList<GeneratedToken> {
  readonly length: number;
  readonly #records: PackedRecords;

  constructor(records: PackedRecords) {
    this.#records = records;
    this.length = records.integers.length / (records.topCount + integersBeside);
  }

  at(index: number): GeneratedToken | undefined {
    const { topCount, hasGaps, hasSelfCertainty, integers, reals } = this.#records;
    const place = index < 0 ? this.length + index : index;
    if (place < 0 || place >= this.length) return undefined;
    const integer = place * (topCount + integersBeside);
    const beside = realsBeside({ hasGaps, hasSelfCertainty });
    const real = place * (topCount + beside);
    const token = {
      token: integers[integer]!,
      offset: integers[integer + 1]!,
      logprob: reals[real]!,
      logNormalizer: reals[real + 1]!,
      entropy: reals[real + 2]!,
      ...(hasGaps ? gapsOf(reals[real + 3]!, reals[real + 4]!) : {}),
      ...(hasSelfCertainty ? { selfCertainty: reals[real + beside - 1]! } : {}),
    };
    if (topCount === 0) return token;
    const ids = integers.subarray(integer + integersBeside, integer + integersBeside + topCount);
    const fewer = ids.indexOf(none);
    const count = fewer === -1 ? topCount : fewer;
    const logprobs = reals.subarray(real + beside, real + beside + count);
    return { ...token, top: { ids: ids.subarray(0, count), logprobs } };
  }

  *[Symbol.iterator](): Generator<GeneratedToken, void, undefined> {
    for (let index = 0; index < this.length; index++) yield this.at(index)!;
  }
}

const gapsOf = (
  logNormalizerGap: number,
  entropyGap: number,
): Pick<ScoredToken, "logNormalizerGap" | "entropyGap"> => ({
  ...(Number.isNaN(logNormalizerGap) ? {} : { logNormalizerGap }),
  ...(Number.isNaN(entropyGap) ? {} : { entropyGap }),
});

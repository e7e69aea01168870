/** A number with so many digits, and a minus that is one. */
export const format = (value: number, digits = 2): string =>
  Number.isFinite(value) ? value.toFixed(digits).replace("-", "−") : "–";

/** A time in three figures at most. */
export const formatTime = (milliseconds: number): string =>
  milliseconds < 999.5 ? `${format(milliseconds, 0)} ms` : `${format(milliseconds / 1000, 1)} s`;

/** Counts with their thousands apart. */
export const formatCount = (count: number): string => count.toLocaleString("en");

/** Digits that three figures of a probability take. */
export function formatProbability(probability: number): string {
  if (probability === 0) return "0 %";
  if (probability >= 0.9995 && probability < 1) return "over 99.9 %";
  if (probability >= 0.001) return `${Number((100 * probability).toPrecision(3))} %`;
  return `1 in ${formatLarge(Math.log10(1 / probability))}`;
}

/** As `formatProbability`, of e^logprob, however small: answers of hundreds of tokens are. */
export const formatLogProbability = (logprob: number): string =>
  logprob > Math.log(0.001)
    ? formatProbability(Math.exp(logprob))
    : `1 in ${formatLarge(-logprob / Math.LN10)}`;

/** Nats up to which one thing is told to be as likely as another: "1 times as likely" says nothing. */
export const evenly = Math.log(1.05);

/** How many times: e^nats in words. */
export const formatTimes = (nats: number): string => `${formatLarge(nats / Math.LN10)} times`;

/** 10^exponent. */
function formatLarge(exponent: number): string {
  if (exponent < 1) return format(10 ** exponent, 1).replace(/\.0$/, "");
  if (exponent < 6) return formatCount(Number((10 ** exponent).toPrecision(2)));
  return `10${superscript(Math.round(exponent))}`;
}

const superscript = (digits: number): string =>
  Array.from(String(digits), (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)] ?? "").join("");

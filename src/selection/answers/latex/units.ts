/** Units that are told apart, by their usual names; powers are left to what follows. */
const aliases: Readonly<Record<string, readonly string[]>> = {
  mm: ["mm", "millimeter", "millimetre"],
  cm: ["cm", "centimeter", "centimetre"],
  m: ["m", "meter", "metre"],
  km: ["km", "kilometer", "kilometre"],
  in: ["in", "inch", "inche"],
  ft: ["ft", "foot", "feet"],
  yd: ["yd", "yard"],
  mi: ["mi", "mile"],
  mg: ["mg", "milligram"],
  g: ["g", "gram"],
  kg: ["kg", "kilogram"],
  lb: ["lb", "pound"],
  oz: ["oz", "ounce"],
  mL: ["ml", "mL", "milliliter", "millilitre"],
  L: ["l", "L", "liter", "litre"],
  s: ["s", "sec", "second"],
  min: ["min", "minute"],
  h: ["h", "hr", "hour"],
  day: ["day"],
  week: ["week"],
  month: ["month"],
  year: ["yr", "year"],
  dollar: ["dollar", "USD"],
  cent: ["cent", "¢"],
  am: ["am", "a.m"],
  pm: ["pm", "p.m"],
  "%": ["%", "percent", "pct", "percentage"],
  degree: ["degree", "deg"],
  radian: ["radian", "rad"],
};

const names = new Map<string, string>();
for (const [name, spelled] of Object.entries(aliases)) {
  for (const word of spelled) names.set(word, name).set(`${word}s`, name);
}

const find = (word: string): string | undefined => names.get(word) ?? names.get(word.toLowerCase());

export const isUnit = (word: string): boolean => find(word) !== undefined;

/** A unit's name; undefined for words that are none of those told apart ("units", "apples", "cm per second"). */
export function unitOf(words: string): string | undefined {
  const [word, ...others] = words
    .replace(/\b(?:square|sq|cubic|cu)\b\.?/gi, "")
    .replace(/\.$/, "")
    .trim()
    .split(/\s+/);
  return others.length === 0 ? find(word ?? "") : undefined;
}

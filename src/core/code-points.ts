/** JavaScript counts text in UTF-16 units; clients in other languages count code points, and so does the API. */

/** How many code points a text has. */
export function countCodePoints(text: string): number {
  let points = 0;
  for (let unit = 0; unit < text.length; unit += unitsAt(text, unit)) points++;
  return points;
}

/** UTF-16 offsets into `text`, ascending, as code points. */
export const toCodePoints = (text: string, offsets: readonly number[]): number[] =>
  offsets.map(codePointCounter(text));

/** Turns UTF-16 offsets into `text`, which it is given in ascending order, into code points. */
export function codePointCounter(text: string): (offset: number) => number {
  let units = 0;
  let points = 0;
  return (offset) => {
    while (units < offset && units < text.length) {
      units += unitsAt(text, units);
      points++;
    }
    return points;
  };
}

/** The UTF-16 offset at which the code point number `points` begins; the text's length where it has fewer. */
export function toUnits(text: string, points: number): number {
  let units = 0;
  for (let point = 0; point < points && units < text.length; point++) units += unitsAt(text, units);
  return units;
}

const unitsAt = (text: string, unit: number): number => (text.codePointAt(unit)! > 0xffff ? 2 : 1);

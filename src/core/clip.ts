/** Characters of a client's own words that an error repeats. */
const mostRepeated = 64;

/** A client's own words as errors repeat them: enough to know them by, however long they are. */
export const clip = (text: string, most = mostRepeated): string =>
  text.length <= most ? text : `${text.slice(0, most - 1).toWellFormed()}…`;

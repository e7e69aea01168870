/** What to do about chains that read as unmixed. */
export const mixingAdvice =
  "Take more steps, raise proposal_temperature, or use cut 'entropy' or kernel 'tempering'.";

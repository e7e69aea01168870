/** What examples of requests ask, as README and playground do: a sum that has one result whichever way it is worked. */
export const exampleSum = "9*4+3-4-2=";
/** What examples of answers say to it. */
export const exampleWorking = "9*4=36;36+3=39;39-4=35;35-2=33;#33";
/** What is new in examples of chunks. */
export const exampleFirstStep = "9*4=36;";

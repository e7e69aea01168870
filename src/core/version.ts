/** As in package.json, which a test compares. */
export const version = "0.1.0";

/** The oldest Node that runs it, as package.json has it under `engines`, which a test compares. */
export const oldestNode = "20.19";

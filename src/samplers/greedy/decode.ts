import { greedySampling, tokenByToken } from "../token-by-token.ts";

/** The likeliest token each time. */
export const decodeGreedy = tokenByToken(() => greedySampling);

/** A finished completion that may be chosen, in what its choice goes by. */
export interface Candidate {
  /** Which of its prompt's completions it is, counted from 0. */
  readonly index: number;
  /** log p of its tokens together, nats. */
  readonly logprob: number;
  /** The end token included; 0 where it was not begun. */
  readonly tokens: number;
  /** Mean entropy of the distributions that its tokens were drawn after, nats; its lower bound where bounds are all that is known. */
  readonly meanEntropy?: number | undefined;
  /** See sampling/self-certainty.ts. */
  readonly selfCertainty?: number | undefined;
  /** The key of its answer; undefined where it has none. */
  readonly answer?: string | undefined;
}

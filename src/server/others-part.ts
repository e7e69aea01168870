/** How much of the server's room is for others: a client that has more than half of it may not have this part as well. */
const othersPart = 1 / 4;

/**
 * Whether a client takes what is for others.
 * @param theirs what it has already
 * @param next what all clients would have, with what it asks for
 * @param most what there is
 */
export const takesOthersPart = ({
  theirs,
  next,
  most,
}: Readonly<Record<"theirs" | "next" | "most", number>>): boolean =>
  theirs > most / 2 && next > most * (1 - othersPart);

import { TurnQueue } from "../core/turn-queue.ts";

const queue = new TurnQueue(() => true);

/**
 * Resolves in a turn of the event loop that no other long work has: however many requests are long, what else waits for
 * the thread waits for one piece of one of them. Pieces are to take a few milliseconds.
 */
export const nextTurn = (): Promise<void> => queue.next();

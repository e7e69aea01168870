/** A cell of a uniform: where something that depends on it has one value. */
export interface Cell<Value> {
  readonly width: number;
  /** A uniform inside the cell. */
  readonly at: number;
  readonly value: Value;
}

interface Probe<Value> {
  readonly u: number;
  readonly value: Value;
}

/** Within which a border is found: a hundred times nearer than what the laws are held to, 1e-12. */
const resolution = 2 ** -47;

/** How far beside a border known before its cells are looked for. Halving left it half as far off at most. */
const beside = (3 / 8) * resolution;

/** The largest uniform. */
const last = 1 - 2 ** -53;

/**
 * The cells of a uniform on which `f` is constant, found by bisection. Between two equal values `f` is taken for
 * constant: it must not come back to a value it has left.
 * @param near borders found where much the same was asked before: the search begins beside them, finds the same
 *   wherever they are, and is over at once where they still hold. Filled when empty.
 */
export async function cells<Value>(
  f: (u: number) => Promise<Value>,
  keyOf: (value: Value) => unknown,
  near: number[] = [],
): Promise<Cell<Value>[]> {
  const probe = async (u: number): Promise<Probe<Value>> => ({ u, value: await f(u) });
  const merged = new Map<unknown, Cell<Value>>();
  const add = (width: number, { u, value }: Probe<Value>): void => {
    const key = keyOf(value);
    const known = merged.get(key);
    merged.set(key, known ? { ...known, width: known.width + width } : { width, at: u, value });
  };
  const borders: number[] = [];
  const visit = async (low: Probe<Value>, high: Probe<Value>): Promise<void> => {
    if (keyOf(low.value) === keyOf(high.value)) {
      add(high.u - low.u, low);
      return;
    }
    const middle = (low.u + high.u) / 2;
    if (high.u - low.u > (7 / 8) * resolution) {
      const between = await probe(middle);
      await visit(low, between);
      await visit(between, high);
      return;
    }
    add(middle - low.u, low);
    add(high.u - middle, high);
    borders.push(middle);
  };

  let low = await probe(Number.MIN_VALUE);
  for (const border of near) {
    for (const u of [border - beside, border + beside]) {
      if (u <= low.u || u >= last) continue;
      const high = await probe(u);
      await visit(low, high);
      low = high;
    }
  }
  await visit(low, await probe(last));
  if (near.length === 0) near.push(...borders);
  return [...merged.values()];
}

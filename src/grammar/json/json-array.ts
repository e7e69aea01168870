import type { Expression, Rule } from "../expression.ts";
import { GrammarError, unsupported } from "../grammar-error.ts";
import { countOf } from "./counts.ts";
import type { SchemaReader } from "./schema-reader.ts";
import { isArray } from "../../core/json-value.ts";
import { negated } from "./negation.ts";
import type { Place, SchemaNode } from "./schema-file.ts";

/** Items that are told apart by their places at most. */
const mostPlaces = 1000;

/** Arrays that all of some schemas allow. */
export function arrayOf(reader: SchemaReader, places: readonly Place[]): Expression {
  const { text } = reader;
  const { make } = text;
  const least = Math.max(0, ...countOf(places, "minItems"));
  const most = Math.min(Infinity, ...countOf(places, "maxItems"));
  checkUnique(places, most);
  if (least > most) return make.nothing;
  const prefixLength = Math.max(0, ...places.map((place) => prefixOf(place).length));
  const itemAt = (index: number): readonly SchemaNode[] =>
    places.flatMap((place) => itemOf(reader, place, index));
  const counted = countedItems(reader, places);
  const close = make.sequence(text.space, text.text("]"));
  const begin = make.sequence(text.text("["), text.space);
  if (counted !== undefined) {
    const items = { itemAt, prefixLength, least, most, counted };
    return make.sequence(begin, new CountedItems(reader, items).from(0, 0));
  }
  if (prefixLength > mostPlaces) throw unsupported(`has prefixItems with more than ${mostPlaces} entries`);
  const rest = reader.value(itemAt(prefixLength));
  const after = (from: number): Expression =>
    make.repeat(make.sequence(text.comma, rest), Math.max(0, least - from), most - from);
  let tail = after(Math.max(1, prefixLength));
  for (let index = prefixLength - 1; index > 0; index--) {
    if (index >= most) tail = make.empty;
    else {
      const taken = make.sequence(text.comma, reader.value(itemAt(index)), tail);
      tail = index >= least ? make.optional(taken) : taken;
    }
  }
  const some = make.sequence(reader.value(itemAt(0)), tail, close);
  return make.sequence(
    begin,
    make.choice(most > 0 ? some : make.nothing, least === 0 ? text.text("]") : make.nothing),
  );
}

function checkUnique(places: readonly Place[], most: number): void {
  for (const { schema, path } of places)
    if (schema.uniqueItems === true && most > 1)
      throw unsupported(
        `has 'uniqueItems' at ${path}, which is not supported: no grammar keeps count of values`,
      );
}

const prefixOf = ({ schema, path }: Place) => {
  const prefix = schema.prefixItems ?? [];
  if (!isArray(prefix)) throw new GrammarError(`has prefixItems at ${path} that is no list of schemas`);
  return prefix;
};

function itemOf({ file }: SchemaReader, place: Place, index: number): readonly SchemaNode[] {
  const own = prefixOf(place)[index];
  if (own !== undefined) return [file.node(own, `${place.path}/prefixItems/${index}`)];
  const { items } = place.schema;
  if (isArray(items))
    throw unsupported(
      `has 'items' at ${place.path} as a list, which is not supported: it is prefixItems since 2020-12`,
    );
  return items === undefined ? [] : [file.node(items, `${place.path}/items`)];
}

/** What `contains` asks. */
interface Counted {
  readonly node: SchemaNode;
  /** Ways not to be counted, where that has to be known. */
  readonly others: readonly (readonly SchemaNode[])[];
  readonly least: number;
  readonly most: number;
}

function countedItems({ file }: SchemaReader, places: readonly Place[]): Counted | undefined {
  const asking = places.filter(({ schema }) => schema.contains !== undefined);
  const [place] = asking;
  if (place === undefined) return undefined;
  if (asking.length > 1)
    throw unsupported(
      `has 'contains' at ${place.path} and at ${asking[1]!.path} at once, which is not supported`,
    );
  const least = countOf([place], "minContains")[0] ?? 1;
  const most = countOf([place], "maxContains")[0] ?? Infinity;
  if (least === 0 && most === Infinity) return undefined;
  if (Math.max(least, most === Infinity ? 0 : most) > 100)
    throw unsupported(`has minContains or maxContains at ${place.path} of more than 100`);
  const node = file.node(place.schema.contains, `${place.path}/contains`);
  return { node, others: most === Infinity ? [[]] : negated(file, node), least, most };
}

interface ItemSettings {
  readonly itemAt: (index: number) => readonly SchemaNode[];
  readonly prefixLength: number;
  readonly least: number;
  readonly most: number;
  readonly counted: Counted;
}

/** Items of which some are counted: what follows so many, of which so many were. */
class CountedItems {
  readonly #reader: SchemaReader;
  readonly #settings: ItemSettings;
  readonly #rules = new Map<string, Rule>();
  /** From here on places are alike. */
  readonly #last: number;

  constructor(reader: SchemaReader, settings: ItemSettings) {
    this.#reader = reader;
    this.#settings = settings;
    const { prefixLength, least, most } = settings;
    this.#last = most === Infinity ? Math.max(1, prefixLength, least) : most;
    if (this.#last > mostPlaces)
      throw unsupported(`has 'contains' beside minItems or maxItems of more than ${mostPlaces}`);
  }

  from(index: number, count: number): Expression {
    const { make } = this.#reader.text;
    const key = `${index},${count}`;
    let rule = this.#rules.get(key);
    if (rule === undefined) {
      rule = { name: `items ${key}`, body: undefined };
      this.#rules.set(key, rule);
      rule.body = this.#body(index, count);
    }
    return make.reference(rule);
  }

  #body(index: number, count: number): Expression {
    const { text } = this.#reader;
    const { make } = text;
    const { itemAt, least, most, counted } = this.#settings;
    const mayEnd = index >= least && count >= counted.least;
    const end = index === 0 ? text.text("]") : make.sequence(text.space, text.text("]"));
    const options = [mayEnd ? end : make.nothing];
    if (index < most) {
      const next = most === Infinity ? Math.min(index + 1, this.#last) : index + 1;
      const before = index === 0 ? make.empty : text.comma;
      const nodes = itemAt(index);
      const take = (way: readonly SchemaNode[], now: number): Expression =>
        make.sequence(before, this.#reader.value([...nodes, ...way]), this.from(next, now));
      for (const way of counted.others) options.push(take(way, count));
      const enough = counted.most === Infinity ? counted.least : counted.most;
      if (count < enough) options.push(take([counted.node], count + 1));
    }
    return make.choice(...options);
  }
}

import { GrammarError, unsupported } from "../grammar-error.ts";
import type { SchemaReader } from "./schema-reader.ts";
import { isArray, isObject } from "../../core/json-value.ts";
import type { Json } from "../../core/json-value.ts";
import { negated } from "./negation.ts";
import type { Place, SchemaNode } from "./schema-file.ts";

/** Alternatives that one combination of schemas is spread into at most. */
const mostAlternatives = 512;

/** Schemas that all have to hold, in one way out of several. */
interface Branch {
  readonly taken: Set<Place>;
  readonly waiting: SchemaNode[];
}

/** The ways to satisfy all of some schemas: each a list of schemas of which the keywords that branch are seen to. */
export function alternativesOf(reader: SchemaReader, places: readonly Place[]): (readonly Place[])[] {
  const done: (readonly Place[])[] = [];
  const open: Branch[] = [{ taken: new Set(), waiting: [...places] }];
  for (let branch = open.pop(); branch !== undefined; branch = open.pop()) {
    const next = branch.waiting.shift();
    if (next === undefined) {
      done.push([...branch.taken]);
      continue;
    }
    if (next === false) continue;
    if (next === true || branch.taken.has(next)) {
      open.push(branch);
      continue;
    }
    branch.taken.add(next);
    const demands = demandsOf(reader, next);
    let spread: Branch[] = [branch];
    for (const ways of demands) {
      spread = spread.flatMap(({ taken, waiting }) =>
        ways.map((way) => ({ taken: new Set(taken), waiting: [...waiting, ...way] })),
      );
      if (spread.length + open.length + done.length > mostAlternatives)
        throw unsupported(`has more than ${mostAlternatives} combinations of alternatives at ${next.path}`);
    }
    open.push(...spread);
  }
  return done;
}

/** What a schema asks beside its own keywords: of each list, one entry's schemas have to hold. */
function demandsOf(reader: SchemaReader, { schema, path }: Place): (readonly (readonly SchemaNode[])[])[] {
  const { file } = reader;
  const at = (value: Json | undefined, place: string): SchemaNode => file.node(value, `${path}/${place}`);
  /** A schema that stands nowhere, as one that a keyword comes to. */
  const made = (value: Json, place: string): SchemaNode => file.node(value, `${path}/${place}`);
  const demands: (readonly (readonly SchemaNode[])[])[] = [];
  if (schema.$ref !== undefined) demands.push([[file.resolve(schema.$ref, path)]]);
  const listOf = (keyword: string): SchemaNode[] => {
    const list = schema[keyword];
    if (!isArray(list) || list.length === 0)
      throw new GrammarError(`has ${keyword} at ${path} that is no list of schemas`);
    return list.map((member, index) => at(member, `${keyword}/${index}`));
  };
  if (schema.allOf !== undefined) demands.push([listOf("allOf")]);
  if (schema.anyOf !== undefined) demands.push(listOf("anyOf").map((member) => [member]));
  if (schema.oneOf !== undefined) {
    const members = listOf("oneOf");
    for (const [index, member] of members.entries())
      for (const other of members.slice(index + 1)) reader.expectNothing([member, other], path);
    demands.push(members.map((member) => [member]));
  }
  if (schema.not !== undefined) demands.push(negated(file, at(schema.not, "not")));
  if (schema.if !== undefined) {
    const condition = at(schema.if, "if");
    const then = schema.then === undefined ? true : at(schema.then, "then");
    const otherwise = schema.else === undefined ? true : at(schema.else, "else");
    if (then !== true || otherwise !== true)
      demands.push([[condition, then], ...negated(file, condition).map((way) => [...way, otherwise])]);
  }
  for (const [name, needed] of members(schema.dependentRequired, "dependentRequired", path))
    demands.push([
      [made(without(name), "dependentRequired")],
      [made({ required: needed }, `dependentRequired/${name}`)],
    ]);
  for (const [name, dependent] of members(schema.dependentSchemas, "dependentSchemas", path))
    demands.push([
      [made(without(name), "dependentSchemas")],
      [made({ required: [name] }, "dependentSchemas"), at(dependent, `dependentSchemas/${name}`)],
    ]);
  return demands;
}

/** Objects without a member, and whatever is no object. */
const without = (name: string): Json => ({ "x-metropolis-absent": [name] });

export function members(value: Json | undefined, keyword: string, path: string): [string, Json][] {
  if (value === undefined) return [];
  if (!isObject(value)) throw new GrammarError(`has ${keyword} at ${path} that is no object`);
  return Object.entries(value);
}

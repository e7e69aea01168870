import type { z } from "zod";
import { declarations } from "./declarations.ts";
import type { Field } from "./field.ts";
import type { CostReport, ReportDeclaration } from "./report.ts";
import type { Sampler, SamplerDefaults, SettingsContext } from "./sampler.ts";

type Declarations = typeof declarations;
export type SamplerName = keyof Declarations;

/** What a sampler was asked to do, its defaults filled in. */
export type SettingsOf<Name extends SamplerName> = {
  [One in Name]: { readonly sampler: One } & ReturnType<Declarations[One]["settle"]>;
}[Name];
export type SamplerSettings = SettingsOf<SamplerName>;

/** Samplers that report how a completion came to be. */
export type ReportingName = {
  [Name in SamplerName]: Declarations[Name]["report"] extends ReportDeclaration ? Name : never;
}[SamplerName];
type ReportSchemas = {
  readonly [Name in ReportingName]: Declarations[Name]["report"] extends ReportDeclaration<infer Schema>
    ? Schema
    : never;
};
/** What a sampler reports; `undefined` for one that reports nothing. */
export type ReportOf<Name extends SamplerName> = Name extends ReportingName
  ? z.output<ReportSchemas[Name]>
  : undefined;
/** The report of a completion's own sampler, under that sampler's name. */
export type Reports = { readonly [Name in ReportingName]?: z.output<ReportSchemas[Name]> | undefined };

/** The declarations under one type, for callers that treat every sampler alike. */
export const samplers: Readonly<Record<SamplerName, Sampler>> = declarations;

export const samplerNames = Object.keys(declarations) as [SamplerName, ...SamplerName[]];

export const isSamplerName = (name: unknown): name is SamplerName =>
  samplerNames.some((known) => known === name);

/**
 * What a request's fields ask of the sampler, defaults filled in.
 * @throws InferenceError `invalid_request` naming the field at fault
 */
export function settle(
  sampler: SamplerName,
  given: Readonly<Record<string, unknown>>,
  context: SettingsContext,
): SamplerSettings {
  return { sampler, ...samplers[sampler].settle(given, context) } as SamplerSettings;
}

/** Completions that the sampler holds side by side while it draws one of so many. */
export const completionsHeld = (
  sampler: SamplerName,
  given: Readonly<Record<string, unknown>>,
  defaults: SamplerDefaults,
  candidates = 1,
): number => samplers[sampler].held?.(given, defaults, candidates) ?? 1;

/** What the sampler remembers beside them, as tokens that take as much memory. */
export const tokensRemembered = (
  sampler: SamplerName,
  given: Readonly<Record<string, unknown>>,
  maxTokens: number,
): number => samplers[sampler].remembers?.(given, maxTokens) ?? 0;

/** 1/τ of the law that a request's tokens are drawn from. */
export const inverseTemperatureOf = (settings: SamplerSettings): number =>
  samplers[settings.sampler].inverseTemperature(settings);

type FieldsOf<Name extends SamplerName> = Declarations[Name]["fields"];
export type FieldName = { [Name in SamplerName]: keyof FieldsOf<Name> & string }[SamplerName];
type FieldOf<Name extends FieldName> = {
  [User in SamplerName]: FieldsOf<User> extends Readonly<Record<Name, infer Own>> ? Own : never;
}[SamplerName];

/** A field with the samplers that it means something to. */
export interface SamplerField extends Field {
  readonly users: readonly SamplerName[];
}

/** Every field of every sampler, in the order in which they are declared. */
export const samplerFields: Readonly<Record<FieldName, SamplerField>> = gatherFields();

function gatherFields(): Record<FieldName, SamplerField> {
  const gathered = new Map<string, SamplerField>();
  for (const user of samplerNames) {
    for (const [name, field] of Object.entries(samplers[user].fields)) {
      const known = gathered.get(name);
      if (known !== undefined && known.schema !== field.schema)
        throw new Error(`samplers mean different fields by '${name}': ${known.users.join()} and ${user}`);
      gathered.set(name, { ...field, users: [...(known?.users ?? []), user] });
    }
  }
  return Object.fromEntries(gathered) as Record<FieldName, SamplerField>;
}

/** The sampler that a request asks for by a field of its own, without naming it. */
export const pickedBy = (given: Readonly<Record<string, unknown>>): SamplerName | undefined =>
  Object.entries<SamplerField>(samplerFields).find(
    ([name, { picks }]) => picks !== undefined && given[name] === picks,
  )?.[1].users[0];

type SchemaOf<Name extends FieldName> = FieldOf<Name> extends Field<infer Schema> ? Schema : never;

/** The fields as a request has them: each may be left out, or null. */
export const requestShape = Object.fromEntries(
  Object.entries<SamplerField>(samplerFields).map(([name, field]) => [
    name,
    field.schema.nullish().meta({ description: describeField(field), examples: [field.example] }),
  ]),
) as unknown as { readonly [Name in FieldName]: z.ZodOptional<z.ZodNullable<SchemaOf<Name>>> };

function describeField({ users, meaning, usual }: SamplerField): string {
  return `${users.join(", ")}: ${meaning[0]!.toLowerCase()}${meaning.slice(1)} Default: ${usual}.`;
}

/** The reports as a choice has them: that of the sampler at work. */
export const reportShape = Object.fromEntries(
  samplerNames.flatMap((name) => {
    const { report } = samplers[name];
    return report === undefined
      ? []
      : [[name, report.schema.optional().meta({ examples: [report.example] })]];
  }),
) as unknown as { readonly [Name in ReportingName]: z.ZodOptional<ReportSchemas[Name]> };

/** The report that a choice, or the end of a completion, holds: that of the sampler at work, if it reports anything. */
export function findReport(
  choice: Reports,
): { readonly sampler: SamplerName; readonly body: CostReport } | undefined {
  for (const sampler of samplerNames) {
    const body = (choice as Readonly<Record<string, CostReport | undefined>>)[sampler];
    if (body !== undefined) return { sampler, body };
  }
  return undefined;
}

import { describe, expect, it } from "vitest";
import { createTestApp } from "../support/embedded.ts";

interface Schema {
  readonly $ref?: string;
  readonly description?: string;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

describe("openapi.yaml", () => {
  it("describes every field of every request and answer, with an example", async () => {
    await using server = await createTestApp();
    await server.app.ready();
    const { paths, components } = server.app.swagger() as unknown as Document;
    const missing: string[] = [];
    const visit = (schema: Schema, path: string): void => {
      for (const [name, property] of Object.entries(schema.properties ?? {})) {
        const named =
          property.$ref === undefined ? property : components.schemas[property.$ref.split("/").at(-1)!];
        const has = (key: "description" | "examples") => (property[key] ?? named?.[key]) !== undefined;
        if (!has("description") || !has("examples")) missing.push(`${path}.${name}`);
        visit(property, `${path}.${name}`);
      }
      if (schema.items !== undefined) visit(schema.items, `${path}[]`);
      for (const one of schema.anyOf ?? []) visit(one, path);
    };
    for (const [name, schema] of Object.entries(components.schemas)) visit(schema, name);
    expect(missing).toEqual([]);
    expect(Object.keys(components.schemas).length).toBeGreaterThan(12);
    for (const methods of Object.values(paths)) {
      for (const operation of Object.values(methods)) expect(operation).toHaveProperty("summary");
    }
  });
});

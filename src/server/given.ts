/**
 * What a body says. Clients send explicit nulls for what they leave open, and as in OpenAI's API null means the
 * default: from here on there are none.
 */
export type Given<Body> = {
  readonly [Name in keyof Body]: Exclude<Body[Name], null> | (null extends Body[Name] ? undefined : never);
};

export function dropNulls<Body extends object>(body: Body): Given<Body> {
  const given = Object.entries(body).filter(([, value]) => value !== null);
  return Object.fromEntries(given) as Given<Body>;
}

import { TemplateError, typeError, valueError } from "./errors.ts";
import type { Target } from "./nodes.ts";
import { iterable } from "./operators.ts";
import { repr } from "./repr.ts";
import { Namespace, typeName } from "./values.ts";
import type { Value } from "./values.ts";

/** Names and their values: what is set in an inner scope is gone with it. */
export class Scope {
  readonly #names = new Map<string, Value>();
  readonly #outer: Scope | undefined;

  constructor(outer?: Scope) {
    this.#outer = outer;
  }

  get root(): Scope {
    return this.#outer?.root ?? this;
  }

  get(name: string): Value | undefined {
    const value = this.#names.get(name);
    return value === undefined ? this.#outer?.get(name) : value;
  }

  set(name: string, value: Value): void {
    this.#names.set(name, value);
  }

  /** @throws TemplateError where the value does not unpack, or no namespace has the member */
  assign(target: Target, value: Value): void {
    if (target.kind === "name") this.set(target.name, value);
    else if (target.kind === "member") this.#assignMember(target, value);
    else this.#unpack(target.targets, value);
  }

  #assignMember({ of, name }: Target & { kind: "member" }, value: Value): void {
    const namespace = this.get(of);
    if (!(namespace instanceof Namespace)) {
      throw new TemplateError("TemplateRuntimeError", "cannot assign attribute on non-namespace object");
    }
    setMember(namespace, name, value);
  }

  #unpack(targets: readonly Target[], value: Value): void {
    const members = iterable(value);
    if (members === undefined) throw typeError(`cannot unpack non-iterable ${typeName(value)} object`);
    const values = Array.from(members);
    if (values.length > targets.length)
      throw valueError(`too many values to unpack (expected ${targets.length})`);
    if (values.length < targets.length) {
      throw valueError(`not enough values to unpack (expected ${targets.length}, got ${values.length})`);
    }
    targets.forEach((target, index) => {
      this.assign(target, values[index]!);
    });
  }
}

/** @throws TemplateError for names that begin with an underscore, as transformers does */
export function setMember(namespace: Namespace, name: string, value: Value): void {
  if (name.startsWith("_")) {
    throw new TemplateError(
      "SecurityError",
      `Chat templates cannot store underscore-prefixed attributes on a namespace, but got ${repr(name)}. Please rename the attribute.`,
    );
  }
  namespace.attributes.set(name, value);
}

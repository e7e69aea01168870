import { typeError, valueError, TemplateError } from "./errors.ts";
import { floatText, repr, str } from "./repr.ts";
import { Dict, Tuple, numberOf, textOf, typeName } from "./values.ts";
import type { Arguments, Value } from "./values.ts";
import { defined } from "./operators.ts";
import { codePoints } from "./code-points.ts";

const directive = /%(?:\(([^)]*)\))?([-+ 0#]*)(\d+|\*)?(?:\.(\d+|\*))?[hlL]?(.?)/gsu;

/** Python's `template % values`. */
export function printf(template: string, values: Value): string {
  const positional = values instanceof Tuple ? values.items : [values];
  let used = 0;
  const next = (): Value => {
    const value = positional[used];
    if (value === undefined) throw typeError("not enough arguments for format string");
    used += 1;
    return value;
  };
  const count = (given: string | undefined): number | undefined => {
    if (given === undefined) return undefined;
    return given === "*" ? Number(numberOf(next()) ?? NaN) : Number(given);
  };
  const written = template.replace(directive, (_, ...parts: (string | undefined)[]) => {
    const [key, flags = "", width, precision, conversion = ""] = parts;
    if (conversion === "%") return "%";
    const columns = count(width) ?? 0;
    const digits = count(precision);
    const value = key === undefined ? next() : keyed(values, key);
    return padded(converted(value, conversion, { flags, digits }), {
      columns,
      align: flags.includes("-") ? "<" : flags.includes("0") && !"srca".includes(conversion) ? "=" : ">",
      fill: flags.includes("0") && !flags.includes("-") && !"srca".includes(conversion) ? "0" : " ",
    });
  });
  if (used < positional.length && !(values instanceof Dict) && !Array.isArray(values)) {
    throw typeError("not all arguments converted during string formatting");
  }
  return written;
}

/** Python's ascii(x) */
const ascii = (value: Value): string =>
  repr(value).replace(/[^\0-\x7f]/gu, (character) => {
    const code = character.codePointAt(0)!;
    const [letter, digits] = code <= 0xff ? ["x", 2] : code <= 0xffff ? ["u", 4] : ["U", 8];
    return `\\${letter}${code.toString(16).padStart(digits, "0")}`;
  });

/** What %c writes. */
function character(value: Value): string {
  const text = textOf(value);
  const code = numberOf(value);
  if (typeof code === "bigint" && code >= 0n && code < 0x110000n) return String.fromCodePoint(Number(code));
  if (text !== undefined && codePoints(text).length === 1) return text;
  throw typeof code === "bigint"
    ? new TemplateError("OverflowError", "%c arg not in range(0x110000)")
    : typeError("%c requires int or char");
}

function keyed(values: Value, key: string): Value {
  if (!(values instanceof Dict)) throw typeError("format requires a mapping");
  const value = values.get(key);
  if (value === undefined) throw new TemplateError("KeyError", repr(key));
  return value;
}

function converted(
  value: Value,
  conversion: string,
  { flags, digits }: { flags: string; digits: number | undefined },
): string {
  if (conversion === "s" || conversion === "r" || conversion === "a") {
    const whole = conversion === "s" ? str(value) : conversion === "r" ? repr(value) : ascii(value);
    return digits === undefined ? whole : Array.from(whole).slice(0, digits).join("");
  }
  if (conversion === "c") return character(value);
  if (!/^[diuxXofFeEgG]$/.test(conversion)) {
    throw conversion === ""
      ? valueError("incomplete format")
      : valueError(`unsupported format character '${conversion}'`);
  }
  const number = numberOf(
    "diu".includes(conversion) || "fFeEgG".includes(conversion) ? defined(value) : value,
  );
  if (number === undefined) {
    const wanted = "diu".includes(conversion)
      ? "a real number"
      : "fFeEgG".includes(conversion)
        ? "a real number"
        : "an integer";
    throw typeError(`%${conversion} format: ${wanted} is required, not ${typeName(value)}`);
  }
  if ("xXo".includes(conversion) && typeof number !== "bigint") {
    throw typeError(`%${conversion} format: an integer is required, not float`);
  }
  const kind = conversion === "i" || conversion === "u" ? "d" : conversion;
  const text = numberText(kind === "d" ? BigInt(Math.trunc(Number(number))) : number, kind, {
    digits,
    alternate: flags.includes("#"),
  });
  if (kind === "d" && typeof number === "bigint") return signed(number.toString(), flags);
  return signed(text, flags);
}

const signed = (text: string, flags: string): string =>
  text.startsWith("-") ? text : flags.includes("+") ? `+${text}` : flags.includes(" ") ? ` ${text}` : text;

/** A number as d, b, o, x, X, e, E, f, F, g, G, n or % write it. */
function numberText(
  number: bigint | number,
  kind: string,
  { digits, alternate }: { digits: number | undefined; alternate: boolean },
): string {
  const bases: Record<string, readonly [number, string]> = {
    b: [2, "0b"],
    o: [8, "0o"],
    x: [16, "0x"],
    X: [16, "0X"],
  };
  const base = Object.hasOwn(bases, kind) ? bases[kind] : undefined;
  if (base !== undefined) {
    const whole = BigInt(number);
    const text = (whole < 0n ? -whole : whole).toString(base[0]);
    return `${whole < 0n ? "-" : ""}${alternate ? base[1] : ""}${kind === "X" ? text.toUpperCase() : text}`;
  }
  if (kind === "d") return number.toString();
  const value = Number(number);
  if (!Number.isFinite(value)) return floatText(value);
  if (kind === "%") return `${fixed(value * 100, digits ?? 6)}%`;
  if (kind === "f" || kind === "F") return fixed(value, digits ?? 6);
  if (kind === "e" || kind === "E") return exponential(value, digits ?? 6, kind);
  return general(value, digits ?? 6, kind);
}

/** As many digits after the point as asked for; exact ties go to the even digit, as C's printf has them. */
export function fixed(value: number, digits: number): string {
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const magnitude = Math.abs(value);
  if (magnitude >= 1e21) return `${sign}${BigInt(magnitude)}${digits > 0 ? `.${"0".repeat(digits)}` : ""}`;
  const shown = Math.min(digits, 100);
  const rounded = magnitude.toFixed(shown);
  const [whole = "", fraction = ""] = magnitude.toFixed(100).split(".");
  const tie = shown < 100 && /^50*$/.test(fraction.slice(shown));
  const kept = `${whole}${fraction.slice(0, shown)}`;
  const even = tie && Number(kept.at(-1)) % 2 === 0;
  const text = even ? (shown === 0 ? whole : `${whole}.${fraction.slice(0, shown)}`) : rounded;
  return sign + text;
}

function exponential(value: number, digits: number, kind: string): string {
  const [mantissa = "", power = ""] = value.toExponential(Math.min(digits, 100)).split("e");
  const sign = power.startsWith("-") ? "-" : "+";
  return `${mantissa}${kind === "E" || kind === "G" ? "E" : "e"}${sign}${power.slice(1).padStart(2, "0")}`;
}

function general(value: number, digits: number, kind: string): string {
  const precision = Math.max(1, digits);
  const exponent = value === 0 ? 0 : Number(value.toExponential(Math.min(precision - 1, 100)).split("e")[1]);
  const scientific = exponent < -4 || exponent >= precision;
  const text = scientific ? exponential(value, precision - 1, kind) : fixed(value, precision - 1 - exponent);
  const [mantissa = "", power] = text.split(/(?=[eE])/);
  const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  return short + (power ?? "");
}

function padded(
  text: string,
  { columns, align, fill }: { columns: number; align: string; fill: string },
): string {
  const missing = Math.max(0, columns - codePoints(text).length);
  if (align === "<") return text + fill.repeat(missing);
  if (align === "^") return fill.repeat(Math.floor(missing / 2)) + text + fill.repeat(Math.ceil(missing / 2));
  if (align !== "=") return fill.repeat(missing) + text;
  const sign = /^[-+ ]?(0[xXob])?/.exec(text)?.[0] ?? "";
  return sign + fill.repeat(missing) + text.slice(sign.length);
}

/** Python's template.format(...): fields by number or name, attributes and items of them within the sandbox. */
export function formatText(
  template: string,
  { positional, named }: Arguments,
  look: { attribute: (object: Value, name: string) => Value; item: (object: Value, key: Value) => Value },
): string {
  let automatic = 0;
  const field = (inner: string): string => {
    const [, name = "", path = "", , conversion, spec = ""] =
      /^([^.[!:]*)((?:\.[^.[!:]+|\[[^\]]+\])*)(!([rsa]))?(?::(.*))?$/su.exec(
        inner.replace(/!([rsa])/, "!$1"),
      ) ?? [];
    const key = name === "" ? String(automatic++) : name;
    const index = /^\d+$/.test(key) ? Number(key) : undefined;
    let value = index === undefined ? named.get(key) : positional[index];
    if (value === undefined) {
      throw index === undefined
        ? new TemplateError("KeyError", repr(key))
        : new TemplateError(
            "IndexError",
            `Replacement index ${index} out of range for positional args tuple`,
          );
    }
    for (const [step] of path.matchAll(/\.[^.[]+|\[[^\]]+\]/gu)) {
      if (step.startsWith(".")) value = look.attribute(value, step.slice(1));
      else value = look.item(value, /^\[\d+\]$/.test(step) ? BigInt(step.slice(1, -1)) : step.slice(1, -1));
    }
    if (conversion !== undefined)
      value = conversion === "s" ? str(value) : conversion === "r" ? repr(value) : ascii(value);
    return formatted(
      value,
      spec.replace(/\{([^{}]*)\}/gu, (_, nested: string) => field(nested)),
    );
  };
  return template.replace(
    /\{\{|\}\}|\{((?:[^{}]|\{[^{}]*\})*)\}|[{}]/gu,
    (match, inner: string | undefined) => {
      if (inner !== undefined) return field(inner);
      if (match === "{{" || match === "}}") return match[0] ?? "";
      throw valueError(`Single '${match}' encountered in format string`);
    },
  );
}

const specification = /^(?:(.)?([<>=^]))?([-+ ])?(#)?(0)?(\d+)?([,_])?(?:\.(\d+))?([bcdeEfFgGnosxX%])?$/su;

const unknownCode = (code: string, value: Value): TemplateError =>
  valueError(`Unknown format code '${code}' for object of type '${typeName(value)}'`);

/** Python's format(value, spec) */
function formatted(value: Value, spec: string): string {
  if (spec === "") return str(value);
  const parts = specification.exec(spec);
  const number = numberOf(value);
  if (parts === null || (number === undefined && textOf(value) === undefined)) {
    throw valueError(`Invalid format specifier '${spec}' for object of type '${typeName(value)}'`);
  }
  const [, fill, align, flags = "", alternate, zero, width = "0", group, precision, kind] = parts;
  const digits = precision === undefined ? undefined : Number(precision);
  const wide = { columns: Number(width), fill: fill ?? zero ?? " " };
  if (number === undefined) {
    if (kind !== undefined && kind !== "s") throw unknownCode(kind, value);
    if (flags !== "") throw valueError("Sign not allowed in string format specifier");
    if (alternate !== undefined)
      throw valueError("Alternate form (#) not allowed in string format specifier");
    if (align === "=") throw valueError("'=' alignment not allowed in string format specifier");
    if (group !== undefined) throw valueError(`Cannot specify '${group}' with 's'.`);
    const text = Array.from(str(value)).slice(0, digits).join("");
    return padded(text, { ...wide, align: align ?? "<" });
  }
  if (kind === "s") throw unknownCode(kind, value);
  if (digits !== undefined && typeof number === "bigint" && (kind === undefined || "bcdoxX".includes(kind)))
    throw valueError("Precision not allowed in integer format specifier");
  const code = kind ?? (typeof number === "bigint" ? "d" : digits === undefined ? "r" : "g");
  if ("bcdoxX".includes(code) && typeof number !== "bigint") throw unknownCode(code, value);
  const plain =
    code === "r"
      ? floatText(Number(number))
      : numberText(number, code, { digits, alternate: alternate !== undefined });
  const grouped =
    group === undefined
      ? plain
      : plain.replace(
          /^(-?)(\d+)/,
          (_, sign: string, whole: string) => sign + whole.replace(/\B(?=(\d{3})+$)/g, group),
        );
  return padded(signed(grouped, flags), { ...wide, align: align ?? (zero === undefined ? ">" : "=") });
}

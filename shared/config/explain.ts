import { closest as nearest, distance } from "fastest-levenshtein";
import type { z } from "zod";
import { InstarError } from "../errors.ts";

/** The word that `word` was probably meant to be; undefined when none is near. */
export function closest(word: string, words: readonly string[]): string | undefined {
  const plain = word.toLowerCase();
  const known = words.map((one) => one.toLowerCase());
  if (plain === "" || known.length === 0) return undefined;
  const found = nearest(plain, known);
  const reach = Math.floor(Math.max(plain.length, found.length) / 3);
  return distance(plain, found) <= reach || isPart(plain, found) || isShuffled(plain, found)
    ? words[known.indexOf(found)]
    : undefined;
}

function isPart(word: string, other: string): boolean {
  const [short, long] = word.length < other.length ? [word, other] : [other, word];
  return short.length >= 3 && long.startsWith(short);
}

/** Two letters that changed places count as two changes, and are the commonest slip. */
function isShuffled(word: string, other: string): boolean {
  return word.length >= 3 && lettersOf(word) === lettersOf(other);
}

function lettersOf(word: string): string {
  return Array.from(word).sort().join("");
}

/**
 * What `schema` makes of `value`. Throws CONFIG_INVALID whose message names the first wrong key as a path from `where`
 * ("config.scheduler"), what was found and what would be right; further faults are counted.
 */
export function parseWith<S extends z.ZodType>(
  schema: S,
  value: unknown,
  where: string,
  { hint }: { readonly hint?: string } = {},
): z.output<S> {
  const faults = faultsOf(schema, value, where);
  if (!Array.isArray(faults)) return faults.value;
  const [first = where, ...more] = faults;
  const rest = more.length === 0 ? "" : ` (and ${more.length} more)`;
  throw new InstarError("CONFIG_INVALID", `${first}${rest}`, { hint });
}

/** Every fault as a sentence, or the value. */
export function faultsOf<S extends z.ZodType>(
  schema: S,
  value: unknown,
  where: string,
): string[] | { readonly value: z.output<S> } {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return { value: result.data };
  // A misspelt key explains the one that is missing: it comes first.
  return result.error.issues
    .flatMap((issue) => sentences(issue, { schema, where }))
    .sort((a, b) => Number(isUnknownKey(b)) - Number(isUnknownKey(a)));
}

function isUnknownKey(sentence: string): boolean {
  return sentence.includes(": unknown key ");
}

interface Context {
  readonly schema: z.ZodType;
  readonly where: string;
}

function sentences(issue: z.core.$ZodIssue, context: Context): string[] {
  const place = placeOf(context.where, issue.path);
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(context.schema, issue.path);
    return issue.keys.map((key) => {
      const meant = closest(key, known);
      if (meant !== undefined) return `${place}: unknown key "${key}", did you mean "${meant}"?`;
      return `${place}: unknown key "${key}"${known.length > 0 ? `; known are ${known.join(", ")}` : ""}`;
    });
  }
  if (issue.code === "invalid_key")
    return [`${place}: ${issue.issues[0]?.message ?? "is no key that is allowed here"}`];
  if (issue.code === "invalid_union") return unionSentences(issue, context, place);
  if (issue.input === undefined && issue.code !== "custom") return [`${place}: is missing`];
  return [`${place}: ${demand(issue)}${found(issue)}`];
}

function placeOf(where: string, path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (place, part) => (typeof part === "number" ? `${place}[${part}]` : `${place}.${String(part)}`),
    where,
  );
}

/** The alternative that the value came nearest to speaks for all; else each says what it wants. */
function unionSentences(issue: z.core.$ZodIssueInvalidUnion, context: Context, place: string): string[] {
  if (issue.input === undefined) return [`${place}: is missing`];
  if (issue.errors.length === 0) return [`${place}: ${issue.message}${found(issue)}`];
  const inside = issue.errors.find((issues) =>
    issues.some(({ path, code }) => path.length > 0 || code === "unrecognized_keys"),
  );
  if (inside) {
    const below = { schema: context.schema, where: context.where };
    return inside.flatMap((one) => sentences({ ...one, path: [...issue.path, ...one.path] }, below));
  }
  const wanted = [
    ...new Set(issue.errors.flatMap((issues) => issues.slice(0, 1).map((one) => demand(one).replace(/^must be /, "")))),
  ];
  return [`${place}: must be ${wanted.join(" or ")}${found(issue)}`];
}

const KINDS: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
  null: "null",
};

function demand(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `must be ${KINDS[issue.expected] ?? issue.expected}`;
    case "invalid_value":
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(" or ")}`;
    case "too_small":
      return issue.origin === "string" && issue.minimum === 1
        ? "must not be empty"
        : `must be ${issue.inclusive === false ? "more than" : "at least"} ${issue.minimum}${unit(issue.origin)}`;
    case "too_big":
      return `must be ${issue.inclusive === false ? "less than" : "at most"} ${issue.maximum}${unit(issue.origin)}`;
    default:
      return issue.message;
  }
}

function unit(origin: string): string {
  if (origin === "string") return " characters";
  return origin === "array" ? " entries" : "";
}

const LONGEST_SHOWN = 60;
/** What rests under such a key is never shown. */
const SECRET = /token|secret|dsn|password|env$/i;

function found(issue: z.core.$ZodRawIssue | z.core.$ZodIssue): string {
  const { input, path = [] } = issue;
  if (input === undefined || input === "") return "";
  if (path.some((part) => SECRET.test(String(part))) && typeof input !== "object") return "";
  if (Array.isArray(input)) return ", is a list";
  if (typeof input === "object" && input !== null) return ", is an object";
  if (typeof input === "string" && input.length > LONGEST_SHOWN) return `, is a text of ${input.length} characters`;
  return `, is ${JSON.stringify(input)}`;
}

/** The keys that an object schema knows at `path`. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  const places = path.reduce<Structure[]>(
    (structures, part) => structures.flatMap((one) => stepInto(one, part)),
    structuresOf(schema),
  );
  return [...new Set(places.flatMap((def) => (def.type === "object" ? Object.keys(def.shape) : [])))];
}

type Structure = z.core.$ZodTypes["_zod"]["def"];

function stepInto(def: Structure, part: PropertyKey): Structure[] {
  if (def.type === "array") return structuresOf(def.element);
  if (def.type === "record") return structuresOf(def.valueType);
  const next = def.type === "object" ? def.shape[String(part)] : undefined;
  return next ? structuresOf(next) : [];
}

/** What a schema stands for, without the defaults, unions and what else wraps it. */
function structuresOf(schema: z.core.$ZodType): Structure[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if (def.type === "union") return def.options.flatMap(structuresOf);
  if (def.type === "pipe") return [...structuresOf(def.in), ...structuresOf(def.out)];
  return "innerType" in def ? structuresOf(def.innerType) : [def];
}

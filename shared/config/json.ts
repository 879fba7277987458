import { InstarError } from "../errors.ts";

/** Hand-edited files are small; a larger one is not ours. */
const LARGEST_CHARACTERS = 8 * 1_048_576;
const DEEPEST = 64;

/**
 * Parses hand-edited JSON. Throws CONFIG_INVALID that names `where`, line and column, for text that is no JSON and for a
 * key that stands twice in one object, of which JSON.parse would silently drop the first.
 */
export function parseJson(text: string, where: string, { hint }: { readonly hint?: string } = {}): unknown {
  const refuse = (message: string): never => {
    throw new InstarError("CONFIG_INVALID", message, { hint });
  };
  if (text.length > LARGEST_CHARACTERS) refuse(`${where}: longer than 8 MiB`);
  const plain = text.startsWith("\uFEFF") ? text.slice(1) : text;
  if (plain.trim() === "") refuse(`${where}: is empty`);
  const fault = firstFault(plain);
  if (fault) refuse(`${where}:${placeOf(plain, fault.at)}: ${fault.message}`);
  return JSON.parse(plain);
}

interface Fault {
  readonly message: string;
  readonly at: number;
}

function placeOf(text: string, at: number): string {
  const before = text.slice(0, at);
  return `${before.split("\n").length}:${at - before.lastIndexOf("\n")}`;
}

const SPACE = /[ \t\r\n]*/y;
// oxlint-disable-next-line no-control-regex -- JSON forbids just these
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER_OR_WORD = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])|(?:true|false|null)(?!\w)/y;

/** Walks the grammar of RFC 8259 and tells the first place that breaks it; JSON.parse names a place only for some faults. */
function firstFault(text: string): Fault | null {
  let at = 0;
  let fault: Fault | null = null;

  const fail = (message: string, place = at): false => {
    fault ??= { message, at: place };
    return false;
  };
  const take = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found === undefined) return null;
    at += found.length;
    return found;
  };
  const seen = (): string => {
    if (at >= text.length) return "it ends";
    if (text.startsWith("//", at) || text.startsWith("/*", at)) return "a comment, and JSON has none,";
    if (text[at] === "'") return "a single quote, and JSON has double ones,";
    return `found ${JSON.stringify(text[at])}`;
  };
  const here = (expected: string): false => fail(`${seen()} where ${expected} was expected`);

  const string = (expected: string): string | null => {
    if (text[at] !== '"') return here(expected) || null;
    return take(STRING) ?? (fail("a string that does not end on its line, or holds an unknown escape") || null);
  };
  const members = (close: string, member: () => boolean): boolean => {
    at += 1;
    take(SPACE);
    if (text[at] === close) {
      at += 1;
      return true;
    }
    for (;;) {
      if (!member()) return false;
      take(SPACE);
      const mark = text[at];
      if (mark === close) {
        at += 1;
        return true;
      }
      if (mark !== ",") return here(`"," or "${close}"`);
      at += 1;
      take(SPACE);
      if (text[at] === close) return fail(`a comma before "${close}"`, at);
    }
  };
  const object = (depth: number): boolean => {
    const keys = new Set<string>();
    return members("}", () => {
      const start = at;
      const key = string("a key in double quotes");
      if (key === null) return false;
      if (keys.has(key)) return fail(`the key ${key} stands here a second time`, start);
      keys.add(key);
      take(SPACE);
      if (text[at] !== ":") return here('":"');
      at += 1;
      return value(depth + 1);
    });
  };
  const value = (depth: number): boolean => {
    if (depth > DEEPEST) return fail(`nested deeper than ${DEEPEST}`);
    take(SPACE);
    if (text[at] === "{") return object(depth);
    if (text[at] === "[") return members("]", () => value(depth + 1));
    if (text[at] === '"') return string("a value") !== null;
    return take(NUMBER_OR_WORD) !== null || here("a value");
  };

  if (!value(0)) return fault;
  take(SPACE);
  if (at < text.length) here("the end");
  return fault;
}

import { expect, test } from "vitest";
import { parseJson } from "../../../shared/config.ts";
import { InstarError } from "../../../shared/errors.ts";

test.each<[string, string, string]>([
  ["nothing", "", "f.json: is empty"],
  ["blanks", " \n\t", "f.json: is empty"],
  ["an object without its end", '{"a": 1', 'f.json:1:8: it ends where "," or "}" was expected'],
  ["a missing comma", '{\n  "a": 1\n  "b": 2\n}', 'f.json:3:3: found "\\"" where "," or "}" was expected'],
  ["a comma too many", '{"a": 1,}', 'f.json:1:9: a comma before "}"'],
  ["a comma too many in a list", "[1,\n]", 'f.json:2:1: a comma before "]"'],
  [
    "a comment",
    '{\n// port\n"a": 1}',
    "f.json:2:1: a comment, and JSON has none, where a key in double quotes was expected",
  ],
  [
    "single quotes",
    "{'a': 1}",
    "f.json:1:2: a single quote, and JSON has double ones, where a key in double quotes was expected",
  ],
  ["a key without quotes", "{a: 1}", 'f.json:1:2: found "a" where a key in double quotes was expected'],
  ["a missing colon", '{"a" 1}', 'f.json:1:6: found "1" where ":" was expected'],
  ["a word that is none", '{"a": True}', 'f.json:1:7: found "T" where a value was expected'],
  ["a number that is none", '{"a": 010}', 'f.json:1:7: found "0" where a value was expected'],
  [
    "a line break in a text",
    '{"a": "x\ny"}',
    "f.json:1:7: a string that does not end on its line, or holds an unknown escape",
  ],
  [
    "an unknown escape",
    String.raw`{"a": "\x"}`,
    "f.json:1:7: a string that does not end on its line, or holds an unknown escape",
  ],
  ["two documents", "{} {}", 'f.json:1:4: found "{" where the end was expected'],
  ["a key that stands twice", '{"a": 1, "b": 2, "a": 3}', 'f.json:1:18: the key "a" stands here a second time'],
  ["a pit", "[".repeat(1000), "f.json:1:66: nested deeper than 64"],
  ["a heap", `"${"x".repeat(9_000_000)}"`, "f.json: longer than 8 MiB"],
])("names the place of %s", (_, text, message) => {
  expect(() => parseJson(text, "f.json")).toThrow(expect.objectContaining({ code: "CONFIG_INVALID", message }));
});

test.each([
  "null",
  "0",
  "-1.5e+3",
  '"a\\u00e9\\n"',
  "[]",
  "[[], {}]",
  '{"a": {"a": [true, false, null]}}',
  '\uFEFF{"a": 1}',
])("reads what JSON.parse reads: %s", (text) => {
  expect(parseJson(text, "f.json")).toEqual(JSON.parse(text.replace("\uFEFF", "")));
});

function accepts(parse: (text: string) => unknown, text: string): boolean {
  try {
    parse(text);
    return true;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof InstarError) return false;
    throw error;
  }
}

test("every text that JSON.parse refuses is refused, and no other", () => {
  const whole = '{"a": [1, -2.5e3, "x\\u0041\\n", true], "b": {"c": null}}';
  for (let at = 0; at < whole.length; at += 1) {
    for (const text of [
      whole.slice(0, at),
      whole.slice(0, at) + whole.slice(at + 1),
      `${whole.slice(0, at)}]${whole.slice(at)}`,
    ]) {
      expect([text, accepts((one) => parseJson(one, "f"), text)]).toEqual([text, accepts(JSON.parse, text)]);
    }
  }
});

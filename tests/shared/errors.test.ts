import { expect, test } from "vitest";
import { CATALOGUE, describeError, EXIT, InstarError, isInstarError, systemCode } from "../../shared/errors.ts";

test("every code has an HTTP status of failure and an exit code that is not success", () => {
  for (const { http, exit } of Object.values(CATALOGUE)) {
    expect(http).toBeGreaterThanOrEqual(400);
    expect(Object.values(EXIT)).toContain(exit);
    expect(exit).not.toBe(EXIT.ok);
  }
});

test("an error is told with its causes, on one line, and what is quoted above is not told twice", () => {
  const root = new Error("ENOSPC: no space left\n  on device");
  const middle = new Error("write failed: ENOSPC: no space left on device", { cause: root });
  const top = new InstarError("STORE_FULL", "cannot replace jobs.json", { cause: middle });
  expect(describeError(top)).toBe("cannot replace jobs.json: write failed: ENOSPC: no space left on device");
});

test.each([
  ["a string", "boom", "boom"],
  ["nothing", undefined, ""],
  ["an error without words", new TypeError(), "TypeError"],
  [
    "one whose cleaning up failed too",
    new SuppressedError(new Error("cannot close"), new Error("disk full"), "An error was suppressed during disposal."),
    "disk full; then: cannot close",
  ],
  ["several at once", new AggregateError([new Error("a"), new Error("b")]), "a, b"],
])("%s that was thrown is told", (_what, thrown, told) => {
  expect(describeError(thrown)).toBe(told);
});

test("a circle of causes ends", () => {
  const error = new Error("round");
  error.cause = error;
  expect(describeError(error)).toBe("round");
});

test("the system's codes are not ours", () => {
  expect(systemCode(Object.assign(new Error("x"), { code: "ENOENT" }))).toBe("ENOENT");
  expect(systemCode(new InstarError("NOT_FOUND", "x"))).toBeUndefined();
  expect(systemCode(Object.assign(new Error("x"), { code: 7 }))).toBeUndefined();
  expect(systemCode("ENOENT")).toBeUndefined();
  expect(isInstarError(new InstarError("NOT_FOUND", "x"))).toBe(true);
  expect(isInstarError(new Error("x"))).toBe(false);
});

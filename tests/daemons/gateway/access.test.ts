import { expect, test } from "vitest";
import { createAccess } from "../../../daemons/gateway/access.ts";
import { createLimit } from "../../../daemons/gateway/limit.ts";
import { sampled } from "../../../daemons/gateway/sampled.ts";
import { isInstarError } from "../../../shared/errors.ts";
import { createFakeClock } from "../../support/fake-clock.ts";

/** True, or the code that it is refused with. */
function outcomeOf(ask: () => boolean): boolean | string {
  try {
    return ask();
  } catch (error) {
    return isInstarError(error) ? error.code : String(error);
  }
}

const RIGHT = "Bearer right-token";
const admit = (address: string, host: string | undefined, origin?: string): boolean =>
  createAccess({ token: () => "right-token", address, clock: createFakeClock() }).admit(
    { host, origin, authorization: RIGHT },
    { isOpen: false },
  );

test.each([
  ["127.0.0.1", "127.0.0.1:4040"],
  ["127.0.0.1", "LOCALHOST"],
  ["127.0.0.1", "localhost:5050"],
  ["::1", "[::1]:4040"],
  ["192.168.1.7", "192.168.1.7:4040"],
  ["agent.lan", "Agent.lan:4040"],
  ["0.0.0.0", "192.168.1.7:4040"],
  ["::", "[fe80::1]:4040"],
])("who listens on %s is %s", (address, host) => {
  expect(admit(address, host)).toBe(true);
});

test.each([
  ["127.0.0.1", undefined],
  ["127.0.0.1", ""],
  ["127.0.0.1", "evil.example"],
  ["127.0.0.1", "localhost.evil.example"],
  ["127.0.0.1", "evil.example:4040"],
  ["127.0.0.1", "192.168.1.7"],
  ["127.0.0.1", "localhost@evil.example"],
  ["127.0.0.1", "localhost/evil.example"],
  ["127.0.0.1", "localhost:4040:4040"],
  ["127.0.0.1", "localhost."],
  ["127.0.0.1", "[::1].evil.example"],
  ["0.0.0.0", "evil.example"],
])("who listens on %s is not %s", (address, host) => {
  expect(() => admit(address, host)).toThrow(expect.objectContaining({ code: "WRONG_HOST" }) as Error);
});

test.each([
  ["http://localhost:4040", true],
  ["https://localhost:4040", true],
  ["http://localhost", false],
  ["http://localhost:4041", false],
  ["http://127.0.0.1:4040", false],
  ["http://localhost:4040.evil.example", false],
  ["http://evil.example", false],
  ["file://", false],
  ["null", false],
  ["", false],
])("a page of %s asking localhost:4040: %s", (origin, isAdmitted) => {
  expect(outcomeOf(() => admit("127.0.0.1", "localhost:4040", origin))).toBe(isAdmitted || "FORBIDDEN");
});

test.each([
  ["Bearer right-token", true],
  ["bearer  right-token", true],
  ["Bearer right-toke", false],
  ["Bearer right-token2", false],
  ["Bearer RIGHT-TOKEN", false],
  ["Bearer", false],
  ["Bearer right-token right-token", false],
  ["right-token", false],
  ["Basic right-token", false],
  ["", false],
])("the header “Authorization: %s” opens: %s", (authorization, isAdmitted) => {
  const access = createAccess({ token: () => "right-token", address: "127.0.0.1", clock: createFakeClock() });
  for (const isOpen of [true, false]) {
    const ask = (): boolean => access.admit({ host: "localhost", origin: undefined, authorization }, { isOpen });
    expect(outcomeOf(ask)).toBe(isAdmitted || "UNAUTHORIZED");
  }
});

test("a token that changed counts at once", () => {
  let token = "first";
  const access = createAccess({ token: () => token, address: "127.0.0.1", clock: createFakeClock() });
  const ask = (): boolean =>
    access.admit({ host: "localhost", origin: undefined, authorization: "Bearer first" }, { isOpen: false });
  expect(ask()).toBe(true);
  token = "second";
  expect(ask).toThrow("wrong token");
});

test("a limit slides: what was refused does not count, and what is older than the window is forgotten", async () => {
  const clock = createFakeClock();
  const limit = createLimit("knocks", { max: 2, windowMs: 10_000, clock });
  limit.take();
  await clock.advance(6000);
  limit.take();
  expect(() => limit.take()).toThrow(expect.objectContaining({ message: "too many knocks", retryAfterS: 4 }) as Error);
  await clock.advance(4000);
  limit.take();
  // A fixed window would have begun anew here and let two through.
  expect(() => limit.take()).toThrow(expect.objectContaining({ retryAfterS: 6 }) as Error);
});

test("a number that costs a system call is read once a while, and only when somebody asks", async () => {
  const clock = createFakeClock();
  let reads = 0;
  const read = sampled(() => (reads += 1), { everyMs: 1000, clock });
  expect(reads).toBe(0);
  expect([read(), read()]).toEqual([1, 1]);
  await clock.advance(999);
  expect(read()).toBe(1);
  await clock.advance(1);
  expect(read()).toBe(2);
});

import { execFile } from "node:child_process";
import { symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { parseQuota, type Quota, quotaRefusal, readQuota } from "../../../daemons/scheduler/quota.ts";
import { isoInstant } from "../../../shared/clock.ts";
import { tempDir } from "../../support/temp.ts";

const NOW = Date.parse("2026-11-20T12:00:00.000Z");
const MINUTE_MS = 60_000;
const THRESHOLDS = { normal: 50, elevated: 70, critical: 85, shutdown: 95 };

const ok = (usagePercent: number, fiveHourPercent: number | null = null): Quota => ({
  status: "ok",
  usagePercent,
  fiveHourPercent,
});
const refused = (quota: Quota): string[] =>
  (["critical", "high", "normal", "low"] as const).filter((priority) => quotaRefusal(quota, priority, THRESHOLDS));

test.each<[Quota, string[]]>([
  [ok(49.9), []],
  [ok(50), ["low"]],
  [ok(69), ["low"]],
  [ok(70), ["normal", "low"]],
  [ok(84), ["normal", "low"]],
  [ok(85), ["high", "normal", "low"]],
  [ok(95), ["high", "normal", "low"]],
  [ok(200), ["high", "normal", "low"]],
  [ok(0, 79), []],
  [ok(0, 80), ["high", "normal", "low"]],
  [ok(0, 95), ["high", "normal", "low"]],
  [{ status: "not_configured" }, []],
  [{ status: "no_data", detail: "" }, []],
  [{ status: "stale", detail: "" }, []],
])("usage %o holds back %j", (quota, expected) => {
  expect(refused(quota)).toEqual(expected);
});

test("a refusal says what was used and who may still run", () => {
  expect(quotaRefusal(ok(72), "normal", THRESHOLDS)).toEqual({
    reason: "quota",
    detail: "weekly usage is 72 %; from 70 % on only critical and high jobs run",
  });
});

const written = (lastUpdated: string, more: object = {}): string =>
  JSON.stringify({ usagePercent: 60, lastUpdated, ...more });

test.each<[string, string, Quota]>([
  ["a fresh one", written(isoInstant(NOW - MINUTE_MS)), ok(60)],
  ["one with more in it", written(isoInstant(NOW), { fiveHourPercent: 7, accounts: {} }), ok(60, 7)],
  [
    "one of half an hour and more",
    written(isoInstant(NOW - 31 * MINUTE_MS)),
    { status: "stale", detail: "q.json was written 31 minutes ago" },
  ],
  [
    "one from the future",
    written(isoInstant(NOW + 6 * MINUTE_MS)),
    { status: "stale", detail: "q.json is dated 6 minutes ahead" },
  ],
  ["one that is no JSON", "{", { status: "no_data", detail: "q.json is no JSON object" }],
  ["one without usage", "{}", { status: "no_data", detail: "q.json has no usable usagePercent, lastUpdated" }],
  ["one with words", written("yesterday"), { status: "no_data", detail: "q.json has no usable lastUpdated" }],
])("%s is read for what it is", (_name, text, expected) => {
  expect(parseQuota(text, "q.json", NOW)).toEqual(expected);
});

test("a file that is not there is named", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "quota.json");
  expect(await readQuota(null, NOW)).toEqual({ status: "not_configured" });
  expect(await readQuota(file, NOW)).toEqual({ status: "no_data", detail: `${file} does not exist` });
  await writeFile(file, written(isoInstant(NOW)));
  expect(await readQuota(file, NOW)).toEqual(ok(60));
});

test("what is no file, or too large, is not read: nothing waits for it, and no memory goes into it", async () => {
  await using dir = await tempDir();
  const path = (name: string): string => join(dir.path, name);
  await promisify(execFile)("mkfifo", [path("pipe")]);
  await symlink("/dev/zero", path("endless"));
  await writeFile(path("large"), "");
  await truncate(path("large"), 2 ** 40);
  const detailOf = async (file: string): Promise<string> => {
    const quota = await readQuota(file, NOW);
    return "detail" in quota ? `${quota.status}: ${quota.detail}` : quota.status;
  };
  expect(await detailOf(path("pipe"))).toBe(`no_data: ${path("pipe")} is no file`);
  expect(await detailOf(path("endless"))).toBe(`no_data: ${path("endless")} is no file`);
  expect(await detailOf(dir.path)).toBe(`no_data: ${dir.path} is no file`);
  expect(await detailOf(path("large"))).toBe(`no_data: ${path("large")} is larger than 1048576 bytes`);
});

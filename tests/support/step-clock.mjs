/**
 * Preloaded into the scheduler (`node --import`): its wall clock is the machine's plus an offset. CLOCK_STEPS names a file
 * of lines "<machine's epoch ms> <offset ms>", each a step of the clock at that time; times of files follow it, too.
 */
import { readFileSync } from "node:fs";
import fsPromises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const READ_EVERY_MS = 10;
const MachineDate = Date;
let steps = [];
let readAt = 0;

function offsetAt(machineMs) {
  const nowMs = performance.now();
  if (nowMs - readAt > READ_EVERY_MS || readAt === 0) {
    readAt = nowMs;
    const lines = readFileSync(process.env.CLOCK_STEPS, "utf8").split("\n").filter(Boolean);
    steps = lines.map((line) => line.split(" ").map(Number));
  }
  return steps.findLast(([fromMs]) => machineMs >= fromMs)?.[1] ?? 0;
}

function now() {
  const machineMs = MachineDate.now();
  return machineMs + offsetAt(machineMs);
}

globalThis.Date = class extends MachineDate {
  constructor(...args) {
    if (args.length === 0) super(now());
    else super(...args);
  }
  static now = now;
};

const { stat } = fsPromises;
fsPromises.stat = async (...args) => {
  const found = await stat(...args);
  if (typeof found.mtimeMs === "number") found.mtimeMs += offsetAt(found.mtimeMs);
  return found;
};
syncBuiltinESMExports();

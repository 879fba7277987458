import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { measureFiles } from "./files.ts";
import { measureHttp } from "./http.ts";
import { measureMemory } from "./memory.ts";
import { measureRuns } from "./runs.ts";
import type { Ratio } from "./sample.ts";
import { measureStarts } from "./start.ts";

// node bench/all.ts [starts memory http runs files]
// node bench/all.ts --write
// Prints ratios, each over a floor or peer measured in the same run; --write puts all of them into docs/performance.md.

const BENCHES = {
  starts: measureStarts,
  memory: measureMemory,
  http: measureHttp,
  runs: measureRuns,
  files: measureFiles,
};
const ROOT = join(import.meta.dirname, "..");
const DOCUMENT = join(ROOT, "docs/performance.md");
const [BEGIN, END] = ["<!-- bench -->", "<!-- /bench -->"];

const words = process.argv.slice(2);
const wanted = Object.entries(BENCHES).filter(
  ([name]) => words.every((word) => word.startsWith("-")) || words.includes(name),
);
const isToBeWritten = words.includes("--write");
if (isToBeWritten && words.length > 1) throw new Error("--write takes no names: the document holds all of them");
const ratios: Ratio[] = [];
for (const [, measure] of wanted)
  for (const ratio of await measure()) {
    ratios.push(ratio);
    process.stdout.write(`${cells(ratio).join("  ")}\n`);
  }
if (isToBeWritten) await writeDocument(table(ratios));

function cells({ what, ours, over, floor, unit, isRate = false, goal = "" }: Ratio): string[] {
  // A share of a whole is a ratio already.
  if (unit === "% of a core") return [what, inUnit(ours, unit), "", "", "", goal];
  const ratio = isRate ? `${((ours / floor) * 100).toFixed(0)} % of` : `${(ours / floor).toFixed(2)} ×`;
  return [what, inUnit(ours, unit), ratio, over, inUnit(floor, unit), goal];
}

function inUnit(value: number, unit: Ratio["unit"]): string {
  const digits = value >= 1000 || unit === "req/s" ? 0 : value >= 10 ? 1 : 2;
  return `${value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${unit}`;
}

function table(all: readonly Ratio[]): string {
  const head = ["What", "Ours", "Ratio", "Over", "Measured", "Goal"];
  const lines = [head, head.map(() => "---"), ...all.map(cells)].map((row) => `| ${row.join(" | ")} |`);
  const machine = `${availableParallelism()} cores of ${cpus()[0]?.model ?? "an unknown kind"}, ${process.platform}`;
  return `Node ${process.version}, ${machine}, ${new Date().toISOString().slice(0, 10)}.\n\n${lines.join("\n")}`;
}

/** Between the two marks; what people wrote around them stays. */
async function writeDocument(text: string): Promise<void> {
  const [before, rest] = (await readFile(DOCUMENT, "utf8")).split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`${DOCUMENT} has no place for the results`);
  await writeFile(DOCUMENT, `${before}${BEGIN}\n\n${text}\n\n${END}${after}`);
  await promisify(execFile)(process.execPath, [join(ROOT, "node_modules/oxfmt/bin/oxfmt"), DOCUMENT]);
}

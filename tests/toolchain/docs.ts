/**
 * Writes docs/generated/, or with --check says which of its documents no longer say what the source says and exits 1.
 * --folder <folder>: another folder than docs/generated.
 */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { documents } from "./documents.ts";

const { values } = parseArgs({ options: { check: { type: "boolean" }, folder: { type: "string" } } });
const folder = values.folder ?? join(import.meta.dirname, "../../docs/generated");
await mkdir(folder, { recursive: true });
const found = await readdir(folder);
const generated = await documents();
const stale = found.filter((name) => !generated.has(name)).map((name) => `${name} is generated no more`);
for (const [name, text] of generated) {
  const before = found.includes(name) ? await readFile(join(folder, name), "utf8") : null;
  if (before === text) continue;
  stale.push(before === null ? `${name} is missing` : `${name} says something else than the source`);
  if (!values.check) await writeFile(join(folder, name), text);
}
for (const line of stale) process.stdout.write(`${line}\n`);
if (values.check && stale.length > 0) {
  process.stdout.write("write them again: npm run docs\n");
  process.exitCode = 1;
}

/**
 * Compiles what is started into dist/, or into the folder that INSTAR_DIST names (dist-<something>): written beside and
 * then moved into place, so that a program started meanwhile finds a whole one.
 */
import { execFile } from "node:child_process";
import { chmod, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const ROOT = join(import.meta.dirname, "../..");
/** Only such a name is ever removed. */
const NAME = /^dist(-[a-z0-9-]+)?$/;

const name = process.env["INSTAR_DIST"] || "dist";
if (!NAME.test(name)) throw new Error(`INSTAR_DIST is ${JSON.stringify(name)}, and must match ${NAME}`);
const target = join(ROOT, name);
const fresh = `${target}-new-${process.pid}`;
const old = `${target}-old-${process.pid}`;
const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
await promisify(execFile)(process.execPath, [
  tsc,
  "-p",
  join(ROOT, "tsconfig.build.json"),
  "--noCheck",
  "--outDir",
  fresh,
]);
await writeFile(join(fresh, "package.json"), '{ "type": "module" }\n');
await chmod(join(fresh, "bin/instar.js"), 0o755);
await rename(target, old).catch((error: unknown) => {
  if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
});
await rename(fresh, target);
await rm(old, { recursive: true, force: true });

/**
 * Preloaded into the program under test (`node --import`): counts the steps in which it changes files, and strikes it with
 * a signal at one of them.
 *
 * STEP_LOG     a file that gets "<step> <kind> <path>" for every step begun; kind "write" and "mkdir" have a middle
 * STEP_STRIKE  "<step> before|midway|after <signal>"
 * STEP_ROOT    only paths that begin with this count
 */
import fs from "node:fs";
import fsPromises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { dirname, resolve } from "node:path";

const { STEP_LOG, STEP_STRIKE = "", STEP_ROOT = "/" } = process.env;
const [strikeAt, strikeWhen, signal = "SIGKILL"] = STEP_STRIKE.split(" ");
const log = STEP_LOG ? fs.openSync(STEP_LOG, "a") : undefined;
/** The functions as they were: what is done midway must not count itself. */
const { writeSync, mkdirSync, writeFileSync } = fs;
const paths = new Map();
let count = 0;

/** The strike falls before this returns. A stopped process goes on from here when it is continued. */
function strike() {
  process.kill(process.pid, signal);
  const never = new Int32Array(new SharedArrayBuffer(4));
  if (signal === "SIGSTOP") Atomics.wait(never, 0, 0, 100);
  else Atomics.wait(never, 0, 0);
}

/** Begins a step: null when it does not count, else a function to be called at its points. */
function begin(kind, path) {
  if (typeof path !== "string" || !resolve(path).startsWith(STEP_ROOT)) return () => {};
  count += 1;
  if (log !== undefined) writeSync(log, `${count} ${kind} ${path}\n`);
  const isStruck = String(count) === strikeAt;
  const reach = (when, half) => {
    if (!isStruck || when !== strikeWhen) return;
    half?.();
    strike();
  };
  reach("before");
  return reach;
}

/** Wraps a function of paths: `path` picks the one that counts, `half` does a part of the work. */
function wrapPromise(owner, name, kind, { path = (args) => args[0], half, counts = () => true } = {}) {
  const original = owner[name];
  owner[name] = async function (...args) {
    const where = path.call(this, args);
    const reach = counts(args) ? begin(kind, where) : () => {};
    reach("midway", half && (() => half.call(this, args)));
    const result = await original.apply(this, args);
    reach("after");
    return result;
  };
}

function wrapCallback(name, kind, { path = (args) => args[0], half, counts = () => true } = {}) {
  const original = fs[name];
  fs[name] = function (...args) {
    const done = args.at(-1);
    if (typeof done !== "function" || !counts(args)) return original.apply(this, args);
    const reach = begin(kind, path(args));
    reach("midway", half && (() => half(args)));
    return original.apply(this, [
      ...args.slice(0, -1),
      (...results) => {
        reach("after");
        done(...results);
      },
    ]);
  };
  Object.assign(fs[name], original);
}

const opensForWriting = ([, flags = "r"]) =>
  typeof flags === "number" ? (flags & (fs.constants.O_WRONLY | fs.constants.O_RDWR)) !== 0 : flags !== "r";
const second = (args) => args[1];
const half = (bytes) => Buffer.from(bytes).subarray(0, Math.floor(Buffer.byteLength(bytes) / 2));
const halfFile = ([path, bytes]) => writeFileSync(path, half(bytes));
const halfFolder = ([path, options]) => options?.recursive && mkdirSync(dirname(path), options);

const handle = await fsPromises.open("/dev/null", "r");
const FileHandle = Object.getPrototypeOf(handle);
await handle.close();

wrapPromise(fsPromises, "open", "open", { counts: opensForWriting });
const { open } = fsPromises;
fsPromises.open = async (path, ...rest) => {
  const opened = await open(path, ...rest);
  paths.set(opened.fd, String(path));
  return opened;
};
for (const name of ["write", "writeFile", "appendFile"]) {
  const original = FileHandle[name];
  FileHandle[name] = async function (bytes, ...rest) {
    const reach = begin("write", paths.get(this.fd));
    let doneBytes = 0;
    reach("midway", () => (doneBytes = writeSync(this.fd, half(bytes))));
    // Who is continued writes the other half.
    const left = doneBytes === 0 ? bytes : Buffer.from(bytes).subarray(doneBytes);
    const result = await original.call(this, left, ...rest);
    reach("after");
    return result && { ...result, bytesWritten: result.bytesWritten + doneBytes };
  };
}
for (const [name, kind] of [
  ["sync", "sync"],
  ["datasync", "sync"],
  ["truncate", "truncate"],
]) {
  wrapPromise(FileHandle, name, kind, {
    path() {
      return paths.get(this.fd);
    },
  });
}
wrapPromise(fsPromises, "writeFile", "write", { half: halfFile });
wrapPromise(fsPromises, "appendFile", "write", { half: halfFile });
wrapPromise(fsPromises, "mkdir", "mkdir", { half: halfFolder });
wrapPromise(fsPromises, "rename", "rename", { path: second });
wrapPromise(fsPromises, "link", "link", { path: second });
wrapPromise(fsPromises, "symlink", "symlink", { path: second });
for (const name of ["unlink", "rmdir", "rm", "truncate"]) wrapPromise(fsPromises, name, name);

wrapCallback("open", "open", { counts: opensForWriting });
wrapCallback("mkdir", "mkdir");
wrapCallback("rmdir", "rmdir");
wrapCallback("unlink", "unlink");
wrapCallback("rename", "rename", { path: second });
wrapCallback("writeFile", "write", { half: halfFile });
syncBuiltinESMExports();

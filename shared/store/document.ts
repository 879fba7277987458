import { link, open } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { isoInstant } from "../clock.ts";
import { InstarError, systemCode } from "../errors.ts";
import { makeFolder, readText, removeFile, replaceFile, syncFolder, writeError } from "./durable.ts";
import { clearLeftovers } from "./leftovers.ts";

/** One document of one writer. Readers in other processes never lock and never see a half. */
export interface Store<T> {
  /** What the file holds; the initial value while there is none. STORE_CORRUPT. */
  read(): Promise<T>;
  /** Replaces the document by `edit` of it, one edit after the other. It is on the disk when this returns. */
  update(edit: (now: T) => T): Promise<T>;
}

export interface StoreOptions {
  /** The version this release writes. */
  readonly version: number;
  /** Brings a document of an older version to this one. Pure. Without it an older one is STORE_CORRUPT. */
  readonly migrate?: (document: Readonly<Record<string, unknown>>, version: number) => unknown;
  /**
   * For a writer that must go on without the document: a damaged file is set aside as `<file>.damaged-<instant>`, told
   * here, and the next update begins with the initial value. Without it every update is refused, too.
   */
  readonly onDamage?: (error: InstarError, asidePath: string) => void;
}

/** What no document of ours comes near. */
const MAX_BYTES = 16 * 1024 * 1024;
/** Opens a document: a JSON object with its `version` at `path`. Nothing is read or written before it is used. */
export function openStore<S extends z.ZodType<object>>(
  path: string,
  schema: S,
  initial: z.output<S>,
  options: StoreOptions,
): Store<z.output<S>> {
  const place = { path, schema, initial, options };
  let last: Promise<unknown> = Promise.resolve();
  let opened = false;
  return {
    read: () => readDocument(place),
    update(edit) {
      const done = last.then(async () => {
        if (!opened) await clearLeftovers(path);
        opened = true;
        return updateDocument(place, edit);
      });
      last = done.catch(() => undefined);
      return done;
    },
  };
}

interface Place<S extends z.ZodType<object>> {
  readonly path: string;
  readonly schema: S;
  readonly initial: z.output<S>;
  readonly options: StoreOptions;
}

async function readDocument<S extends z.ZodType<object>>(place: Place<S>): Promise<z.output<S>> {
  const text = await readWhole(place.path);
  return text === null ? place.initial : parseDocument(place, text);
}

async function updateDocument<S extends z.ZodType<object>>(
  place: Place<S>,
  edit: (now: z.output<S>) => z.output<S>,
): Promise<z.output<S>> {
  const { path, options } = place;
  const next = edit(await readOrSetAside(place));
  const document = { version: options.version, ...next };
  const checked = place.schema.safeParse(JSON.parse(JSON.stringify(next)));
  if (!checked.success) throw new Error(`refused to write ${path}: ${z.prettifyError(checked.error)}`);
  await makeFolder(dirname(path));
  await replaceFile(path, `${JSON.stringify(document, null, 2)}\n`);
  return checked.data;
}

async function readOrSetAside<S extends z.ZodType<object>>(place: Place<S>): Promise<z.output<S>> {
  try {
    return await readDocument(place);
  } catch (error) {
    const { onDamage } = place.options;
    if (!(error instanceof Damage) || onDamage === undefined) throw error;
    onDamage(error, await setAside(place.path));
    return place.initial;
  }
}

/** What cannot be understood; a document of a newer release is none of these. */
class Damage extends InstarError {}

function damage(path: string, reason: string, cause?: unknown): Damage {
  return new Damage("STORE_CORRUPT", `${path} is damaged: ${reason}`, {
    ...(cause === undefined ? {} : { cause }),
    hint: "it was left as it is; mend it, restore it from a backup, or move it away",
  });
}

function parseDocument<S extends z.ZodType<object>>({ path, schema, options }: Place<S>, text: string): z.output<S> {
  const found = Versioned.safeParse(parseJson(path, text));
  if (!found.success) throw damage(path, "it is no object with a version", found.error);
  const { version, ...document } = found.data;
  if (version > options.version) {
    throw new InstarError("STORE_CORRUPT", `${path} was written by a newer release (version ${version})`, {
      hint: "update Instar; the file was left as it is",
    });
  }
  if (version < options.version && options.migrate === undefined) {
    throw damage(path, `version ${version} is older than any this release can read`);
  }
  const current = version < options.version ? options.migrate?.(document, version) : document;
  const parsed = schema.safeParse(current);
  if (!parsed.success) throw damage(path, z.prettifyError(parsed.error).replaceAll(/\s*\n\s*/g, " "), parsed.error);
  return parsed.data;
}

const Versioned = z.looseObject({ version: z.int().min(1) });

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw damage(path, text === "" ? "it is empty" : "it is no JSON", error);
  }
}

async function readWhole(path: string): Promise<string | null> {
  let handle;
  try {
    handle = await open(path, "r");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw damage(path, "it is no file");
    if (found.size > MAX_BYTES) throw damage(path, `it holds ${found.size} bytes, more than ${MAX_BYTES}`);
    const text = await readText(handle);
    if (text === null) throw damage(path, "it is no UTF-8");
    return text;
  } finally {
    await handle.close();
  }
}

/** Moves a damaged file out of the way under a name that nothing has. */
async function setAside(path: string): Promise<string> {
  const stem = `${path}.damaged-${isoInstant(Date.now()).replaceAll(":", "")}`;
  for (let count = 0; ; count++) {
    const aside = count === 0 ? stem : `${stem}-${count}`;
    try {
      await link(path, aside);
      await syncFolder(dirname(path));
      await removeFile(path);
      return aside;
    } catch (error) {
      if (systemCode(error) !== "EEXIST") throw writeError(error, aside);
    }
  }
}

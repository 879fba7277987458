import { fstatSync, writeSync } from "node:fs";
import { systemCode } from "../errors.ts";

/** journald cuts what is longer into several records, LineMax= in journald.conf(5). */
const MAX_LINE_BYTES = 48 * 1024;
/** What of one field is kept in a line that is too long. */
const MAX_FIELD_CHARACTERS = 2000;
/** How often a full pipe is tried again; each try waits 5 ms. */
const MAX_TRIES = 40;
const PRIORITY: Readonly<Record<string, number>> = { debug: 7, info: 6, warn: 4, error: 3 };

/** Writes lines to a descriptor: whole, in order, bounded; what a reader who is gone or asleep misses is not waited for. */
export function createLineWriter(fd: number): (line: string) => void {
  const prefixes = isJournal(fd);
  return (line) => {
    const short = Buffer.byteLength(line) > MAX_LINE_BYTES ? shorten(line) : line;
    writeWhole(fd, prefixes ? `<${priorityOf(short)}>${short}` : short);
  };
}

/** Keeps a long line a JSON object: long fields are cut, then the last fields left out; `cut` says how long it was. */
function shorten(line: string): string {
  const fields: [string, unknown][] = Object.entries(JSON.parse(line) as Record<string, unknown>);
  const kept: Record<string, unknown> = {};
  let bytes = 0;
  for (const [name, value] of [...fields.filter(([name]) => name === "msg"), ...fields]) {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    const short = text.length > MAX_FIELD_CHARACTERS ? `${text.slice(0, MAX_FIELD_CHARACTERS)}…` : value;
    bytes += name in kept ? 0 : Buffer.byteLength(JSON.stringify({ [name]: short }));
    if (bytes > MAX_LINE_BYTES - 200) break;
    kept[name] = short;
  }
  return `${JSON.stringify({ ...kept, cut: `${Buffer.byteLength(line)} bytes` })}\n`;
}

function writeWhole(fd: number, text: string): void {
  let rest = Buffer.from(text);
  for (let tries = 0; rest.length > 0 && tries < MAX_TRIES;) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      // The terminal or the supervisor that read us is gone, the disk is full: no reason to end a daemon.
      if (systemCode(error) !== "EAGAIN") return;
      tries += 1;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/** JOURNAL_STREAM names the socket that systemd gave us, systemd.exec(5); stderr may since have been led elsewhere. */
function isJournal(fd: number): boolean {
  const stream = process.env["JOURNAL_STREAM"];
  if (!stream) return false;
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return stream === `${dev}:${ino}`;
}

function priorityOf(line: string): number {
  return PRIORITY[/"level":"(\w+)"/.exec(line)?.[1] ?? ""] ?? 6;
}

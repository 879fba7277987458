import { writeFile } from "node:fs/promises";
import type { ZoneChange } from "../../shared/schedule.ts";

/** Writes a zone's changes as a time zone file, RFC 9636, so that programs of the C library live by the rules that we know. */
export async function writeZoneFile(path: string, changes: readonly ZoneChange[]): Promise<void> {
  const [first] = changes;
  if (!first) throw new Error("a zone without changes needs no file");
  const offsets = [...new Set([first.beforeMs, ...changes.map(({ afterMs }) => afterMs)])];
  const usual = Math.min(...offsets);
  const names = "STD\0DST\0";
  const kinds = Buffer.concat(
    offsets.map((offsetMs) => {
      const kind = Buffer.alloc(6);
      kind.writeInt32BE(offsetMs / 1000, 0);
      kind.writeUInt8(offsetMs === usual ? 0 : 1, 4);
      kind.writeUInt8(offsetMs === usual ? 0 : 4, 5);
      return kind;
    }),
  );
  // Before the first of its changes a reader would guess.
  const all = [{ at: 0, afterMs: first.beforeMs }, ...changes];
  const times = Buffer.alloc(all.length * 8);
  for (const [index, { at }] of all.entries()) times.writeBigInt64BE(BigInt(at / 1000), index * 8);
  const used = Buffer.from(all.map(({ afterMs }) => offsets.indexOf(afterMs)));
  const modern = Buffer.concat([
    header(all.length, offsets.length, names.length),
    times,
    used,
    kinds,
    Buffer.from(`${names}\n\n`, "latin1"),
  ]);
  // Readers of the first version find a zone without any changes.
  const ancient = Buffer.concat([header(0, 1, 1), Buffer.alloc(7)]);
  await writeFile(path, Buffer.concat([ancient, modern]));
}

function header(times: number, kinds: number, nameBytes: number): Buffer {
  const bytes = Buffer.alloc(44);
  bytes.write("TZif2", 0, "latin1");
  bytes.writeUInt32BE(times, 32);
  bytes.writeUInt32BE(kinds, 36);
  bytes.writeUInt32BE(nameBytes, 40);
  return bytes;
}

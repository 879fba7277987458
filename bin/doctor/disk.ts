import { statfs } from "node:fs/promises";
import { advice, type Check, fault, ok } from "./check.ts";

const MIB = 1024 * 1024;
/** Below the first, writes are soon refused; below the second, a busy day may use it up. */
const LEAST_BYTES = { fault: 100 * MIB, advice: 1024 * MIB };

export const diskCheck: Check = {
  name: "disk",
  async examine({ paths }) {
    if (paths === null) return [];
    const { bavail, bsize, ffree, files } = await statfs(paths.instar);
    const freeBytes = bavail * bsize;
    const says = `${Math.floor(freeBytes / MIB)} MiB are free where ${paths.instar} is`;
    const hint = "free some room";
    // Some file systems make inodes as they are needed, and count none.
    if (files > 0 && ffree < 1000)
      return [fault(`only ${ffree} more files can be made where ${paths.instar} is`, hint)];
    if (freeBytes < LEAST_BYTES.fault) return [fault(says, hint)];
    return [freeBytes < LEAST_BYTES.advice ? advice(says, hint) : ok(says)];
  },
};

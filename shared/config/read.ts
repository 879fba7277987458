import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { InstarError } from "../errors.ts";

/** No file that people edit comes near. */
const MAX_BYTES = 8 * 1024 * 1024;

/**
 * The text of a file that others write. CONFIG_INVALID for what is no file, or larger than `maxBytes`: nothing waits for a
 * pipe, and no memory goes into a device. Throws as the system does where it cannot be opened.
 */
export async function readOthersFile(path: string, maxBytes: number = MAX_BYTES): Promise<string> {
  // Without O_NONBLOCK the open of a pipe waits for its writer.
  await using handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const found = await handle.stat();
  if (!found.isFile()) throw new InstarError("CONFIG_INVALID", `${path} is no file`);
  if (found.size > maxBytes) throw new InstarError("CONFIG_INVALID", `${path} is larger than ${maxBytes} bytes`);
  return handle.readFile("utf8");
}

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { InstarError } from "../errors.ts";
import type { AgentPaths } from "../paths.ts";
import type { SecretReference } from "./schema.ts";

/** The secret that a reference stands for; a file's last line end is not part of it. Throws CONFIG_INVALID. Say it to `hideSecret`. */
export async function resolveSecret(paths: Pick<AgentPaths, "instar">, reference: SecretReference): Promise<string> {
  if (typeof reference === "string") return reference;
  if ("env" in reference) {
    const value = process.env[reference.env];
    if (value) return value;
    throw new InstarError("CONFIG_INVALID", `the environment variable ${reference.env} of a secret is not set`);
  }
  const path = resolve(paths.instar, reference.file);
  const text = await readSecret(path);
  if (text !== "") return text;
  throw new InstarError("CONFIG_INVALID", `the secret's file ${path} is empty`);
}

async function readSecret(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).replace(/\r?\n$/, "");
  } catch (error) {
    throw new InstarError("CONFIG_INVALID", `cannot read the secret's file ${path}`, { cause: error });
  }
}

import {
  closest,
  type Config,
  configFaults,
  loadConfig,
  parseConfig,
  parseJson,
  resolveSecret,
  UNUSED_SETTINGS,
} from "../shared/config.ts";
import { describeError, InstarError, isInstarError } from "../shared/errors.ts";
import type { AgentPaths } from "../shared/paths.ts";
import { editFile } from "../shared/store.ts";
import { misuse } from "./misuse.ts";

/** Where a setting lies: `scheduler.quotaThresholds.normal`, `messaging.0.enabled`. */
type KeyPath = readonly string[];

export function parseKey(key: string): KeyPath {
  const parts = key.replace(/^config\./, "").split(".");
  if (parts.some((part) => part === ""))
    throw misuse(`"${key}" is no key of config.json`, "such as scheduler.timezone");
  return parts;
}

/** The value of a setting, defaults included. Throws misuse for a key that there is not. */
export function settingOf(config: Config, key: string): unknown {
  let value: unknown = config;
  let place = "config";
  for (const part of parseKey(key)) {
    const known = typeof value === "object" && value !== null ? Object.entries(value) : [];
    const found = known.find(([name]) => name === part);
    if (!found) {
      const meant = closest(
        part,
        known.map(([name]) => name),
      );
      throw misuse(`${place}: there is no "${part}"`, meant === undefined ? undefined : `did you mean "${meant}"?`);
    }
    [, value] = found;
    place = `${place}.${part}`;
  }
  return value;
}

const SECRET = /^(token|secret|sentryDsn)$/;

/** The config with every secret that stands in it as text replaced; for showing it whole. */
export function withoutSecrets(value: unknown, key = ""): unknown {
  if (typeof value === "string" && SECRET.test(key)) return "(hidden: name its key to see it)";
  if (Array.isArray(value)) return value.map((entry) => withoutSecrets(entry));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, withoutSecrets(part, name)]));
}

/**
 * Writes one setting, under the file's lock, when the whole is right with it; returns its value as it is understood. `text` is JSON, or
 * else a text. Throws misuse for a value that is wrong there.
 */
export async function setSetting(paths: AgentPaths, key: string, text: string): Promise<unknown> {
  const path = parseKey(key);
  // What is there now is right, or only a hand can mend it.
  await loadConfig(paths);
  await editFile(paths.config, (before) => {
    const document = parseJson(before ?? "{}", paths.config);
    const faults: InstarError[] = [];
    for (const value of readings(text)) {
      const after = `${JSON.stringify(withValue(document, path, value), null, 2)}\n`;
      const fault = faultOf(after, paths);
      if (fault === null) return after;
      faults.push(fault);
    }
    throw misuse(faults[0]?.message ?? `cannot set ${key}`);
  });
  return settingOf(await loadConfig(paths), key);
}

/** What a word of a command line can mean, the likeliest first. */
function readings(text: string): unknown[] {
  try {
    return [JSON.parse(text), text];
  } catch (error) {
    if (error instanceof SyntaxError) return [text];
    throw error;
  }
}

function faultOf(text: string, paths: AgentPaths): InstarError | null {
  try {
    parseConfig(text, paths);
    return null;
  } catch (error) {
    if (isInstarError(error)) return error;
    throw error;
  }
}

function withValue(document: unknown, [first, ...rest]: KeyPath, value: unknown): unknown {
  if (first === undefined) return value;
  if (Array.isArray(document) && /^\d{1,4}$/.test(first) && Number(first) <= document.length) {
    const list: unknown[] = document.slice();
    list[Number(first)] = withValue(list[Number(first)], rest, value);
    return list;
  }
  const fields = typeof document === "object" && document !== null && !Array.isArray(document) ? document : {};
  const below = Object.entries(fields).find(([name]) => name === first)?.[1];
  return { ...fields, [first]: withValue(below, rest, value) };
}

/** Everything that is wrong with config.json and the secrets that it refers to, as sentences. */
export async function checkConfig(paths: AgentPaths, text: string): Promise<readonly string[]> {
  try {
    const faults = configFaults(text, paths);
    if (faults.length > 0) return faults;
    return await secretFaults(paths, parseConfig(text, paths));
  } catch (error) {
    if (isInstarError(error)) return [describeError(error)];
    throw error;
  }
}

async function secretFaults(paths: AgentPaths, { auth, messaging, feedback, monitoring }: Config): Promise<string[]> {
  const references = {
    "config.auth.token": auth.token,
    ...Object.fromEntries(messaging.map(({ config }, at) => [`config.messaging[${at}].config.token`, config.token])),
    "config.feedback.secret": feedback.secret,
    "config.monitoring.sentryDsn": monitoring.sentryDsn,
  };
  const faults: string[] = [];
  for (const [key, reference] of Object.entries(references)) {
    if (reference === null) continue;
    try {
      await resolveSecret(paths, reference);
    } catch (error) {
      if (!isInstarError(error)) throw error;
      faults.push(`${key}: ${describeError(error)}`);
    }
  }
  return faults;
}

/** The settings of a right config.json by which nothing goes. */
export function unusedIn(text: string, paths: AgentPaths): readonly string[] {
  const document = parseJson(text, paths.config);
  return UNUSED_SETTINGS.filter((key) => isSet(document, key.split(".")));
}

function isSet(value: unknown, [first, ...rest]: KeyPath): boolean {
  if (first === undefined) return true;
  const below = Object.entries(value ?? {}).find(([name]) => name === first);
  return below !== undefined && isSet(below[1], rest);
}

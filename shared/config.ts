import { z } from "zod";
import { Config } from "./config/schema.ts";

export { closest, faultsOf, parseWith } from "./config/explain.ts";
export { parseJson } from "./config/json.ts";
export { configFaults, loadConfig, parseConfig, readConfigText } from "./config/load.ts";
export { readOthersFile } from "./config/read.ts";
export { Config, isTimeZone, TimeZone, UNUSED_SETTINGS } from "./config/schema.ts";
export { resolveSecret } from "./config/secret.ts";
export { watchConfig } from "./config/watch.ts";

/** The JSON Schema of config.json, for editors: what a person may write, before defaults are filled. */
export function configJsonSchema(): object {
  return z.toJSONSchema(Config, { io: "input", target: "draft-2020-12" });
}

import { configFaults, loadConfig, readConfigText, resolveSecret } from "../../shared/config.ts";
import { describeError, isInstarError } from "../../shared/errors.ts";
import type { AgentPaths } from "../../shared/paths.ts";
import { advice, type Check, fault, type Finding, ok } from "./check.ts";

export const configCheck: Check = {
  name: "config",
  async examine({ paths }) {
    if (paths === null) return [];
    try {
      const text = await readConfigText(paths);
      const faults = configFaults(text, paths);
      if (faults.length > 0) return faults.map((each) => fault(each, `correct ${paths.config}`));
      return [ok(`${paths.config} is right`), ...(await examineHost(paths)), ...(await examineToken(paths))];
    } catch (error) {
      if (isInstarError(error)) return [fault(describeError(error), error.hint)];
      throw error;
    }
  },
};

const LOOPBACK = /^(127\.|localhost$|::1$)/;

async function examineHost(paths: AgentPaths): Promise<Finding[]> {
  const { host } = await loadConfig(paths);
  if (LOOPBACK.test(host)) return [];
  return [advice(`other machines can reach the API at ${host}`, "instar config set host 127.0.0.1")];
}

async function examineToken(paths: AgentPaths): Promise<Finding[]> {
  const { auth } = await loadConfig(paths);
  try {
    const token = await resolveSecret(paths, auth.token);
    if (token.length >= 16) return [];
    return [advice(`auth.token has only ${token.length} characters`, "a long random one: openssl rand -hex 24")];
  } catch (error) {
    if (isInstarError(error)) return [fault(`auth.token: ${describeError(error)}`, error.hint)];
    throw error;
  }
}

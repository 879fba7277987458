import { glob, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { PACKAGE_ROOT } from "../shared/paths.ts";

/** From bottom to top: a module imports only what stands before it. */
const LAYERS = `errors clock watch paths proc log protocol config store journal spool bus lifecycle supervisor
  claude schedule jobs events runs slots job-views triggers agent-status`.split(/\s+/);

/** The places that may import a package; everybody else goes through their door. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  commander: ["bin/"],
  croner: ["shared/schedule"],
  execa: ["shared/supervisor", "daemons/scheduler/tmux.ts"],
  "fastest-levenshtein": ["shared/config"],
  fastify: ["daemons/gateway/"],
  pino: ["shared/log"],
  "proper-lockfile": ["shared/store"],
  "write-file-atomic": ["shared/store"],
  ws: ["shared/bus"],
  zod: ["shared/", "daemons/", "bin/"],
};

interface Source {
  readonly path: string;
  readonly text: string;
}
/** `to` is a path from the root of the repository, or a package's name. */
interface Import {
  readonly from: string;
  readonly to: string;
}

const sharedModule = (path: string): string | undefined => /^shared\/([\w-]+)/.exec(path)?.[1];
const daemon = (path: string): string | undefined => /^daemons\/([\w-]+)\//.exec(path)?.[1];
const isPrivate = (path: string): boolean => /^shared\/[\w-]+\//.test(path);
const isPackage = (to: string): boolean => !to.startsWith("node:") && !/\.(ts|mjs)$/.test(to);

function importsOf({ path, text }: Source): Import[] {
  const found = text.matchAll(
    /^(?:import|export)\s[^;"]*?from\s+"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)|^import\s+"([^"]+)"/gm,
  );
  return [...found].map((match) => {
    const to = match[1] ?? match[2] ?? match[3] ?? "";
    return { from: path, to: to.startsWith(".") ? join(dirname(path), to) : to };
  });
}

const importRules: Readonly<Record<string, (link: Import) => boolean>> = {
  "a daemon never imports another daemon": ({ from, to }) =>
    daemon(from) !== undefined && daemon(to) !== undefined && daemon(from) !== daemon(to),
  "shared/ imports neither daemons/ nor bin/": ({ from, to }) =>
    from.startsWith("shared/") && /^(daemons|bin)\//.test(to),
  "daemons/ never import bin/": ({ from, to }) => from.startsWith("daemons/") && to.startsWith("bin/"),
  "nothing that is shipped imports tests/ or bench/": ({ to }) => /^(tests|bench)\//.test(to),
  "a shared module imports only what stands before it": ({ from, to }) => {
    const [above, below] = [sharedModule(from), sharedModule(to)];
    if (above === undefined || below === undefined || above === below) return false;
    return LAYERS.indexOf(below) >= LAYERS.indexOf(above);
  },
  "every shared module has its place among the layers": ({ from }) =>
    from.startsWith("shared/") && !LAYERS.includes(sharedModule(from) ?? ""),
  "shared/<module>/ is private to shared/<module>.ts": ({ from, to }) =>
    isPrivate(to) && sharedModule(from) !== sharedModule(to),
  "each npm package has its owner": ({ from, to }) =>
    isPackage(to) && !(OWNERS[to] ?? []).some((owner) => from.startsWith(owner)),
};

const textRules: Readonly<Record<string, RegExp>> = {
  "no program is waited for synchronously": /\b(?:execSync|spawnSync|execFileSync|execaSync)\b/,
  "no default export": /^export default\b/m,
  "no error is swallowed unread": /\bcatch\s*\{|\.catch\(\(\)\s*=>\s*\{\s*\}\)/,
  "no class but errors": /^(?:export )?class \w+ (?!extends \w*Error\b)/m,
  "no file of more than 300 lines": /^(?:.*\n){300}./,
};

async function sources(): Promise<Source[]> {
  const found: Source[] = [];
  for await (const path of glob("{bin,daemons,shared}/**/*.ts", { cwd: PACKAGE_ROOT }))
    found.push({ path, text: await readFile(join(PACKAGE_ROOT, path), "utf8") });
  return found;
}

describe.for(Object.entries(importRules))("%s", ([rule, isBroken]) => {
  test("holds", async () => {
    const links = (await sources()).flatMap(importsOf);
    expect(links.length).toBeGreaterThan(50);
    expect(links.filter(isBroken)).toEqual([]);
  });

  test("is seen when it is broken", () => {
    const planted: Record<keyof typeof importRules, Source> = {
      "a daemon never imports another daemon": {
        path: "daemons/gateway/server.ts",
        text: 'import { a } from "../scheduler/rounds.ts";',
      },
      "shared/ imports neither daemons/ nor bin/": {
        path: "shared/bus/peer.ts",
        text: 'export { a } from "../../daemons/gateway/server.ts";',
      },
      "daemons/ never import bin/": { path: "daemons/gateway/main.ts", text: 'await import("../../bin/frame.ts");' },
      "nothing that is shipped imports tests/ or bench/": {
        path: "bin/demo/run.ts",
        text: 'import {\n  a,\n  b,\n} from "../../tests/support/until.ts";',
      },
      "a shared module imports only what stands before it": {
        path: "shared/store.ts",
        text: 'import type { A } from "./bus.ts";',
      },
      "every shared module has its place among the layers": {
        path: "shared/utils.ts",
        text: 'import { a } from "./clock.ts";',
      },
      "shared/<module>/ is private to shared/<module>.ts": {
        path: "shared/bus.ts",
        text: 'import { a } from "./store/replace.ts";',
      },
      "each npm package has its owner": { path: "daemons/scheduler/main.ts", text: 'import { WebSocket } from "ws";' },
    };
    expect(importsOf(planted[rule] ?? { path: "", text: "" }).filter(isBroken)).toHaveLength(1);
  });
});

test.for(Object.entries(textRules))("%s", async ([, pattern]) => {
  expect((await sources()).filter(({ text }) => pattern.test(text)).map(({ path }) => path)).toEqual([]);
});

test.each([
  ["no program is waited for synchronously", 'spawnSync("ls");'],
  ["no default export", "const a = 1;\nexport default a;"],
  ["no error is swallowed unread", "try {\n} catch {\n}"],
  ["no error is swallowed unread", "await a().catch(() => {});"],
  ["no class but errors", "export class Store {}"],
  ["no file of more than 300 lines", "a\n".repeat(301)],
])("a breach of “%s” is seen", (rule, text) => {
  expect(textRules[rule]?.test(text)).toBe(true);
});

test("what keeps the rules is not taken for a breach", () => {
  const text = "export class InstarError extends Error {}\n".repeat(300);
  for (const pattern of Object.values(textRules)) expect(pattern.test(text)).toBe(false);
  const allowed = importsOf({
    path: "shared/bus/peer.ts",
    text: 'import { a } from "ws";\nimport { b } from "../bus.ts";',
  });
  for (const isBroken of Object.values(importRules)) expect(allowed.filter(isBroken)).toEqual([]);
});

test("every package that is shipped has an owner, and every owner a package", async () => {
  const { dependencies } = JSON.parse(await readFile(join(PACKAGE_ROOT, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  expect(Object.keys(OWNERS).sort()).toEqual(Object.keys(dependencies).sort());
});

import { join } from "node:path";
import { defineConfig } from "vitest/config";

/** Tools that setup.sh unpacked for an unprivileged user; the machine's own come first. */
const unpacked = join(import.meta.dirname, "tests/toolchain/prefix/bin");

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    exclude: ["tests/toolchain/**", "**/node_modules/**"],
    pool: "forks",
    // Limits to give up at, not bounds that a busy machine could miss.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Two cores: more files at once would only wait for each other.
    maxWorkers: 2,
    env: { PATH: `${process.env["PATH"] ?? ""}:${unpacked}` },
  },
});

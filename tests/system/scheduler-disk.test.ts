import { mkdir, rm, statfs, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { readStatus } from "../../shared/lifecycle.ts";
import { explain, saysItRan } from "../support/explain.ts";
import { jobsAgent } from "../support/jobs-agent.ts";
import { isOver } from "../support/scheduler-lives.ts";
import { tinyDisk } from "../support/tiny-disk.ts";
import { until } from "../support/until.ts";

const BEAT = { slug: "beat", name: "beat", schedule: "@every 1s", execute: saysItRan("exit 0") };

/** Fills a disk to its last block. */
async function fill(disk: string): Promise<string> {
  const path = join(disk, "filler");
  const chunk = Buffer.alloc(4096);
  for (let size = 0; ; size += 1) {
    const full = await writeFile(path, chunk, { flag: "a" }).then(
      () => false,
      () => true,
    );
    const { bavail } = await statfs(disk);
    if (full || bavail === 0 || size > 1000) return path;
  }
}

test("the disk is full: nothing good is damaged, it is told, and when there is room every instant is explained", async (context) => {
  await using disk = await tinyDisk();
  if (disk === null) return context.skip("nobody may mount a tmpfs here");
  await using agent = await jobsAgent({ jobs: [BEAT] });
  const state = agent.paths.state("scheduler");
  await mkdir(dirname(state), { recursive: true });
  await symlink(disk.path, state);
  const scheduler = await agent.schedule();
  await until(async () => (await agent.ran()).length > 0);

  const filler = await fill(disk.path);
  const concern = await until(async () => {
    const concerns = (await readStatus(agent.paths, "scheduler"))?.concerns ?? {};
    return Object.values(concerns).find((text) => /no space|disk is full|no room/i.test(text));
  });
  expect(concern).toMatch(/state\/scheduler|slots/);
  expect(scheduler.hasEnded).toBe(false);
  // Killed in the middle of it, too.
  await scheduler.kill();
  const second = await agent.start("scheduler");
  await rm(filler);
  await until(async () => second.hasEnded || (await readStatus(agent.paths, "scheduler"))?.state === "up");
  const last = second.hasEnded ? await agent.schedule() : second;
  const count = (await agent.ran()).length;
  await until(async () => (await agent.ran()).length > count);
  await until(async () => Object.keys((await readStatus(agent.paths, "scheduler"))?.concerns ?? {}).length === 0);
  await agent.setJobs([{ ...BEAT, enabled: false }]);
  await until(async () => isOver(agent, "beat"));
  await last.stop();
  const { problems, open } = await explain(agent.paths, BEAT);
  expect([problems, open]).toEqual([[], []]);
});

import { z } from "zod";

/** A secret: the text itself, or where it rests. A relative file lies in `.instar/`. */
export const SecretReference = z
  .union([z.string().min(1), z.strictObject({ file: z.string().min(1) }), z.strictObject({ env: z.string().min(1) })])
  .describe('the text itself, or {"file": "secrets/…"} (under .instar/), or {"env": "NAME"}');
export type SecretReference = z.output<typeof SecretReference>;

const minutes = z.number().positive().max(525_600);
const percent = z.number().min(0).max(100);
const cap = z.int().min(1).max(1_000_000);
const url = z.url({ protocol: /^https?$/, error: 'must be an address like "https://example.org/path"' });

/** True for a zone that this machine's tables know, `Europe/Berlin` or `UTC`. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** A name of the IANA time zone database. */
export const TimeZone = z
  .string()
  .refine(isTimeZone, { error: 'must be a time zone such as "Europe/Berlin" or "UTC"' })
  .describe("a time zone of the IANA database, such as Europe/Berlin");

/** Environment handed on: names that a shell can hold. */
const Environment = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "must be the name of an environment variable" }),
  z.string(),
);

/** The machine's own zone, read when a config leaves it open. */
function machineZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

const QuotaThresholds = z.strictObject({
  normal: percent.default(50).describe("weekly usage from which jobs of priority low wait"),
  elevated: percent.default(70).describe("weekly usage from which only high and critical jobs run"),
  critical: percent.default(85).describe("weekly usage from which only critical jobs run"),
  shutdown: percent.default(95).describe("weekly usage that is called a shutdown; critical jobs still run"),
});

const Sessions = z.strictObject({
  maxSessions: z.int().min(1).max(100).default(3).describe("agent sessions that live at once"),
  defaultMaxDurationMinutes: minutes.default(240).describe("time limit of a job that sets none"),
  idleKillMinutes: minutes.default(15).describe("an idle session is ended after this"),
  idleKillMinutesBoundToTopic: minutes.default(240).describe("the same, for a session that a topic talks to"),
  claudePath: z.string().min(1).default("claude").describe("the Claude Code CLI: a name on the path, or a path"),
  tmuxPath: z.string().min(1).default("tmux").describe("tmux: a name on the path, or a path"),
  framework: z.literal("claude-code").default("claude-code").describe("the agent's program"),
  mode: z.enum(["tui", "stream"]).default("tui").describe("how a conversation is held"),
  env: Environment.prefault({}).describe("handed to every run besides the allow list: ANTHROPIC_BASE_URL, proxies, …"),
});

const SchedulerFields = z.strictObject({
  enabled: z.boolean().default(true).describe("false: nothing starts; every instant is recorded as skipped, paused"),
  maxParallelJobs: z.int().min(1).max(100).default(2).describe("runs at once"),
  timezone: TimeZone.optional().describe("the zone of schedules that name none; default: the machine's"),
  quotaThresholds: QuotaThresholds.prefault({}).describe("percent of the weekly quota"),
});

const Scheduler = SchedulerFields.transform(({ timezone, ...fields }) => ({
  ...fields,
  /** Found out when it is asked for: that takes a while, and most commands do not need to know. */
  get timezone(): string {
    return timezone ?? machineZone();
  },
}));

const Telegram = z.strictObject({
  type: z.literal("telegram"),
  enabled: z.boolean().default(true),
  config: z.strictObject({
    token: SecretReference.describe("the bot's token"),
    chatId: z
      .union([z.string().min(1), z.int()])
      .transform(String)
      .describe("the group that the agent lives in"),
    transcribe: z.string().min(1).nullable().default(null).describe("a command: a voice file's path in, its text out"),
    apiRoot: url.default("https://api.telegram.org").describe("the Bot API's address"),
    lifelineTopicId: z.int().positive().nullable().default(null).describe("the topic that speaks of the suite itself"),
  }),
});

/** `.instar/config.json`, whole, with every default filled. */
export const Config = z
  .strictObject({
    version: z.literal(1).default(1).describe("the format of this file"),
    projectName: z.string().min(1).max(100).describe("the agent's name"),
    port: z.int().min(1).max(65_535).default(4040).describe("TCP port of the HTTP API"),
    host: z.string().min(1).default("127.0.0.1").describe("address that the HTTP API listens on"),
    auth: z.strictObject({ token: SecretReference.describe("bearer token of the HTTP API") }),
    requestTimeoutMs: z.int().min(100).max(3_600_000).default(30_000).describe("a slower HTTP request is answered 408"),
    safetyLevel: z
      .union([z.literal(1), z.literal(2)])
      .default(1)
      .describe("1: risky commands are blocked, 2: the agent verifies itself"),
    sessions: Sessions.prefault({}).describe("runs and sessions of the agent"),
    scheduler: Scheduler.prefault({}).describe("what runs when"),
    messaging: z.array(Telegram).default([]).describe("channels"),
    feedback: z
      .strictObject({
        enabled: z.boolean().default(false),
        webhookUrl: url.nullable().default(null),
        secret: SecretReference.nullable().default(null),
      })
      .prefault({})
      .describe("reports to the maintainers, off unless the owner opts in"),
    dispatches: z
      .strictObject({
        enabled: z.boolean().default(false),
        url: url.nullable().default(null),
        publicKey: z.string().min(1).nullable().default(null),
        autoApply: z
          .strictObject({
            lesson: z.boolean().default(true),
            strategy: z.boolean().default(true),
            configuration: z.boolean().default(false),
            action: z.boolean().default(false),
          })
          .prefault({}),
      })
      .prefault({})
      .describe("signed messages of the maintainers"),
    updates: z
      .strictObject({
        check: z.boolean().default(true),
        autoApply: z.boolean().default(true),
        intervalMinutes: minutes.default(30),
        minimumAgeHours: z.number().min(0).max(8760).default(0),
        registry: url.nullable().default(null),
      })
      .prefault({})
      .describe("releases of Instar"),
    relationships: z
      .strictObject({ maxRecentInteractions: cap.default(20) })
      .prefault({})
      .describe("people"),
    evolution: z
      .strictObject({
        maxProposals: cap.default(200),
        maxLearnings: cap.default(500),
        maxGaps: cap.default(200),
        maxActions: cap.default(300),
      })
      .prefault({})
      .describe("the agent's own growth"),
    email: z
      .strictObject({
        credentialsFile: z.string().min(1).nullable().default(null),
        tokenFile: z.string().min(1).nullable().default(null),
      })
      .prefault({})
      .describe("mail"),
    monitoring: z
      .strictObject({
        quotaFile: z.string().min(1).nullable().default(null).describe("written by others: usagePercent, lastUpdated"),
        sentryDsn: SecretReference.nullable().default(null),
        dailyTokenBudget: z.int().positive().nullable().default(null),
      })
      .prefault({})
      .describe("quota and errors"),
  })
  .describe("config.json of an Instar agent");
export type Config = z.output<typeof Config>;

/** What is the owner's to write already, though nothing of this release goes by it: sections, and keys of others. */
export const UNUSED_SETTINGS: readonly string[] = [
  "safetyLevel",
  "sessions.maxSessions",
  "sessions.idleKillMinutes",
  "sessions.idleKillMinutesBoundToTopic",
  "sessions.mode",
  "messaging",
  "feedback",
  "dispatches",
  "updates",
  "relationships",
  "evolution",
  "email",
  "monitoring.sentryDsn",
  "monitoring.dailyTokenBudget",
];

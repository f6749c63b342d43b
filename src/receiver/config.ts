/** The receiver's config: its keys, defaults and environment variables, and the frozen value that it runs by. */
import {
  array,
  boolean,
  integer,
  object,
  oneOf,
  optional,
  refined,
  string,
  type Infer,
  type Schema,
} from "../lib/check.ts";
import { LOG_LEVELS, type LogLevel } from "../lib/log.ts";
import { isLoopback } from "../lib/ip.ts";
import { discordUrlProblem } from "./sinks/discord-url.ts";
import {
  loadConfig,
  type ConfigResult,
  type ConfigSpec,
  type FileOptions,
  type ResolveContext,
} from "../config/load.ts";
import { defaultStateDir } from "../config/state-dir.ts";
import * as values from "../config/values.ts";
import { given } from "../lib/given.ts";

export interface ReceiverConfig {
  readonly host: string;
  readonly port: number;
  /** More names by which senders may name this host. */
  readonly allowedHosts: readonly string[];
  readonly stateDir: string;
  readonly logLevel: LogLevel;
  readonly token: string | null;
  /** `whsec_…` */
  readonly secret: string | null;
  readonly discord: {
    readonly webhookUrl: string;
    readonly username?: string;
    readonly threadId?: string;
    readonly threadName?: string;
  } | null;
  readonly openclaw: {
    readonly hook: { readonly url: string; readonly token: string } | null;
    readonly cli: {
      readonly command: readonly string[];
      readonly gatewayUrl?: string;
      readonly gatewayToken?: string;
    } | null;
    readonly mode: "now" | "next-heartbeat";
    readonly sessionKey: string | null;
  } | null;
  readonly retention: { readonly days: number };
}

const DEFAULT_HOOK_URL = "http://127.0.0.1:18789/hooks/wake";

const gatewayUrl: Schema<string> = refined(string({ min: 1, max: 2048 }), (text) => {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "ws:" && url.protocol !== "wss:"))
    return "a ws or wss URL, as ws://127.0.0.1:18789";
  return url.username === "" && url.password === ""
    ? undefined
    : "a URL without user and password (use openclaw.gatewayToken)";
});

const receiverFile = object({
  host: optional(values.bindHost),
  port: optional(integer({ min: 0, max: 65_535 })),
  allowedHosts: optional(array(values.hostName, { max: 100 })),
  stateDir: optional(values.absolutePath),
  logLevel: optional(oneOf(...LOG_LEVELS)),
  token: optional(values.bearerToken),
  tokenFile: optional(values.secretPath),
  secret: optional(values.signingSecret),
  secretFile: optional(values.secretPath),
  discord: optional(
    object({
      webhookUrl: optional(values.secretHttpUrl),
      webhookUrlFile: optional(values.secretPath),
      username: optional(
        string({
          min: 1,
          max: 80,
          pattern: /^(?!.*(clyde|discord))/i,
          what: 'a name of 1 to 80 characters without "clyde" and "discord" (Discord refuses those)',
        }),
      ),
      threadId: optional(string({ pattern: /^\d{1,20}$/, what: "the id of a thread, all digits, as a string" })),
      threadName: optional(string({ min: 1, max: 100, what: "the title of a post, 1 to 100 characters" })),
      allowOtherHost: optional(boolean()),
    }),
  ),
  openclaw: optional(
    object({
      transport: optional(oneOf("auto", "hook", "cli")),
      command: optional(values.command),
      hookUrl: optional(values.httpUrl),
      hookToken: optional(values.bearerToken),
      hookTokenFile: optional(values.secretPath),
      gatewayUrl: optional(gatewayUrl),
      gatewayToken: optional(values.bearerToken),
      gatewayTokenFile: optional(values.secretPath),
      mode: optional(oneOf("now", "next-heartbeat")),
      sessionKey: optional(
        string({ pattern: /^[A-Za-z0-9][A-Za-z0-9:._@+-]{0,199}$/, what: "a session key such as agent:main:main" }),
      ),
    }),
  ),
  retention: optional(object({ days: optional(integer({ min: 1, max: 3650 })) })),
});
type ReceiverFile = Infer<typeof receiverFile>;

export const receiverSpec: ConfigSpec<ReceiverFile, ReceiverConfig> = {
  fileName: "receiver.json",
  pathVariable: "AH_RECEIVER_CONFIG",
  schema: receiverFile,
  env: [
    { variable: "AH_RECEIVER_HOST", key: ["host"] },
    { variable: "AH_RECEIVER_PORT", key: ["port"], type: "integer" },
    { variable: "AH_RECEIVER_STATE_DIR", key: ["stateDir"] },
    { variable: "AH_RECEIVER_TOKEN", key: ["token"], replaces: [["tokenFile"]] },
    { variable: "AH_RECEIVER_SECRET", key: ["secret"], replaces: [["secretFile"]] },
    {
      variable: "AH_RECEIVER_DISCORD_WEBHOOK_URL",
      key: ["discord", "webhookUrl"],
      replaces: [["discord", "webhookUrlFile"]],
    },
    { variable: "AH_RECEIVER_OPENCLAW_HOOK_URL", key: ["openclaw", "hookUrl"] },
    {
      variable: "AH_RECEIVER_OPENCLAW_HOOK_TOKEN",
      key: ["openclaw", "hookToken"],
      replaces: [["openclaw", "hookTokenFile"]],
    },
  ],
  resolve: resolveReceiver,
};

export function loadReceiverConfig(options: FileOptions): ConfigResult<ReceiverConfig> {
  return loadConfig(receiverSpec, options);
}

function resolveReceiver(file: ReceiverFile, context: ResolveContext): ReceiverConfig {
  const token = context.secret("token", file.token, "tokenFile", file.tokenFile, values.bearerToken);
  const secret = context.secret("secret", file.secret, "secretFile", file.secretFile, values.signingSecret);
  const host = file.host ?? "127.0.0.1";
  const tokenIsMeant = token !== undefined || file.tokenFile !== undefined || context.broken("token");
  if (!isLoopback(host) && !tokenIsMeant) {
    context.problem(
      "host",
      `got ${JSON.stringify(host)}, expected a loopback address while there is no token: whoever reaches the port could post to your channel and read what was posted; set token, tokenFile or AH_RECEIVER_TOKEN`,
    );
  }
  return {
    host,
    port: file.port ?? 7071,
    allowedHosts: file.allowedHosts ?? [],
    stateDir: file.stateDir ?? defaultStateDir(context, "webhook-receiver"),
    logLevel: file.logLevel ?? "info",
    token: token ?? null,
    secret: secret ?? null,
    discord: file.discord ? resolveDiscord(file.discord, context) : null,
    openclaw: file.openclaw ? resolveOpenclaw(file.openclaw, context) : null,
    retention: { days: file.retention?.days ?? 7 },
  };
}

function resolveDiscord(
  discord: NonNullable<ReceiverFile["discord"]>,
  context: ResolveContext,
): ReceiverConfig["discord"] {
  const { username, threadId, threadName, allowOtherHost = false } = discord;
  if (threadId !== undefined && threadName !== undefined)
    context.problem(
      "discord.threadName",
      "got a threadId, too, expected one of the two: threadId posts into a thread that is there, threadName makes one",
    );
  const webhookUrl = context.secret(
    "discord.webhookUrl",
    discord.webhookUrl,
    "discord.webhookUrlFile",
    discord.webhookUrlFile,
    values.secretHttpUrl,
  );
  if (webhookUrl === undefined) {
    if (discord.webhookUrlFile === undefined && !context.broken("discord.webhookUrl"))
      context.problem(
        "discord.webhookUrl",
        "missing, expected https://discord.com/api/webhooks/<id>/<token> (or webhookUrlFile)",
      );
    return null;
  }
  const wrong = discordUrlProblem(webhookUrl, allowOtherHost);
  if (wrong !== undefined)
    context.problem(
      discord.webhookUrlFile === undefined ? "discord.webhookUrl" : "discord.webhookUrlFile",
      `got another URL, expected ${wrong}`,
    );
  return {
    webhookUrl,
    ...given({ username, threadId, threadName }),
  };
}

function resolveOpenclaw(
  openclaw: NonNullable<ReceiverFile["openclaw"]>,
  context: ResolveContext,
): ReceiverConfig["openclaw"] {
  const {
    transport = "auto",
    command = "openclaw",
    hookUrl,
    gatewayUrl: url,
    mode = "now",
    sessionKey = null,
  } = openclaw;
  const hookToken = context.secret(
    "openclaw.hookToken",
    openclaw.hookToken,
    "openclaw.hookTokenFile",
    openclaw.hookTokenFile,
    values.bearerToken,
  );
  const gatewayToken = context.secret(
    "openclaw.gatewayToken",
    openclaw.gatewayToken,
    "openclaw.gatewayTokenFile",
    openclaw.gatewayTokenFile,
    values.bearerToken,
  );
  const hookIsMeant = transport === "hook" || (transport === "auto" && hookUrl !== undefined);
  const tokenIsMeant = openclaw.hookTokenFile !== undefined || context.broken("openclaw.hookToken");
  if (hookIsMeant && hookToken === undefined && !tokenIsMeant) {
    context.problem(
      "openclaw.hookToken",
      "missing, expected OpenClaw's hooks.token (or hookTokenFile): the hook takes nothing without it",
    );
  }
  const hook =
    transport !== "cli" && hookToken !== undefined ? { url: hookUrl ?? DEFAULT_HOOK_URL, token: hookToken } : null;
  const gateway = {
    ...given({ gatewayUrl: url, gatewayToken }),
  };
  const cli = transport === "hook" ? null : { command: typeof command === "string" ? [command] : command, ...gateway };
  return { hook, cli, mode, sessionKey };
}

/** The URL of a Discord webhook: whether it is one, and where to post. It is a secret and never quoted. Pure. */

const WEBHOOK_PATH = /^\/api\/(?:v\d+\/)?webhooks\/(\d+)\/([\w-]+)$/;
const DISCORD_HOST = /^(?:(?:canary|ptb)\.)?discord(?:app)?\.com$/;

/** undefined = usable; else the end of "got a URL, expected …". */
export function discordUrlProblem(text: string, allowOtherHost: boolean): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) return "https://discord.com/api/webhooks/<id>/<token>";
  if (allowOtherHost) return undefined;
  if (url.protocol !== "https:" || !DISCORD_HOST.test(url.hostname) || url.port !== "")
    return "an https URL of discord.com (another host needs discord.allowOtherHost: true)";
  return WEBHOOK_PATH.test(url.pathname) ? undefined : "the path /api/webhooks/<id>/<token>";
}

/**
 * The URL to post to: API version 10 (unversioned means a deprecated one), `wait` (without it a lost message is no
 * error).
 */
export function discordPostUrl(webhookUrl: string, threadId?: string): string {
  const url = new URL(webhookUrl);
  const [, id, token] = WEBHOOK_PATH.exec(url.pathname) ?? [];
  if (id !== undefined) url.pathname = `/api/v10/webhooks/${id}/${token}`;
  url.searchParams.set("wait", "true");
  if (threadId !== undefined) url.searchParams.set("thread_id", threadId);
  return url.href;
}

/** Which webhook targets a request may name: loopback, the configured host, and `webhook.allowedHosts`. */
import { invalidRequest } from "../lib/errors.ts";
import { hostOf } from "../lib/ip.ts";
import { mayReceive } from "../webhook/hosts.ts";
import type { ApiDeps } from "./deps.ts";

export function assertWebhookAllowed({ config }: ApiDeps, url: string, path: string): void {
  const host = hostOf(url);
  if (mayReceive(config.webhook, host)) return;
  throw invalidRequest([
    { path, message: `the host "${host}" is not allowed: use a loopback address, or add it to webhook.allowedHosts` },
  ]);
}

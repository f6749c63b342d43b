/** Which webhook targets a request may name (DESIGN 8): loopback, the configured host, and `webhook.allowedHosts`. */
import { invalidRequest } from "../lib/errors.ts";
import type { ApiDeps } from "./deps.ts";

export function assertWebhookAllowed({ config }: ApiDeps, url: string, path: string): void {
  const host = hostOf(url);
  if (isLoopback(host)) return;
  const configured = config.webhook.url === undefined ? null : hostOf(config.webhook.url);
  if (host === configured || config.webhook.allowedHosts.some((allowed) => allowed.toLowerCase() === host)) return;
  throw invalidRequest([{ path, message: `the host "${host}" is not allowed: use a loopback address, or add it to webhook.allowedHosts` }]);
}

function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[|\]$/g, "").toLowerCase();
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

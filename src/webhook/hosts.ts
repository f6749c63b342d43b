/** Where webhooks may go: any loopback address, the configured host, and `webhook.allowedHosts`. Pure. */
import { hostOf, isIP, isLoopback } from "../lib/ip.ts";

export interface AllowedTargets {
  /** The configured webhook. */
  readonly url?: string;
  readonly allowedHosts: readonly string[];
}

/** May a project's or an agent's own webhook go to this host (as of `hostOf`)? */
export function mayReceive({ url, allowedHosts }: AllowedTargets, host: string): boolean {
  return (
    isLoopback(host) ||
    (url !== undefined && host === hostOf(url)) ||
    allowedHosts.some((allowed) => allowed.toLowerCase() === host)
  );
}

/** Metadata services of clouds that are not link-local. */
const METADATA = new Set(["100.100.100.200", "fd00:ec2::254"]);

/**
 * Link-local and its kin (cloud metadata services live there), unspecified, multicast and reserved addresses: no name
 * may lead there.
 */
export function isNobodysAddress(address: string): boolean {
  const plain = address.toLowerCase().replace(/^::ffff:(?=[\d.]+$)/, "");
  if (METADATA.has(plain)) return true;
  if (isIP(plain) === 4) return /^(0|169\.254|22[4-9]|23\d|24\d|25[0-5])\./.test(plain);
  return /^(fe[89ab][0-9a-f]:|ff|::$|::ffff:a9fe:|64:ff9b::a9fe:)/.test(plain);
}

/**
 * What in a URL may be a secret: its password, its query, and the values in it. Receivers like to name the URL they
 * were called by.
 */
export function secretsIn(url: string): readonly string[] {
  const { password, search, searchParams } = new URL(url);
  return [password, search.slice(1), ...searchParams.values()];
}

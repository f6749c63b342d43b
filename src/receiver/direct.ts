/**
 * Requests to this machine must not go through a proxy of the environment: it knows another loopback, and would get the
 * token.
 */
import { isLoopback } from "../config/values.ts";

/** Options for `fetch`. A proxy stays in use for everything else. */
export function direct(url: string | URL): { readonly proxy?: false } {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, "");
  return isLoopback(host) ? { proxy: false } : {};
}

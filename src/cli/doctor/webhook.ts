/** Where webhooks go: the name resolves and somebody listens. Nothing is sent. */
import { connect } from "node:net";
import type { HarnessConfig } from "../../config/harness.ts";
import { isObject } from "../../lib/check.ts";
import { errorText } from "../../lib/errors.ts";
import { request } from "../../lib/request.ts";
import type { Check } from "./check.ts";
import { fail, ok, warn } from "./check.ts";

const LIMIT_MS = 3000;
const RECEIVER = "http://127.0.0.1:7071/health";

export async function checkWebhook({ webhook }: HarnessConfig): Promise<readonly Check[]> {
  if (webhook.url === undefined) return [ok("webhook", "none configured")];
  const { hostname, port, protocol, host } = new URL(webhook.url);
  const at = hostname.replace(/^\[|\]$/g, "");
  try {
    await reach(at, Number(port === "" ? (protocol === "https:" ? 443 : 80) : port));
    return [ok("webhook", `${host} answers`), ...(await checkReceiver(webhook.url))];
  } catch (error) {
    return [fail("webhook", `${host}: ${errorText(error)}`, "start what listens there, or mend webhook.url")];
  }
}

function reach(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: LIMIT_MS });
    const end = (act: () => void) => (): void => {
      socket.destroy();
      act();
    };
    socket.once("connect", end(resolve));
    socket.once(
      "timeout",
      end(() => reject(new Error(`no answer within ${LIMIT_MS / 1000} s`))),
    );
    socket.once("error", (error) => end(() => reject(error))());
  });
}

/** Its health is open to everybody and says nothing secret. */
async function checkReceiver(url: string): Promise<readonly Check[]> {
  if (!/^http:\/\/(127\.0\.0\.1|localhost|\[::1\]):7071\//.test(url)) return [];
  try {
    const response = await request(RECEIVER, { signal: AbortSignal.timeout(LIMIT_MS) });
    const health: unknown = await response.json();
    const status = isObject(health) ? String(health["status"]) : "?";
    if (response.ok && status === "ok") return [ok("receiver", "healthy")];
    return [warn("receiver", `says ${status}`, "webhook-receiver check")];
  } catch (error) {
    return [warn("receiver", errorText(error), "webhook-receiver check")];
  }
}

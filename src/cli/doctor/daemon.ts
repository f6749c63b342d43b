/** The daemon that should answer: does it, is it ours, and does its clock agree. */
import { isObject } from "../../lib/check.ts";
import { HarnessError } from "../../lib/errors.ts";
import { VERSION } from "../../lib/version.ts";
import type { Client } from "../client.ts";
import { duration } from "../figures.ts";
import type { Check } from "./check.ts";
import { fail, ok, warn } from "./check.ts";

export interface DaemonLook {
  readonly checks: readonly Check[];
  /** It can be asked for the rest. */
  readonly answers: boolean;
}

const CLOCK_MS = 5000;

/** Throws UNAUTHORIZED: without the token nothing more can be seen. */
export async function checkDaemon(client: Client): Promise<DaemonLook> {
  try {
    const { answer, headers } = await client.exchange("/api/v1/health");
    const date = headers.get("date");
    const off = date === null ? 0 : Math.abs(Date.now() - Date.parse(date));
    const version = isObject(answer) ? String(answer["version"]) : "?";
    await client.call("/api/v1/status");
    return {
      answers: true,
      checks: [
        ok("address", client.where),
        version === VERSION
          ? ok("daemon", version)
          : warn(
              "daemon",
              `${version}, but this is ${VERSION}`,
              "restart the daemon, or install the same version here",
            ),
        off > CLOCK_MS
          ? warn("clock", `${duration(off)} apart from the daemon's`, "set the clocks (timedatectl set-ntp true)")
          : ok("clock", "agrees with the daemon's"),
      ],
    };
  } catch (error) {
    if (!(error instanceof HarnessError) || error.code === "UNAUTHORIZED") throw error;
    if (error.code !== "UNREACHABLE")
      return { answers: false, checks: [fail("daemon", error.message, "look at its log")] };
    return { answers: false, checks: [warn("daemon", `none answers at ${client.where}`, "agent-harness serve")] };
  }
}

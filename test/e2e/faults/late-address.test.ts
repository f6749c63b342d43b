/**
 * An address that comes a moment after the programs, as at the start of a box: both wait for it and then listen, and
 * the service manager is not needed for that. Looked for in every listener: the daemon's (each of several) and the
 * receiver's; the CLI and the webhooks speak to addresses of others, and try again by themselves. What `listen` does
 * with time and with other refusals: unit/http/late-address.
 */
import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../../support/api.ts";
import { BINARY } from "../../support/binary.ts";
import { receiverBinary } from "../receiver-helpers.ts";

/** TEST-NET-1: no machine has it. */
const LATE = "192.0.2.7";
const RECEIVER = await receiverBinary();
/** A network of its own, in which an address can be added without touching the machine's. */
const UNSHARE = ["unshare", ...(process.getuid?.() === 0 ? [] : ["-r"]), "-n", "--"];
const possible = ["unshare", "nsenter", "ip"].every((tool) => Bun.which(tool) !== null);
const canHave = possible && Bun.spawnSync([...UNSHARE, "ip", "link", "set", "lo", "up"]).exitCode === 0;
if (!canHave) console.warn("skipped: no network of our own can be made here (unshare -n, ip)");

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean();
});

const networkOf = (pid: number | "self"): string => readlinkSync(`/proc/${pid}/ns/net`);

async function launch(binary: string, config: Record<string, unknown>) {
  const dir = mkdtempSync(join(tmpdir(), "ah-late-"));
  const file = join(dir, "config.json");
  await Bun.write(file, JSON.stringify({ stateDir: join(dir, "state"), ...config }).replace("DIR", dir));
  // While nothing is up in it, a network takes every address for its own.
  const up = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"];
  const child = Bun.spawn([...UNSHARE, ...up, binary, "serve", "--config", file], {
    env: { PATH: process.env["PATH"] ?? "", HOME: dir },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  cleanups.push(async () => {
    child.kill("SIGKILL");
    await child.exited;
    rmSync(dir, { recursive: true, force: true });
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    void (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of stream) said += decoder.decode(chunk, { stream: true });
    })();
  const inside = (...argv: string[]): number =>
    Bun.spawnSync(["nsenter", ...(process.getuid?.() === 0 ? [] : ["-U"]), "-t", String(child.pid), "-n", ...argv])
      .exitCode;
  await eventually("a network of its own", () => networkOf(child.pid) !== networkOf("self"));
  return {
    child,
    said: () => said,
    /** What comes right before it listens. */
    locked: () => existsSync(join(dir, "state", "lock.db")),
    add: (address: string) => inside("ip", "addr", "add", `${address}/32`, "dev", "lo"),
  };
}

const TOKEN = { auth: { token: "late-address-token" } };
test.skipIf(!canHave).each([
  ["the daemon", BINARY, { listen: `${LATE}:7070`, ...TOKEN }],
  ["the daemon, beside a socket,", BINARY, { listen: ["unix:DIR/api.sock", `${LATE}:7070`], ...TOKEN }],
  ["the receiver", RECEIVER, { host: LATE, port: 7079, token: "late-address-token" }],
])(
  "%s listens when its address has come, and lives until then",
  async (_name, binary, config) => {
    const { child, said, add, locked } = await launch(binary, config);
    await eventually("it to come so far", locked);
    await Bun.sleep(1000); // longer than between two tries: it has been refused by now
    expect([child.exitCode, said()]).toEqual([null, expect.not.stringContaining("listens")]);
    expect(add(LATE)).toBe(0);
    await eventually("it to listen", () => new RegExp(`listens.*${LATE}`).test(said()));
    expect(child.exitCode).toBeNull();
  },
  40_000,
);

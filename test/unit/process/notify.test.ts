/** sd_notify against a real datagram socket: the test's peer is Python's, because the runtime has none. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fakeClock } from "../../../src/lib/clock.ts";
import { openNotifier, unixAddress, watchdogMs } from "../../../src/process/notify.ts";
import { startService } from "../../../src/process/service.ts";

const dir = mkdtempSync(join(tmpdir(), "ah-notify-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Prints each datagram as a JSON string on a line of its own; "bound" first. */
const PEER = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace("@", "\\0", 1) if sys.argv[1].startswith("@") else sys.argv[1])
print("bound", flush=True)
while True: print(json.dumps(s.recv(65536).decode()), flush=True)
`;
const python = Bun.which("python3");

async function peer(name: string): Promise<{ next(): Promise<string>; end(): void }> {
  const child = Bun.spawn([python ?? "python3", "-c", PEER, name], { stdout: "pipe", stderr: "inherit" });
  const reader = child.stdout.getReader();
  const decoder = new TextDecoder();
  let text = "";
  const line = async (): Promise<string> => {
    while (!text.includes("\n")) {
      const { value, done } = await reader.read();
      if (done) throw new Error("the peer ended");
      text += decoder.decode(value, { stream: true });
    }
    const end = text.indexOf("\n");
    const first = text.slice(0, end);
    text = text.slice(end + 1);
    return first;
  };
  expect(await line()).toBe("bound");
  return { next: async () => String(JSON.parse(await line())), end: () => child.kill("SIGKILL") };
}

const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent } as never;

test("an address is a path with its end mark, or an abstract name without one", () => {
  expect([...(unixAddress("/run/x") ?? [])]).toEqual([1, 0, ...Buffer.from("/run/x"), 0]);
  expect([...(unixAddress("@x") ?? [])]).toEqual([1, 0, 0, 120]);
  expect(unixAddress("relative")).toBeNull();
  expect(unixAddress(`/${"x".repeat(107)}`)).toBeNull();
  expect(unixAddress(`/${"x".repeat(106)}`)?.length).toBe(2 + 107 + 1);
});

test("the watchdog is ours only when it names no process or this one", () => {
  expect(watchdogMs({ WATCHDOG_USEC: "3000000" }, 7)).toBe(3000);
  expect(watchdogMs({ WATCHDOG_USEC: "3000000", WATCHDOG_PID: "7" }, 7)).toBe(3000);
  expect(watchdogMs({ WATCHDOG_USEC: "3000000", WATCHDOG_PID: "8" }, 7)).toBeNull();
  for (const bad of ["", "0", "-1", "1.5", "soon"]) expect(watchdogMs({ WATCHDOG_USEC: bad }, 7)).toBeNull();
});

test("without a manager nothing is opened and nothing is said", async () => {
  expect(await openNotifier({}, () => expect.unreachable())).toBeNull();
  expect(await openNotifier({ NOTIFY_SOCKET: "" }, () => expect.unreachable())).toBeNull();
});

test("a socket that cannot be named is said once, and a manager that is gone is no error", async () => {
  const warnings: string[] = [];
  expect(await openNotifier({ NOTIFY_SOCKET: "vsock:2:1" }, (text) => warnings.push(text))).toBeNull();
  expect(warnings).toEqual([
    'NOTIFY_SOCKET is "vsock:2:1", expected a path or an abstract name (@…) of at most 107 bytes',
  ]);
  const gone = await openNotifier({ NOTIFY_SOCKET: join(dir, "nobody") }, () => expect.unreachable());
  expect(gone?.send("READY=1")).toBe(false);
});

describe.skipIf(python === null)("a manager that listens", () => {
  for (const name of [join(dir, "path"), `@ah-notify-${process.pid}`]) {
    test(`hears each message whole on ${name.startsWith("@") ? "an abstract name" : "a path"}`, async () => {
      const manager = await peer(name);
      try {
        const notifier = await openNotifier({ NOTIFY_SOCKET: name }, () => expect.unreachable());
        expect(notifier?.send("READY=1", "STATUS=é two\nX=1")).toBe(true);
        expect(await manager.next()).toBe("READY=1\nSTATUS=é two X=1");
      } finally {
        manager.end();
      }
    });
  }

  test("is told ready, each new status once, a sign of life at half the time, and the end", async () => {
    const name = join(dir, "service");
    const manager = await peer(name);
    try {
      const clock = fakeClock();
      let status = "no agents";
      const env = { NOTIFY_SOCKET: name, WATCHDOG_USEC: "10000000" };
      const service = await startService({ env, pid: 1, clock, log: silent, status: () => status });
      service.ready();
      expect(await manager.next()).toBe("READY=1\nSTATUS=no agents");
      expect(await manager.next()).toBe("WATCHDOG=1");
      service.changed(); // the line is the same: nothing is sent
      clock.advance(1000);
      status = "1 processing";
      service.changed();
      service.changed();
      clock.advance(1000);
      expect(await manager.next()).toBe("STATUS=1 processing");
      clock.advance(3000);
      expect(await manager.next()).toBe("WATCHDOG=1");
      service.stopping();
      clock.advance(60_000);
      expect(await manager.next()).toBe("STOPPING=1\nSTATUS=stopping");
    } finally {
      manager.end();
    }
  });
});

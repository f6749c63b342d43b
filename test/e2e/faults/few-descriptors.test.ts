/**
 * Work under way when a living daemon has no descriptor left for a while, over a sweep: nothing of it is taken for
 * dead, nothing is lost. What of one process fails how, function by function, stands in unit/agents/starved.
 */
import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Json } from "../../support/api.ts";
import { eventually } from "../../support/api.ts";
import { FAKES, makeBox } from "../../support/binary.ts";

/** A connection that was there before: another could not be taken. */
function connection(url: string) {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  let got = "";
  socket.on("data", (chunk) => (got += String(chunk)));
  return {
    async get(path: string): Promise<{ status: number; body: Json }> {
      got = "";
      socket.write(`GET /api/v1${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`);
      const body = await eventually("the whole answer", () => {
        const cut = got.indexOf("\r\n\r\n") + 4;
        const length = Number(/^content-length: *(\d+)/im.exec(got)?.[1]);
        return cut > 3 && Buffer.byteLength(got.slice(cut)) >= length ? got.slice(cut) : null;
      });
      return { status: Number(got.split(" ")[1]), body: JSON.parse(body) as Json };
    },
    close: () => void socket.destroy(),
  };
}

const canStarve = Bun.which("prlimit") !== null;
if (!canStarve) console.warn("skipped: a daemon without descriptors (prlimit is not there)");

test.skipIf(!canStarve)(
  "turns that end, and inputs that wait, while the daemon has no descriptor, are told as they were when it has some",
  async () => {
    const dir = mkdtempSync(join(tmpdir(), "ah-gate-"));
    const gate = join(dir, "gate");
    const fails = `while [ ! -e '${gate}' ]; do sleep 0.05; done; exit 7`;
    const box = await makeBox({
      providers: {
        "claude-code": { command: [process.execPath, join(FAKES, "claude.ts")] },
        sh: { kind: "command", command: ["/bin/sh", "-c", fails] },
      },
    });
    const api = await box.start();
    await api.post("/projects", { name: "p", cwd: box.cwd });
    const make = async (provider: string, task: string): Promise<string> =>
      `/projects/p/agents/${String((await api.post("/projects/p/agents", { provider, task }))["agent"]?.["id"])}`;
    const working = await make("claude-code", `SCRIPT ${JSON.stringify([{ gate }, { say: "first" }])}`);
    const lasting = await make("claude-code", `SCRIPT ${JSON.stringify([{ gate: join(box.dir, "never") }])}`);
    const failing = await make("sh", "words");
    await api.post(`${working}/input`, { text: "second" });
    for (const path of [working, lasting])
      await eventually("it to work", async () => String((await api.get(path))["agent"]?.["status"]) === "processing");
    await eventually("its process", async () => (await api.get(`${failing}/debug`))["process"]);
    const before = connection(api.url);
    await before.get(working);

    const limit = (descriptors: number): void =>
      void expect(Bun.spawnSync(["prlimit", "--pid", String(box.pid()), `--nofile=${descriptors}:`]).exitCode).toBe(0);
    try {
      limit(3);
      mkdirSync(gate);
      await eventually("a sweep that cannot look", async () => {
        await before.get(lasting); // or it is closed for being idle
        return box.stderr().includes("cannot look at an agent's process now");
      });
      for (const path of [working, lasting, failing])
        expect([path, String((await before.get(path)).body["agent"]?.["status"])]).toEqual([path, "processing"]);
      limit(1024);
      const ended = async (path: string, n: number): Promise<Json> =>
        eventually(`the end of turn ${n}`, async () => {
          const { turn } = (await api.get(path))["agent"] as Json;
          return String(turn?.["id"]).endsWith(`-${n}`) && turn?.["outcome"] ? turn : null;
        });
      expect(await ended(failing, 1)).toMatchObject({
        outcome: "failed",
        error: { message: expect.stringContaining("7") },
      });
      expect(await ended(working, 2)).toMatchObject({ outcome: "completed" });
      const { messages } = await api.get(`${working}/messages?after=0&limit=100`);
      const said = [...(messages as Json)].filter(({ role }) => String(role) === "assistant");
      expect(said.map(({ text }) => String(text))).toEqual(["first", "echo: second"]);
      expect(String((await api.get(lasting))["agent"]?.["status"])).toBe("processing");
      expect(box.stderr()).not.toContain("a fault that nobody caught");
    } finally {
      limit(1024);
      before.close();
      await box.close();
      rmSync(dir, { recursive: true });
    }
  },
  90_000,
);

/**
 * What one agent wrote while no daemon ran is read after the others are served: readiness is each agent's own. Looked
 * for in what a start waits for: supervisor.boot (each take-over by itself, two seconds in all), the tail (it lets
 * others go between two pieces), the journal (lines that arrive together are stored together), and the routes, which
 * refuse that agent alone. What decides it stands in unit/agents/boot, with time moved by hand.
 */
import { expect, test } from "bun:test";
import { closeSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../../support/api.ts";
import { eventually } from "../../support/api.ts";
import { FAKES, makeBox } from "../../support/binary.ts";

const MIB = 1024 * 1024;
const UNREAD_BYTES = 30 * MIB;
/** So fast that nobody has to be let go first. */
const FAST_MS = 4000;

/** Frames like its last message, with names of their own, as a program writes them that is not read. */
function append(file: string): void {
  const said = readFileSync(file, "utf8")
    .split("\n")
    .findLast((line) => line.includes('"type":"assistant"'));
  const message = /"id":"([^"]+)"/.exec(said ?? "")?.[1] ?? expect.unreachable("no message");
  const uuid = /"uuid":"([^"]+)"/.exec(said ?? "")?.[1] ?? expect.unreachable("no uuid");
  const fd = openSync(file, "a");
  for (let n = 0, size = 0; size < UNREAD_BYTES;) {
    let piece = "";
    while (piece.length < MIB)
      piece += `${said?.replaceAll(message, `${message}-${++n}`).replace(uuid, crypto.randomUUID())}\n`;
    size += writeSync(fd, piece);
  }
  closeSync(fd);
}

test("with tens of megabytes unread of one agent the daemon is ready at once, others work, and that one answers when it is read", async () => {
  const box = await makeBox({
    providers: { "claude-code": { command: [process.execPath, join(FAKES, "claude.ts")] } },
  });
  try {
    let api = await box.start();
    await api.post("/projects", { name: "p", cwd: box.cwd });
    const make = async (task: string): Promise<string> =>
      `/projects/p/agents/${String((await api.post("/projects/p/agents", { provider: "claude-code", task }))["agent"]?.["id"])}`;
    const gate = join(box.dir, "gate");
    const [full, other] = [await make(`SCRIPT ${JSON.stringify([{ say: "begun" }, { gate }])}`), await make("hello")];
    const out = join(box.stateDir, "agents", full.split("/").at(-1) ?? "", "run", "1", "out.jsonl");
    await eventually("both to have spoken", async () => {
      const idle = String((await api.get(other))["agent"]?.["status"]) === "idle";
      return idle && readFileSync(out, "utf8").includes('"type":"assistant"');
    });
    await box.kill();
    append(out);
    const size = statSync(out).size;

    api = await box.start();
    expect((await fetch(`${api.url}/readyz`)).status).toBe(200);
    const begun = performance.now();
    await api.post(`${other}/input`, { text: "again" });
    await eventually("the other's answer", async () => {
      const { turn } = (await api.get(other))["agent"] as Json;
      return String(turn?.["outcome"]) === "completed" && String(turn?.["id"]).endsWith("-2");
    });
    // The other has worked while this one was read, not after it.
    const meanwhile = await api.call("GET", full);
    if (performance.now() - begun > FAST_MS || meanwhile.status !== 200)
      expect([meanwhile.status, String(meanwhile.body["error"])]).toEqual([503, "NOT_READY"]);

    const view = await eventually(
      "that one to be read",
      async () => {
        const { status, body } = await api.call("GET", full);
        return status === 200 ? (body["agent"] as Json) : null;
      },
      150_000,
    );
    expect(String(view["status"])).toBe("processing");
    const { offset } = await api.get(`${full}/debug`);
    expect(Number(offset)).toBeGreaterThanOrEqual(size);
  } finally {
    await box.close();
  }
}, 240_000);

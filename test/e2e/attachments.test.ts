/**
 * Files that go with an input, through the compiled daemon: pictures reach each program in its own way, other files by
 * the path of our copy; what cannot be sent is refused before anything is stored.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Api, Json } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";
import { JPEG, PNG } from "../support/pictures.ts";

setDefaultTimeout(60_000);

const fake = (name: string): string[] => [process.execPath, join(FAKES, `${name}.ts`)];
const BLIND = `FAKE_ACP='{"images":false}' exec "$@"`;

let box: Box;
let api: Api;
beforeAll(async () => {
  box = await makeBox({
    providers: {
      "claude-code": { command: fake("claude") },
      codex: { command: fake("codex") },
      opencode: { command: fake("opencode") },
      pi: { command: fake("pi") },
      acp: { kind: "acp", command: fake("acp") },
      blind: { kind: "acp", command: ["sh", "-c", BLIND, "sh", ...fake("acp")] },
      sh: { kind: "command", command: ["cat"] },
    },
  });
  api = await box.start();
  await api.post("/projects", { name: "p", cwd: box.cwd });
  mkdirSync(join(box.cwd, "shots"));
  writeFileSync(join(box.cwd, "shots", "a.png"), PNG);
});
afterAll(() => box.close());

const list = (value: Json | undefined): Json[] => [...(value ?? [])];
const png = { dataBase64: PNG.toString("base64"), mediaType: "image/png", name: "one.png" };
const text = (words: string) => ({ dataBase64: btoa(words), mediaType: "text/plain", name: "notes.txt" });

async function make(provider: string, task: string, attachments: readonly unknown[]): Promise<string> {
  const { agent } = await api.post("/projects/p/agents", { provider, task, attachments });
  return `/projects/p/agents/${agent?.["id"]}`;
}
async function said(path: string): Promise<string> {
  const answer = await api.get(`${path}/wait?until=idle,error,exited&timeout=40`);
  expect(String(answer["agent"]?.["status"])).toBe("idle");
  return String((await api.get(`${path}/messages/last`))["message"]?.["text"]);
}
const remove = (path: string) => api.call("DELETE", path);

describe("pictures", () => {
  test.each([
    ["claude-code", "[image/png 70] [image/png 70]"],
    ["codex", "[png 70] [png 70]"],
    ["opencode", "[png 70] [png 70]"],
    ["pi", "[image/png 70] [image/png 70]"],
    ["acp", "[image/png 70] [image/png 70]"],
  ])("reach %s as it takes them, from bytes and from a path of the project", async (provider, shown) => {
    const path = await make(provider, "look", [png, { path: "shots/a.png" }]);
    expect(await said(path)).toBe(`echo: look ${shown.replaceAll("70", String(PNG.length))}`);
    const [input] = list((await api.get(`${path}/inputs`))["inputs"]);
    expect(input?.["attachments"] as unknown).toEqual([
      { name: "one.png", mediaType: "image/png", bytes: PNG.length },
      { name: "a.png", mediaType: "image/png", bytes: PNG.length },
    ]);
    // What the person wrote stays what the person wrote.
    const [message] = list((await api.get(`${path}/messages?role=user`))["messages"]);
    expect(String(message?.["text"])).toBe("look");
    await remove(path);
  });

  test("that a program takes none of is told by a note, and it gets the path", async () => {
    const path = await make("blind", "look", [png]);
    const answer = await said(path);
    const copy = /Attached: (\S+) \(one\.png\)/.exec(answer)?.[1] ?? "";
    expect(readFileSync(copy).equals(PNG)).toBe(true);
    const events = await api.call("GET", `${path}/events?types=note`, undefined, { accept: "application/json" });
    const codes = list(events.body["events"]).map(({ data }) => String(data?.["code"]));
    expect(codes).toContain("attachment_replaced");
    await remove(path);
  });
});

describe("other files", () => {
  test("are named by the path of our copy, which goes with the agent", async () => {
    writeFileSync(join(box.cwd, "shots", "notes.md"), "from the project");
    const path = await make("claude-code", "read", [text("from the caller"), { path: "shots/notes.md" }]);
    const answer = await said(path);
    const copies = [...answer.matchAll(/^(\/\S+) \((\S+), (\S+)\)$/gm)];
    expect(copies.map(([, , name, type]) => [name, type])).toEqual([
      ["notes.txt", "text/plain"],
      ["notes.md", "text/markdown"],
    ]);
    const paths = copies.map(([, copy = ""]) => copy);
    expect(paths.map((each) => readFileSync(each, "utf8"))).toEqual(["from the caller", "from the project"]);
    // The project may change: the program has the copy.
    rmSync(join(box.cwd, "shots", "notes.md"));
    expect(existsSync(paths[1] ?? "")).toBe(true);
    await remove(path);
    expect(paths.map((each) => existsSync(each))).toEqual([false, false]);
  });

  test("survive kill -9 between the 202 and their turn", async () => {
    const gate = join(box.dir, "gate");
    const path = await make("claude-code", `SCRIPT ${JSON.stringify([{ gate }])}`, []);
    await api.post(`${path}/input`, { text: "later", attachments: [png, text("kept")] });
    await box.kill("SIGKILL");
    api = await box.start();
    writeFileSync(gate, "");
    const answer = await said(path);
    expect(answer).toContain(`[image/png ${PNG.length}]`);
    expect(readFileSync(/^(\/\S+) \(notes/m.exec(answer)?.[1] ?? "", "utf8")).toBe("kept");
    await remove(path);
  });
});

describe("what is refused", () => {
  const tried = async (attachments: unknown, provider = "claude-code") => {
    const made = await api.post("/projects/p/agents", { provider });
    const path = `/projects/p/agents/${made["agent"]?.["id"]}`;
    const answer = await api.call("POST", `${path}/input`, { text: "look", attachments });
    expect(list((await api.get(`${path}/inputs`))["inputs"])).toEqual([]);
    const copies = join(box.stateDir, "agents", String(made["agent"]?.["id"]), "attachments");
    expect(existsSync(copies) ? readdirSync(copies) : []).toEqual([]);
    await remove(path);
    return answer;
  };

  test.each<[string, unknown, RegExp]>([
    ["a picture that is cut off", { ...png, dataBase64: PNG.subarray(0, -8).toString("base64") }, /end too soon/],
    ["a picture of another kind", { ...png, dataBase64: JPEG.toString("base64") }, /do not begin like one/],
    ["a kind of picture that no program shows", { ...png, mediaType: "image/tiff" }, /expected one of image\/png/],
  ])("422: %s", async (_, attachment, message) => {
    const answer = await tried([attachment]);
    expect([answer.status, String(answer.body["error"])]).toEqual([422, "ATTACHMENT_REFUSED"]);
    expect(String(answer.body["message"])).toMatch(message);
  });

  test("422: any file for a plain command", async () => {
    const answer = await tried([text("x")], "sh");
    expect([answer.status, String(answer.body["error"])]).toEqual([422, "ATTACHMENT_REFUSED"]);
    expect(String(answer.body["message"])).toContain("plain text and nothing else");
  });

  test.each<[string, unknown, string]>([
    ["a link in the project that leads out", [{ path: "out" }], "attachments[0].path"],
    ["a path elsewhere", [png, { path: "/etc/passwd" }], "attachments[1].path"],
    ["both a path and bytes", [{ ...png, path: "shots/a.png" }], "attachments[0]"],
    ["bytes without a name", [{ dataBase64: "AAAA" }], "attachments[0]"],
    ["what is no base64", [{ ...png, dataBase64: "%%%" }], "attachments[0].dataBase64"],
    ["more than sixteen", Array(17).fill(png), "attachments"],
    [
      "one of more than 8 MiB",
      [{ ...text(""), dataBase64: Buffer.alloc(8 * 1024 * 1024 + 1).toString("base64") }],
      "attachments[0].dataBase64",
    ],
    ["a name that is a path", [{ ...png, name: "../x" }], "attachments[0].name"],
  ])("400: %s", async (_, attachments, where) => {
    if (!existsSync(join(box.cwd, "out"))) symlinkSync("/etc/passwd", join(box.cwd, "out"));
    const answer = await tried(attachments);
    expect([answer.status, list(answer.body["issues"]).map(({ path }) => String(path))]).toEqual([400, [where]]);
  });

  test("8 MiB in base64 fit into one request", async () => {
    const big = Buffer.alloc(8 * 1024 * 1024, "x").toString("base64");
    const path = await make("claude-code", "read", [{ dataBase64: big, mediaType: "text/plain", name: "big.txt" }]);
    expect(await said(path)).toContain("(big.txt, text/plain)");
    await remove(path);
  });
});

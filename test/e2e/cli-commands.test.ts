/**
 * Every command against a live daemon, in a pipe: the text that scripts read, and the JSON, which is the API's own
 * answer. Nothing colours, moves a cursor or asks.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { COMMANDS } from "../../src/cli/commands.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";
import type { Cli } from "../support/cli.ts";
import { cliOf, script } from "../support/cli.ts";
import { fleetTable } from "../support/described.ts";
import { startHook } from "../support/hook.ts";
import type { Hook } from "../support/hook.ts";

setDefaultTimeout(60_000);

const TOKEN = "a-token-that-nobody-must-see-anywhere";
const SECRET = "whsec_c2VjcmV0LW9mLXRoZS13ZWJob29rLW5vYm9keS1zZWVz";
let box: Box;
let cli: Cli;
let hook: Hook;
const printed: string[] = [];

beforeAll(async () => {
  hook = await startHook();
  box = await makeBox(
    {
      providers: {
        "claude-code": {
          command: [process.execPath, join(FAKES, "claude.ts")],
          env: { PLANTED: "value-of-a-variable" },
        },
        codex: { enabled: false },
        opencode: { enabled: false },
        pi: { enabled: false },
      },
      webhook: { url: hook.url(), secret: SECRET },
    },
    {},
    TOKEN,
  );
  await box.start();
  const raw = cliOf(box, TOKEN);
  const kept = (args: Promise<{ code: number; out: string; err: string }>) =>
    args.then((said) => {
      printed.push(said.out, said.err);
      return said;
    });
  cli = Object.assign((...args: string[]) => kept(raw(...args)), {
    with:
      (options: Parameters<Cli["with"]>[0]) =>
      (...args: string[]) =>
        kept(raw.with(options)(...args)),
    start: raw.start,
  });
  const ok = async (...args: string[]): Promise<void> => {
    const said = await cli(...args);
    if (said.code !== 0) throw new Error(`${args.join(" ")}: ${said.code} ${said.err}`);
  };
  await ok("projects", "add", "shop", box.cwd, "--provider", "claude-code");
  await ok("run", "--name", "quiet", "--env", "GIVEN=another-hidden-value", "hello");
  await ok(
    "run",
    "--detach",
    "--name",
    "asker",
    script({ ask: "Bash", input: { command: "rm -rf build" }, result: "" }),
  );
  await ok("wait", "shop/asker", "--until", "waiting_input");
});
afterAll(async () => {
  await box.close();
  await hook.down();
});

test("ps prints a line an agent, the most urgent first, with whole cells between tabs", async () => {
  const { code, out, err } = await cli("ps");
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const rows = out
    .trimEnd()
    .split("\n")
    .map((line) => line.split("\t"));
  expect(rows.map(([name, status]) => [name, status])).toEqual([
    ["shop/asker", "waiting_input"],
    ["shop/quiet", "idle"],
  ]);
  expect(rows[0]?.[2]).toContain("rm -rf build");
  for (const row of rows) {
    expect(row.length).toBe(6);
    expect(row[3]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  }
  expect((await cli("ps", "-q")).out).toBe("shop/asker\nshop/quiet\n");
  expect((await cli("ps", "--status", "idle", "-q")).out).toBe("shop/quiet\n");
  expect((await cli("ps", "shop", "--sort", "new", "-q")).out).toBe("shop/asker\nshop/quiet\n");
  expect((await cli("ps", "nowhere")).code).toBe(1);
});

test("an empty list is nothing in a pipe, and an empty list in JSON", async () => {
  expect(await cli("ps", "--status", "exited")).toEqual({ code: 0, out: "", err: "" });
  expect(JSON.parse((await cli("ps", "--status", "exited", "--json")).out)).toEqual({ agents: [], next: null });
  expect(await cli("deliveries", "--state", "dead")).toEqual({ code: 0, out: "", err: "" });
  expect(JSON.parse((await cli("deliveries", "--state", "dead", "--json")).out)).toMatchObject({ deliveries: [] });
});

/** Command → the API's own answer that `--json` prints. */
const SAME: readonly (readonly [args: readonly string[], path: string])[] = [
  [["show", "shop/quiet"], "/projects/shop/agents/quiet"],
  [["messages", "--last", "quiet"], "/projects/shop/agents/quiet/messages/last"],
  [["inputs", "quiet"], "/projects/shop/agents/quiet/inputs"],
  [["projects"], "/projects"],
  [["projects", "show", "shop"], "/projects/shop"],
  [["providers"], "/providers"],
  [["ps"], "/agents"],
];

test.each(SAME)("%p --json is what the API says", async (args, path) => {
  const { code, out } = await cli(...args, "--json");
  expect(code).toBe(0);
  expect(out.trimEnd().split("\n").length).toBe(1);
  const order = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value), (_, inner: unknown) =>
      Array.isArray(inner) ? inner.map((each) => JSON.stringify(each)).sort() : inner,
    );
  expect(order(JSON.parse(out))).toEqual(order(await box.api().get(path)));
});

test("messages --last is the exact text, and fails where nothing was said", async () => {
  expect(await cli("messages", "--last", "quiet")).toEqual({ code: 0, out: "echo: hello", err: "" });
  expect(await cli("messages", "--last", "asker")).toMatchObject({ code: 1, out: "" });
});

test("messages and logs print the conversation, newest last", async () => {
  const messages = await cli("messages", "quiet");
  expect(messages.out).toMatch(/ user #\d+\nhello\n\n.* assistant #\d+\necho: hello\n\n$/s);
  const ids = (await cli("messages", "quiet", "--all", "--json")).out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).id as number);
  expect(ids).toEqual(ids.toSorted((a, b) => a - b));
  expect((await cli("messages", "quiet", "--contains", "ECHO")).out).toMatch(/^\S+ assistant #\d+\necho: hello\n\n$/);
  expect((await cli("messages", "quiet", "--all", "--contains", "nowhere said")).out).toBe("");
  const logs = (await cli("logs", "quiet")).out
    .trimEnd()
    .split("\n")
    .map((line) => line.split("\t"));
  expect(logs.map(([, who]) => who)).toEqual(["you", "quiet", "──"]);
  expect(logs[2]?.[2]).toMatch(/^turn 1 completed in 0:0\d/);
  expect((await cli("logs", "quiet", "--since", "1h", "-n", "1")).out.split("\n").length).toBe(3);
});

test("events prints the log of everything, a project or an agent; unknown types are refused", async () => {
  const all = (await cli("events", "-n", "1000")).out.trimEnd().split("\n");
  const ids = all.map((line) => Number(line.split("\t")[0]));
  expect(ids).toEqual(ids.toSorted((a, b) => a - b));
  expect((await cli("events", "shop", "-n", "1000")).out.trimEnd().split("\n").length).toBe(all.length);
  const quiet = await cli("events", "shop/quiet", "--types", "turn_ended", "--json");
  expect(
    quiet.out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).type as string),
  ).toEqual(["turn_ended"]);
  const after = String(ids[3]);
  expect((await cli("events", "--since", after)).out.split("\t")[0]).toBe(String((ids[3] ?? 0) + 1));
});

test("permissions shows what waits, and approve is never blind", async () => {
  const listed = (await cli("permissions")).out.trimEnd().split("\t");
  expect(listed.slice(0, 4)).toEqual(["shop/asker", "p1", "pending", "Bash"]);
  expect(listed[5]).toContain("rm -rf build");
  expect(await cli("approve", "--next")).toEqual({
    code: 2,
    out: "",
    err: "agent-harness approve: no terminal to show the request on: name it (approve shop/asker p1)\n",
  });
  expect((await cli("approve", "shop/asker")).code).toBe(2);
  expect(await cli("approve", "shop/asker", "p9")).toMatchObject({
    code: 1,
    err: expect.stringContaining("waiting: p1"),
  });
  expect(await cli("deny", "shop/asker", "p1", "-m", "not now")).toEqual({
    code: 0,
    out: "",
    err: "denied shop/asker p1\n",
  });
  expect(await cli("approve", "shop/asker", "p1")).toMatchObject({
    code: 1,
    err: expect.stringContaining("cannot be answered again"),
  });
  expect((await cli("wait", "shop/asker")).code).toBe(0);
  expect((await cli("permissions")).out).toBe("");
  expect((await cli("permissions", "shop/asker", "--all", "--json")).out).toContain('"state":"denied"');
});

test("a question is answered by its text or its number", async () => {
  const ask = script({ question: "Which colour?", options: ["Red", "Blue"] });
  await cli("run", "--detach", "--name", "q", ask);
  await cli("wait", "shop/q", "--until", "waiting_input");
  expect((await cli("approve", "shop/q", "p1")).err).toContain('it asks "Which colour?": add --answer');
  expect((await cli("approve", "shop/q", "p1", "--answer", "3=Blue")).err).toContain('there is no question "3"');
  expect((await cli("approve", "shop/q", "p1", "--answer", "1=Blue")).code).toBe(0);
  expect((await cli("wait", "shop/q")).code).toBe(0);
  expect((await cli("rm", "shop/q", "--yes")).code).toBe(0);
});

test("send queues, refuses or interrupts; inputs shows it and takes it back", async () => {
  const gate = join(box.dir, "gate-send");
  await cli("run", "--detach", "--name", "busy", script({ tool: "Bash", input: {}, gate }));
  await cli("wait", "shop/busy", "--until", "processing");
  expect(await cli("send", "shop/busy", "second")).toMatchObject({
    code: 0,
    err: "sent to shop/busy as input 2 (queued)\n",
  });
  expect(await cli("send", "shop/busy", "no", "--reject")).toMatchObject({ code: 1 });
  expect((await cli("inputs", "rm", "shop/busy", "2")).code).toBe(0);
  expect(
    (await cli("inputs", "shop/busy")).out
      .trimEnd()
      .split("\n")
      .map((line) => line.split("\t")[1]),
  ).toEqual(["accepted", "cancelled"]);
  const key = ["--key", "once"];
  const twice = [await cli("send", "shop/busy", "third", ...key), await cli("send", "shop/busy", "third", ...key)];
  expect(twice.map(({ err }) => err)).toEqual(Array(2).fill("sent to shop/busy as input 3 (queued)\n"));
  expect(await cli.with({ stdin: "from stdin\n" })("send", "shop/busy", "-")).toMatchObject({ code: 0 });
  expect((await cli("abort", "shop/busy", "--keep-queued")).err).toBe("aborted shop/busy\n");
  expect((await cli("show", "shop/busy")).out).toMatch(/^queue\t2 held: agent-harness inputs release$/m);
  expect((await cli("inputs", "release", "shop/busy")).code).toBe(0);
  expect((await cli("wait", "shop/busy")).code).toBe(0);
  expect((await cli("messages", "--last", "shop/busy")).out).toBe("echo: from stdin\n");
});

test("set changes an agent, and takes away what is empty", async () => {
  expect((await cli("set", "shop/quiet", "model=fast", "metadata.ticket=T-1")).code).toBe(0);
  expect((await cli("show", "shop/quiet")).out).toMatch(/^model\tfast$[\s\S]*^metadata.ticket\tT-1$/m);
  expect((await cli("set", "shop/quiet", "model=", "metadata.ticket=")).code).toBe(0);
  expect((await cli("show", "shop/quiet")).out).not.toContain("ticket");
});

test("stop and rm of a busy agent need --yes; stop, resume and rm do what they say", async () => {
  const gate = join(box.dir, "gate-stop");
  await cli("run", "--detach", "--name", "works", script({ tool: "Bash", input: {}, gate }));
  await cli("wait", "shop/works", "--until", "processing");
  for (const command of ["stop", "rm"])
    expect(await cli(command, "shop/works")).toEqual({
      code: 2,
      out: "",
      err: `agent-harness ${command}: shop/works is processing: add --yes to end it, or abort it first\n`,
    });
  expect(await cli("stop", "shop/works", "--yes")).toEqual({ code: 0, out: "", err: "stopped shop/works\n" });
  expect((await cli("wait", "shop/works")).code).toBe(5);
  expect((await cli("resume", "shop/works")).err).toBe("resumed shop/works (idle)\n");
  expect((await cli("rm", "shop/works", "--yes")).code).toBe(0);
  expect((await cli("show", "shop/works")).err).toContain("there is no agent shop/works");
});

test("an id beats a name, a name of two agents is listed, a slip is told", async () => {
  const other = join(box.dir, "home");
  await cli("projects", "add", "docs", other);
  await cli("run", "--detach", "--project", "docs", "--provider", "claude-code", "--name", "quiet", "x");
  const twice = await cli("show", "quiet");
  expect(twice.code).toBe(2);
  expect(twice.err).toMatch(/quiet is ambiguous: (shop|docs)\/quiet \([0-9a-f]{8}, \w+\), (shop|docs)\/quiet \(/);
  const { id } = JSON.parse((await cli("show", "docs/quiet", "--json")).out).agent as { id: string };
  expect(JSON.parse((await cli("show", id, "--json")).out).agent.project).toBe("docs");
  expect((await cli("show", "shop/quite")).err).toContain("did you mean shop/quiet?");
  expect(JSON.parse((await cli.with({ cwd: other })("show", ".", "--json")).out).agent.id).toBe(id);
  expect((await cli("projects", "rm", "docs", "--force", "--yes")).code).toBe(0);
});

test("projects are made, changed and forgotten", async () => {
  expect((await cli("projects", "set", "shop", "trusted=true", "model=fast")).code).toBe(0);
  expect((await cli("projects", "show", "shop")).out).toMatch(/^trusted\tyes$[\s\S]*^default model\tfast$/m);
  expect((await cli("projects", "set", "shop", "model=", "trusted=")).code).toBe(0);
  expect((await cli("projects", "add", "shop", box.cwd)).code).toBe(1);
  expect((await cli("projects", "rm", "nowhere", "--yes")).code).toBe(1);
});

test("deliveries are listed, shown, repeated and tried", async () => {
  expect(await cli("deliveries", "test", "--wait")).toMatchObject({ code: 0 });
  const [id = ""] = (await cli("deliveries", "-n", "1")).out.split("\t");
  expect((await cli("deliveries", "show", id)).out).toMatch(/^state\tdelivered$[\s\S]*^body\t\{"event":"test"/m);
  expect((await cli("deliveries", "redeliver", id, "--fresh")).code).toBe(0);
  expect((await cli("deliveries", "--agent", "shop/quiet")).out).toContain("agent_completed");
  hook.on("/hook", { status: 500 });
  expect(await cli("deliveries", "test", "--wait")).toMatchObject({ code: 1 });
  hook.on("/hook", { status: 204 });
});

test("debug shows the process, and the raw bytes of its streams", async () => {
  expect((await cli("debug", "shop/quiet")).out).toMatch(/^run\.n\t1$/m);
  const { bytes } = {
    bytes: await (
      await fetch(`${box.api().url}/api/v1/projects/shop/agents/quiet/output?tail=300`, {
        headers: { authorization: `Bearer ${TOKEN}` },
      })
    ).text(),
  };
  expect((await cli("debug", "shop/quiet", "--stdout", "300")).out).toBe(bytes);
});

test("api calls any route: the answer as it came, the code by its status", async () => {
  const { out } = await cli("api", "GET", "/projects");
  expect(JSON.parse(out)).toEqual(JSON.parse((await cli("projects", "--json")).out));
  expect((await cli("api", "-i", "GET", "/projects/nowhere")).out).toStartWith("HTTP/1.1 404");
  expect((await cli("api", "GET", "/projects/nowhere")).code).toBe(1);
  expect((await cli.with({ env: { AH_AUTH_TOKEN: "wrong" } })("api", "GET", "/projects")).code).toBe(7);
  expect((await cli("api", "PATCH", "/projects/shop", '{"trusted":null}')).code).toBe(0);
  expect((await cli("api", "GET", "/metrics")).out).toContain("agent_harness_agents");
});

test("open prints the inspector's address, without the token", async () => {
  expect((await cli("open")).out).toBe(`${box.api().url}/inspect\n`);
  const { id } = JSON.parse((await cli("show", "shop/quiet", "--json")).out).agent as { id: string };
  // The page's own address of an agent; what it does not know leads to the overview.
  expect((await cli("open", "shop/quiet")).out).toBe(`${box.api().url}/inspect#/a/shop/${id}\n`);
});

describe("without the daemon's part", () => {
  test("config says where each value came from, and shows no secret", async () => {
    const { out } = await cli.with({ env: { AH_PORT: "7111" } })("config", "--config", box.configFile);
    expect(out).toMatch(/^port\t7111\tAH_PORT$/m);
    expect(out).toMatch(/^limits.maxAgents\t200\tdefault$/m);
    expect(out).toMatch(/^webhook.secret\tset \(\d+ characters\)\tfile$/m);
    expect((await cli("config", "check", box.configFile)).code).toBe(0);
  });
  test("systemd prints a unit on stdout and the steps on stderr", async () => {
    const { out, err } = await cli("systemd", "--user");
    expect(out).toContain("ExecStart=");
    expect(err).toContain("systemctl --user");
  });
});

test.each([[["ps"]], [["projects", "add"]]])("the help page of %p is the same in every way to ask", async (words) => {
  const pages = await Promise.all([cli(...words, "--help"), cli(...words, "-h"), cli("help", ...words)]);
  for (const page of pages) expect(page).toEqual({ code: 0, err: "", out: pages[0]?.out ?? "" });
});

test("no output of any command holds a secret, and none in a pipe holds a control character", () => {
  const all = printed.join("\n");
  for (const secret of [TOKEN, SECRET, "value-of-a-variable", "another-hidden-value"])
    expect(all).not.toContain(secret);
  expect(all.replaceAll(/[\n\t]/g, "")).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
});

/** Routes that are not for people: machines ask them, or the page does. */
const NOT_FOR_PEOPLE =
  /^GET (\/$|\/inspect|\/healthz|\/readyz|\/metrics|\/api\/v1\/(metrics|activity|event-types|openapi\.json|health|fleet\/events)$)|\/frames$|\/messages\/:mid$/;

test("every route that a person would use has a command", async () => {
  const { paths } = JSON.parse((await cli("api", "GET", "/openapi.json")).out) as {
    paths: Record<string, Record<string, unknown>>;
  };
  const own = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`),
  );
  const served = [...own, ...fleetTable.map(({ method, path }) => `${method} ${path}`)];
  const commands = COMMANDS.flatMap((command) => [command, ...(command.subs ?? [])]);
  const named = new Set(commands.flatMap(({ routes = [] }) => routes.map((route) => route.replace(" /", " /api/v1/"))));
  expect(served.filter((route) => !NOT_FOR_PEOPLE.test(route) && !named.has(route))).toEqual([]);
  expect([...named].filter((route) => !served.includes(route) && route !== "GET /api/v1/inspect")).toEqual([]);
});

/** Streams as scripts find them: readers that go away, full disks, closed descriptors, and a daemon that restarts. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { BINARY, FAKES, makeBox } from "../support/binary.ts";
import type { Cli } from "../support/cli.ts";
import { cliOf, script } from "../support/cli.ts";

setDefaultTimeout(90_000);

let box: Box;
let cli: Cli;

beforeAll(async () => {
  box = await makeBox({
    providers: {
      "claude-code": { command: [process.execPath, join(FAKES, "claude.ts")] },
      codex: { enabled: false },
      opencode: { enabled: false },
      pi: { enabled: false },
    },
  });
  await box.start();
  cli = cliOf(box);
  await cli("projects", "add", "shop", box.cwd);
  await cli.with({ stdin: script({ say: "x".repeat(200_000) }) })("run", "--name", "talker", "-");
});
afterAll(() => box.close());

/** Through a shell, for redirections and pipes; `$AH` is the binary. */
async function shell(line: string): Promise<{ code: number; out: string; err: string }> {
  const child = Bun.spawn(["bash", "-c", line], {
    cwd: box.cwd,
    env: { ...box.env, AH: BINARY, AH_URL: box.api().url },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, err };
}

test("a reader that goes away ends a command silently with 141, and touches no agent", async () => {
  for (const command of ["messages --all talker", "events -n 1000 --json", "help"])
    expect(await shell(`$AH ${command} | true; echo \${PIPESTATUS[0]}`)).toEqual({
      code: 0,
      out: expect.stringMatching(command === "help" ? /^(0|141)\n$/ : /^141\n$/),
      err: "",
    });
  let over = false;
  const followed = shell(`$AH events -f -n 1 | head -1 | cut -f4; echo \${PIPESTATUS[0]}`).finally(() => (over = true));
  await eventually("it to notice", async () => (await cli("send", "talker", "more", "--wait"), over));
  expect((await followed).err).toBe("");
  expect((await cli("show", "talker", "--json")).out).toContain('"status":"idle"');
});

test("a full disk is told in one sentence: 1", async () => {
  expect(await shell("$AH messages --all talker > /dev/full")).toEqual({
    code: 1,
    out: "",
    err: "agent-harness: cannot write the output: the disk is full\n",
  });
});

test("closed descriptors hang nothing, and a closed stderr changes nothing on stdout", async () => {
  for (const command of ["ps", "show talker", "logs talker -n 2", "permissions", "projects", "providers"]) {
    const plain = await shell(`$AH ${command}`);
    expect((await shell(`$AH ${command} 2>&-`)).out.replace(/running, .*/, "")).toBe(
      plain.out.replace(/running, .*/, ""),
    );
    expect((await shell(`timeout 20 $AH ${command} <&-`)).code).toBe(plain.code);
  }
});

test("run prints exactly the last message, and nothing when there is none", async () => {
  const exact = "  spaces around  \n\ttabs\nno line end";
  expect(await cli("run", script({ say: exact }))).toMatchObject({ code: 0, out: `${exact}\n` });
  expect(await cli("run", script({ say: "ends with a break\n" }))).toMatchObject({
    code: 0,
    out: "ends with a break\n",
  });
  expect(await cli("run", script({ empty: true }))).toMatchObject({ code: 0, out: "" });
  const long = await cli.with({ stdin: script({ say: "y".repeat(1_000_000) }) })("run", "--name", "long", "-");
  expect(long.out.length).toBe(1_000_001);
  expect(long.out).toBe(`${(await cli("messages", "--last", "shop/long")).out}\n`);
});

test.each([
  ["completed", [{ say: "yes" }], [], 0],
  ["failed", [{ fail: "overloaded", message: "no" }], [], 1],
  ["waiting", [{ ask: "Bash", input: { command: "x" } }], [], 4],
  ["exited", [{ exit: 3 }], [], 6],
  ["late", [{ tool: "Bash", input: {}, gate: "/nonexistent/never" }], ["--timeout", "2s"], 124],
])("a turn that is %s ends run with its code", async (_, steps, flags, code) => {
  const said = await cli("run", ...flags, script(...steps));
  expect({ code: said.code, err: said.err }).toEqual({ code, err: expect.any(String) });
  if (code === 4) expect(said.err).toMatch(/^shop\/\w+ waits: .* agent-harness approve shop\/\w+ p1\n$/);
});

test("--rm forgets the agent afterwards, but not one that waits; --detach -q prints only its name", async () => {
  expect((await cli("run", "--rm", "--name", "gone", "hello")).code).toBe(0);
  expect((await cli("show", "shop/gone")).code).toBe(1);
  await cli("run", "--rm", "--name", "stays", script({ ask: "Bash", input: { command: "x" } }));
  expect((await cli("show", "shop/stays")).code).toBe(0);
  expect(await cli("run", "--detach", "-q", "--name", "nightly", "x")).toEqual({
    code: 0,
    out: "shop/nightly\n",
    err: "",
  });
});

test("--wait-input stays until somebody has answered", async () => {
  const ask = script({ ask: "Bash", input: { command: "x" } }, { say: "done" });
  const child = cli.start(["run", "--wait-input", "--name", "patient", ask]);
  await cli("wait", "--until", "waiting_input", "--timeout", "20s", "shop/patient").then(async (first) => {
    if (first.code === 1) await eventually("it is there", async () => (await cli("show", "shop/patient")).code === 0);
  });
  await eventually("it waits", async () => (await cli("permissions", "shop/patient")).out !== "");
  expect((await cli("approve", "shop/patient", "p1")).code).toBe(0);
  expect(await new Response(child.stdout).text()).toBe("done\n");
  expect(await child.exited).toBe(0);
});

test("the same key makes one agent, and gives the same answer", async () => {
  const twice = [await cli("run", "--key", "k1", "hello"), await cli("run", "--key", "k1", "hello")];
  expect(twice.map(({ code, out }) => ({ code, out }))).toEqual(Array(2).fill({ code: 0, out: "echo: hello\n" }));
});

test("SIGHUP ends run as a detach: the agent works on", async () => {
  const gate = join(box.dir, "hup");
  const child = cli.start(["run", "--name", "hup", script({ tool: "Bash", input: {}, gate }, { say: "after" })]);
  await eventually("it works", async () => (await cli("show", "shop/hup")).out.includes("status\tprocessing"));
  child.kill("SIGHUP");
  await child.exited;
  writeFileSync(gate, "");
  expect((await cli("wait", "shop/hup")).code).toBe(0);
  expect((await cli("messages", "--last", "shop/hup")).out).toBe("after");
});

test("a daemon that is killed in the middle is waited for: run goes on, followers miss and repeat nothing", async () => {
  const gate = join(box.dir, "restart");
  const port = new URL(box.api().url).port;
  const events = follow("events", "-f", "-n", "1", "--json");
  const running = cli.start([
    "run",
    "--name",
    "survivor",
    script({ tool: "Bash", input: {}, gate }, { say: "after all" }),
  ]);
  await eventually("it works", async () => (await cli("show", "shop/survivor")).out.includes("status\tprocessing"));
  const logs = follow("logs", "-f", "shop/survivor");
  const table = follow("ps", "--watch");
  await eventually("the log to be followed", () => logs.text().includes("after all"));
  await eventually("the table to be followed", async () => {
    await cli("send", "--wait", "talker", "once more");
    return table.text().includes("\tshop/talker\tprocessing\tidle\t");
  });
  await box.kill();
  await box.start({ AH_PORT: port });
  writeFileSync(gate, "");
  expect(await new Response(running.stdout).text()).toBe("after all\n");
  expect(await running.exited).toBe(0);
  expect(await new Response(running.stderr).text()).toContain("connection lost, trying again; the agents work on");
  const last = (await cli("events", "-n", "1", "--json")).out;
  await eventually("all of it to be told", () => events.text().endsWith(last), 20_000);
  const told = events.lines().map((line) => JSON.parse(line) as { id: number });
  expect(told.map(({ id }) => id)).toEqual(told.map((_, i) => (told[0]?.id ?? 0) + i));
  const whole = (await cli("logs", "shop/survivor")).out;
  await eventually("the log to be whole", () => logs.text().length >= whole.length, 20_000);
  expect(logs.text()).toBe(whole);
  const changes = (): string[] => table.lines().filter((line) => line.includes("\tshop/survivor\t"));
  await eventually("the table to tell the end", () => changes().at(-1)?.includes("\tidle\t") === true, 20_000);
  expect(changes().map((line) => line.split("\t").slice(2, 4))).toEqual([["processing", "idle"]]);
  for (const each of [events, logs, table]) each.child.kill("SIGINT");
});

/** A command that goes on, and what it has printed so far. */
function follow(...args: readonly string[]) {
  const child = cli.start(args);
  let printed = "";
  void (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) printed += decoder.decode(chunk, { stream: true });
  })();
  return { child, text: () => printed, lines: () => printed.trimEnd().split("\n") };
}

test("wait says the worst of several, the first of any, and 124 when the time is over", async () => {
  const never = join(box.dir, "never");
  await cli("run", "--name", "fine", "x");
  await cli("run", "--name", "bad", script({ fail: "x", message: "y" }));
  await cli("run", "--name", "asks", script({ ask: "Bash", input: { command: "x" } }));
  await cli("run", "--name", "gone", script({ exit: 3 }));
  await cli("run", "--detach", "--name", "cut", script({ tool: "Bash", input: {}, gate: never }));
  await cli("wait", "cut", "--until", "processing");
  expect((await cli("abort", "cut")).code).toBe(0);
  await cli("run", "--detach", "--name", "works", script({ tool: "Bash", input: {}, gate: never }));
  await cli("wait", "works", "--until", "processing");
  const codes = { fine: 0, cut: 5, asks: 4, bad: 1, gone: 6 };
  for (const [name, code] of Object.entries(codes))
    expect([name, (await cli("wait", `shop/${name}`)).code]).toEqual([name, code]);
  // The worst first: it hides what comes behind it.
  const order = ["gone", "bad", "asks", "cut", "fine"] as const;
  for (const [i, worst] of order.entries())
    expect((await cli("wait", "--all", ...order.slice(i).toReversed())).code).toBe(codes[worst]);
  for (const name of order)
    expect([name, (await cli("wait", "--any", name, "works")).code]).toEqual([name, codes[name]]);
  expect(await cli("wait", "--any", "works", "--timeout", "1s")).toMatchObject({ code: 124, out: "" });
  expect((await cli("wait", "--all", "fine", "works", "--timeout", "1s")).code).toBe(124);
  expect((await cli("wait", "asks", "--until", "idle", "--timeout", "1s")).code).toBe(124);
  expect((await cli("wait", "asks", "--until", "waiting_input")).code).toBe(0);
  expect((await cli("wait", "gone", "--until", "exited")).code).toBe(0);
});

test("a config whose secrets only the unit can read stops no command", async () => {
  const config = join(box.dir, "unit.json");
  const { port } = new URL(box.api().url);
  const secret = "$CREDENTIALS_DIRECTORY/token";
  writeFileSync(
    config,
    JSON.stringify({
      port: Number(port),
      auth: { tokenFile: secret },
      webhook: { url: "http://127.0.0.1:1/x", tokenFile: secret },
    }),
  );
  const env = { AH_URL: "", AH_CONFIG: config };
  expect((await cli.with({ env })("status")).code).toBe(0);
});

test("the daemon is found by its socket, too", async () => {
  const socket = join(box.dir, "s.sock");
  const other = await makeBox({ listen: `unix:${socket}` });
  const daemon = other.launch();
  try {
    await eventually("it answers", async () => (await cli("status", "--url", `unix:${socket}`)).code === 0);
    expect((await cli.with({ env: { AH_URL: "", AH_LISTEN: `unix:${socket}` } })("ps")).code).toBe(0);
    expect((await cli("open", "--url", `unix:${socket}`)).err).toContain("where no browser can go");
  } finally {
    daemon.kill();
    await daemon.exited;
  }
});

/**
 * `attach` in a real terminal, with a screen that ends in every way: the conversation is given back, what was said
 * comes with it, the terminal is as before, and what was sent meanwhile goes on.
 * file-timeout: 400 s
 */
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { BINARY, FAKES, makeBox } from "../support/binary.ts";
import type { Cli } from "../support/cli.ts";
import { cliOf, script } from "../support/cli.ts";
import type { Pane } from "../support/tmux.ts";
import { haveTool, openPane } from "../support/tmux.ts";

setDefaultTimeout(90_000);

const AT = "/projects/shop/agents/worker";
let box: Box;
let cli: Cli;
let pane: Pane;
const here = haveTool("tmux");

beforeAll(async () => {
  const at = join(process.env["TMPDIR"] ?? "/tmp", `ah-attach-${process.pid}`);
  writeFileSync(
    at,
    `#!/bin/sh\nfor word; do [ "$word" = -p ] && exec ${process.execPath} ${join(FAKES, "claude.ts")} "$@"; done\nexec ${process.execPath} ${join(FAKES, "screen.ts")} "$@"\n`,
  );
  chmodSync(at, 0o755);
  box = await makeBox({
    providers: {
      "claude-code": { command: at },
      codex: { enabled: false },
      opencode: { enabled: false },
      pi: { enabled: false },
    },
  });
  await box.start();
  cli = cliOf(box);
});
afterAll(() => box.close());

beforeEach(async () => {
  await cli("projects", "add", "shop", box.cwd, "--provider", "claude-code");
  const made = await cli("run", "--project", "shop", "--name", "worker", "one");
  if (made.code !== 0) throw new Error(made.err);
  if (here) pane = openPane({ ...box.env, AH_URL: box.api().url, PATH: process.env["PATH"] ?? "" }, box.cwd);
});
afterEach(async () => {
  if (here) pane.close();
  await cli("resume", "--force", "shop/worker");
  await cli("rm", "--yes", "shop/worker");
});

const state = async (): Promise<string> => {
  const { agent } = await box.api().get(AT);
  return `${agent?.["status"]} ${agent?.["process"]}`;
};
const is = (wanted: string): Promise<unknown> => eventually(`it is ${wanted}`, async () => (await state()) === wanted);
/** In the order in which it was said. */
const texts = async (): Promise<string[]> => {
  const { messages } = await box.api().get(`${AT}/messages?limit=1000`);
  return [...(messages ?? [])]
    .toSorted((a, b) => String(a["createdAt"]).localeCompare(String(b["createdAt"])))
    .map((each) => `${each["role"]}${each["via"] === undefined ? "" : ` ${each["via"]}`}: ${each["text"]}`);
};
const attach = async (): Promise<void> => {
  const modes = (when: string): string => `stty -a > ${box.dir}/${when}`;
  pane.line(`${modes("before")}; ${BINARY} attach shop/worker; echo "code $?"; ${modes("after")}; echo over`);
  await pane.sees("FAKE SCREEN of ");
  await is("idle attached");
};
/** Those of `attach` that run: the executable is this checkout's own. */
const commands = (): number[] =>
  Bun.spawnSync(["pgrep", "-f", `^${BINARY} attach shop/worker`])
    .stdout.toString()
    .split("\n")
    .filter(Boolean)
    .map(Number);
/** In files, because what ends may have cleared the screen. */
const sameModes = (): void => {
  const [before, after] = ["before", "after"].map((when) => readFileSync(join(box.dir, when), "utf8"));
  expect(before).toContain("speed");
  expect(after).toBe(before ?? "");
};

describe.if(here)("in a terminal", () => {
  test("the screen runs, what is said comes back, and what was sent meanwhile goes on", async () => {
    await attach();
    pane.line("say two");
    await pane.sees("screen: two");
    expect((await cli("send", "shop/worker", "three")).err).toBe("sent to shop/worker as input 2 (queued)\n");
    await is("starting attached");
    pane.line("exit 0");
    const screen = await pane.sees(/taken back after \d+ s, 2 messages brought in\s+code 0\s+over/);
    await cli("wait", "shop/worker");
    expect(await texts()).toEqual([
      "user: one",
      "assistant: echo: one",
      "user attach: two",
      "assistant attach: screen: two",
      "user: three",
      "assistant: echo: three",
    ]);
    expect(screen).not.toContain("FAKE SCREEN");
    sameModes();
  });

  test.each([
    ["a code", "exit 3", "the screen ended with code 3"],
    ["a crash", "crash", "the screen ended by SIGKILL"],
    ["a mess of the terminal", "mess", "taken back"],
  ])("it ends with %s: given back, and the terminal is as before", async (_, line, says) => {
    await attach();
    pane.line(line);
    const screen = await pane.sees(/code 0\s+over/);
    expect(screen).toContain(says);
    expect(screen).toContain("taken back after");
    sameModes();
    await is("idle stopped");
  });

  test("Ctrl-C is the screen's, not ours", async () => {
    await attach();
    pane.key("C-c");
    expect(await pane.sees("code 0")).toContain("the screen ended with code 130");
    await is("idle stopped");
  });

  test("a closed terminal gives it back", async () => {
    await attach();
    pane.close();
    await is("idle stopped");
  });

  test("hung up more often than once, as a terminal and its shell both do: given back by the command itself", async () => {
    await attach();
    const [pid = 0] = commands();
    const hangUp = setInterval(() => {
      try {
        process.kill(pid, "SIGHUP");
      } catch {
        clearInterval(hangUp); // it has given back, and is gone
      }
    }, 2);
    try {
      await pane.sees(/taken back after .*code 0\s+over/s);
    } finally {
      clearInterval(hangUp);
    }
    expect(await state()).toBe("idle stopped");
  });

  test.each(["SIGHUP", "SIGINT"] as const)(
    "%s while it is being taken: no screen is opened, and given back",
    async (signal) => {
      const { url } = box.api();
      const taken = Promise.withResolvers<void>();
      const struck = Promise.withResolvers<void>();
      await using between = Bun.serve({
        port: 0,
        hostname: "127.0.0.1",
        async fetch(request) {
          const { pathname, search } = new URL(request.url);
          const answer = await fetch(new URL(pathname + search, url), request);
          if (request.method !== "POST") return answer;
          taken.resolve();
          await struck.promise;
          return answer;
        },
      });
      pane.line(`AH_URL=${between.url.origin} ${BINARY} attach shop/worker; echo "code $?"`);
      await taken.promise;
      for (const pid of commands()) process.kill(pid, signal);
      await pane.sees("no screen is opened");
      struck.resolve();
      expect(await pane.sees("code 130")).not.toContain("FAKE SCREEN");
      expect(await state()).toBe("idle stopped");
    },
  );

  test("a second one is refused, and so is resume, but not with --force, which ends the screen", async () => {
    await attach();
    expect(await cli("api", "POST", `${AT}/attach`)).toMatchObject({
      code: 1,
      out: expect.stringContaining("ATTACHED"),
    });
    expect(await cli("resume", "shop/worker")).toMatchObject({
      code: 1,
      err: expect.stringContaining("a person has the conversation"),
    });
    expect(await cli("stop", "shop/worker")).toMatchObject({ code: 0 });
    expect(await state()).toBe("idle attached");
    expect((await cli("resume", "shop/worker", "--force")).code).toBe(0);
    await is("idle running");
    // Whoever of the two is first after the screen's end gives it back.
    await pane.sees(/was given back already|taken back after/);
  });

  test("kill -9 of the command: it stays attached as long as the screen is open, then it is given back", async () => {
    await attach();
    const screen = await eventually("its screen to be known", async () => {
      const { attached } = await box.api().get(`${AT}/attach`);
      return Number(attached?.["screen"]?.["pid"] ?? 0);
    });
    for (const pid of commands()) process.kill(pid, "SIGKILL");
    await Bun.sleep(1000);
    expect(await state()).toBe("idle attached");
    process.kill(screen, "SIGKILL");
    await eventually("it is given back", async () => (await state()) === "idle stopped", 60_000);
  });

  test("the daemon dies and comes back: still attached, and given back by the command", async () => {
    await attach();
    pane.line("say two");
    await pane.sees("screen: two");
    await box.kill();
    await box.start({ AH_PORT: new URL(box.api().url).port });
    expect(await state()).toBe("idle attached");
    pane.line("exit 0");
    await pane.sees(/2 messages brought in/);
    await is("idle stopped");
  });

  test("a stopped screen stops us, and fg goes on", async () => {
    pane.line(`${BINARY} attach shop/worker`);
    await pane.sees("FAKE SCREEN of ");
    pane.line("stop");
    await pane.sees("Stopped");
    expect(await state()).toBe("idle attached");
    pane.line("fg");
    await Bun.sleep(300);
    pane.line("exit 0");
    await pane.sees("taken back after");
    await is("idle stopped");
  });

  test("a busy one is refused, or its turn is ended first", async () => {
    await cli("send", "shop/worker", script({ tool: "Bash", input: {}, gate: join(box.dir, "never") }));
    await cli("wait", "shop/worker", "--until", "processing");
    pane.line(`${BINARY} attach shop/worker`);
    await pane.sees("shop/worker is processing: wait, or add --abort to end its turn");
    pane.line(`clear; ${BINARY} attach --abort shop/worker`);
    await pane.sees("FAKE SCREEN of ");
    pane.line("exit 0");
    await pane.sees("taken back");
  });

  test("a program that is not there: 1, and given back", async () => {
    pane.line(`PATH=/usr/bin:/bin ${BINARY} attach shop/worker --print`);
    await pane.sees("--resume");
    expect(await state()).toMatch(/^idle (running|parked)$/);
  });
});

test("without a terminal it is refused, and --print changes nothing and shows no value", async () => {
  expect(await cli("attach", "shop/worker")).toMatchObject({
    code: 2,
    err: expect.stringContaining("needs a terminal on both ends"),
  });
  const printed = await cli("attach", "shop/worker", "--print");
  expect(printed.code).toBe(0);
  expect(printed.out).toMatch(
    /^cd \S+ && .* --resume \S+ --permission-mode default --setting-sources user --strict-mcp-config\n$/,
  );
  expect(await state()).toMatch(/^idle running$/);
});

import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type HarnessConfig, loadHarnessConfig, printableConfig } from "../../../src/config/harness.ts";
import { formatProblems } from "../../../src/config/load.ts";
import { NOTICE_EVENTS } from "../../../src/words/notices.ts";

const root = mkdtempSync(join(tmpdir(), "ah-config-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let dir = "";
let count = 0;
beforeEach(() => {
  dir = join(root, String(++count));
  mkdirSync(dir);
});
const write = (path: string, content: unknown): string => {
  const full = join(dir, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, typeof content === "string" ? content : JSON.stringify(content));
  return full;
};
const load = (env: Record<string, string> = {}, path?: string) => {
  const result = loadHarnessConfig({
    env: { HOME: dir, ...env },
    systemDir: join(dir, "etc"),
    ...(path === undefined ? {} : { path }),
  });
  if (!result.ok) throw new Error(formatProblems(result.problems, result.source));
  return result;
};

test("without a file and without variables there are the documented defaults", () => {
  const { value, source } = load();
  expect(source).toBeNull();
  const plain = { args: [], env: {}, passEnv: [], enabled: true };
  expect(value).toEqual({
    addresses: [{ type: "tcp", host: "127.0.0.1", port: 7070 }],
    host: "127.0.0.1",
    port: 7070,
    listenMode: "0600",
    stateDir: `${dir}/.local/state/agent-harness`,
    logLevel: "info",
    allowedHosts: [],
    auth: {},
    webhook: {
      events: [...NOTICE_EVENTS],
      allowedHosts: [],
    },
    providers: {
      "claude-code": { ...plain, kind: "claude-code", command: ["claude"] },
      codex: { ...plain, kind: "codex", command: ["codex"] },
      opencode: { ...plain, kind: "opencode", command: ["opencode"] },
      pi: { ...plain, kind: "pi", command: ["pi"] },
    },
    projects: { roots: [], trustedRoots: [] },
    limits: {
      maxAgents: 200,
      parkIdleMs: 600_000,
      turnTimeoutMs: 0,
      stallWarnMs: 300_000,
      toolStallWarnMs: 1_800_000,
      permissionTimeoutMs: 0,
      limitMaxWaitMs: 86_400_000,
      runOutputBytes: 1_073_741_824,
      snapshotBytes: 1_073_741_824,
      agentMemoryBytes: 0,
      agentTasks: 0,
      agentCpuWeight: 0,
    },
    onLimit: "park",
    retention: { eventsDays: 30, workspacesDays: 30 },
    budget: {},
  });
});

test("the value is frozen to the bottom", () => {
  const { value } = load();
  expect(() => Object.assign(value.limits, { maxAgents: 1 })).toThrow();
  expect(Object.isFrozen(value.providers["codex"]?.args)).toBe(true);
});

const portOf = ({ addresses }: HarnessConfig): number | null =>
  addresses.flatMap((address) => (address.type === "tcp" ? [address.port] : []))[0] ?? null;

describe("which file", () => {
  test("--config, then AH_CONFIG, then XDG, then the system's", () => {
    write("etc/harness.json", { port: 4 });
    expect(portOf(load().value)).toBe(4);
    write(".config/agent-harness/harness.json", { port: 33 });
    expect(portOf(load().value)).toBe(33);
    write("xdg/agent-harness/harness.json", { port: 3 });
    const xdg = { XDG_CONFIG_HOME: join(dir, "xdg") };
    expect(portOf(load(xdg).value)).toBe(3);
    const named = { ...xdg, AH_CONFIG: write("named.json", { port: 2 }) };
    expect(portOf(load(named).value)).toBe(2);
    const { value, source } = load(named, write("flag.json", { port: 1 }));
    expect([portOf(value), source]).toEqual([1, join(dir, "flag.json")]);
  });
  test("never the current folder, and never a relative XDG folder", () => {
    write("agent-harness/harness.json", { port: 1 });
    write("harness.json", { port: 1 });
    const before = process.cwd();
    process.chdir(dir);
    try {
      expect(load({ XDG_CONFIG_HOME: "." }).source).toBeNull();
    } finally {
      process.chdir(before);
    }
  });
  test("a file that was named must be there", () => {
    const none = join(dir, "none.json");
    expect(() => load({}, none)).toThrow(`cannot read ${none} (--config): there is no such file`);
    expect(() => load({ AH_CONFIG: none })).toThrow(`cannot read ${none} (AH_CONFIG): there is no such file`);
    expect(() => load({ AH_CONFIG: "" })).toThrow("AH_CONFIG: got an empty path");
    expect(() => load({}, dir)).toThrow("it is a folder");
  });
  test("a file that is found but cannot be used stops the start, whoever named it", () => {
    const path = write("etc/harness.json", "\xff");
    writeFileSync(path, Uint8Array.of(0x7b, 0xff, 0x7d));
    expect(() => load()).toThrow(`cannot read ${path}: it is not valid UTF-8`);
    writeFileSync(path, " ".repeat(2 ** 20 + 1));
    expect(() => load()).toThrow("expected at most 1048576");
  });
  test("a file that cannot be read stops the start, with the system's reason", () => {
    expect(() => load({ AH_CONFIG: "/proc/self/mem" })).toThrow("cannot read /proc/self/mem (AH_CONFIG): EIO");
  });
});

describe("what wins", () => {
  test("the environment over the file, also where the file has no such section", () => {
    const path = write("c.json", { port: 1, logLevel: "warn", auth: { token: "file" } });
    const env = {
      AH_HOST: "::1",
      AH_PORT: "8080",
      AH_STATE_DIR: "/var/x",
      AH_LOG_LEVEL: "debug",
      AH_AUTH_TOKEN: "env",
      AH_WEBHOOK_URL: "https://h/x",
      AH_WEBHOOK_TOKEN: "hook",
      AH_WEBHOOK_SECRET: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    };
    expect(load(env, path).value).toMatchObject({
      addresses: [{ type: "tcp", host: "::1", port: 8080 }],
      stateDir: "/var/x",
      logLevel: "debug",
      auth: { token: "env" },
      webhook: { url: "https://h/x", token: "hook", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" },
    });
  });
  test("a socket of the environment over host and port", () => {
    const path = write("c.json", { listen: ["unix:/run/other", "127.0.0.1:1"] });
    expect(load({ AH_LISTEN: "unix:/run/ah.sock", AH_PORT: "8080" }, path).value.addresses as unknown).toEqual([
      { type: "unix", path: "/run/ah.sock" },
    ]);
  });
  test("a token in the environment puts the token file aside, also a broken one", () => {
    const path = write("c.json", { auth: { tokenFile: "/nonexistent" } });
    expect(load({ AH_AUTH_TOKEN: "env" }, path).value.auth).toEqual({ token: "env" });
  });
  test("XDG_STATE_HOME over HOME for the state", () => {
    expect(load({ XDG_STATE_HOME: "/var/lib/s" }).value.stateDir).toBe("/var/lib/s/agent-harness");
  });
});

describe("secrets from files", () => {
  test("are read with the newline cut, from a path or from systemd's folder", () => {
    const secret = write("creds/token", "from-file\n");
    expect(load({}, write("a.json", { auth: { tokenFile: secret } })).value.auth.token).toBe("from-file");
    const path = write("b.json", { host: "0.0.0.0", auth: { tokenFile: "$CREDENTIALS_DIRECTORY/token" } });
    expect(load({ CREDENTIALS_DIRECTORY: join(dir, "creds") }, path).value.auth.token).toBe("from-file");
  });
  test("are checked like the value itself, without being shown", () => {
    const path = write("a.json", { webhook: { secretFile: write("s", "hunter2\n") } });
    expect(() => load({}, path)).toThrow('expected a secret "whsec_" + base64 of 24 to 64 bytes');
    expect(() => load({}, path)).not.toThrow("hunter2");
  });
});

describe("providers", () => {
  test("the config changes a built-in one, and adds others", () => {
    const path = write("c.json", {
      providers: {
        codex: { command: ["npx", "codex"], model: "m", permissions: "allow", passEnv: ["FOO_*"] },
        claude2: { kind: "claude-code", env: { A: "b" } },
        sh: { kind: "command", command: "/opt/my tools/run", promptAs: "arg" },
        pi: { enabled: false },
      },
    });
    const { providers } = load({}, path).value;
    expect(Object.keys(providers)).toEqual(["claude-code", "codex", "opencode", "pi", "claude2", "sh"]);
    expect(providers["codex"]).toEqual({
      kind: "codex",
      command: ["npx", "codex"],
      args: [],
      env: {},
      passEnv: ["FOO_*"],
      enabled: true,
      model: "m",
      permissions: "allow",
    });
    expect(providers["claude2"]).toMatchObject({ kind: "claude-code", command: ["claude"], env: { A: "b" } });
    expect(providers["sh"]).toMatchObject({ kind: "command", command: ["/opt/my tools/run"], promptAs: "arg" });
    expect(providers["pi"]).toMatchObject({ command: ["pi"], enabled: false });
  });
});

describe("an open bind", () => {
  test("is allowed with a token, or when a unix socket takes its place", () => {
    const open = { type: "tcp", host: "0.0.0.0", port: 7070 } as const;
    expect(load({ AH_HOST: "0.0.0.0", AH_AUTH_TOKEN: "x" }).value.addresses).toEqual([open]);
    const socket = { type: "unix", path: "/run/x" } as const;
    expect(load({ AH_HOST: "0.0.0.0", AH_LISTEN: "unix:/run/x" }).value.addresses).toEqual([socket]);
  });
});

describe("where to listen", () => {
  test("is a socket, an address, or one of each, in the order of the file", () => {
    const of = (listen: unknown, more: object = {}): unknown => {
      write("etc/harness.json", { listen, ...more });
      return load().value.addresses;
    };
    const [socket, tcp] = [
      { type: "unix", path: "/run/x" },
      { type: "tcp", host: "::1", port: 7171 },
    ];
    expect(of("unix:/run/x")).toEqual([socket]);
    expect(of("localhost:7171")).toEqual([{ ...tcp, host: "localhost" }]);
    expect(of(["unix:/run/x", "[::1]:7171"])).toEqual([socket, tcp]);
    expect(of(["[::1]:7171", "unix:/run/x"])).toEqual([tcp, socket]);
    expect(of("unix:/run/x", { listenMode: "0660", listenGroup: "agents" })).toEqual([{ ...socket, group: "agents" }]);
    expect(of("unix:/run/x", { listenMode: "0600" })).toEqual([socket]);
  });
  test("stands in a variable as a list with commas", () => {
    expect(load({ AH_LISTEN: "unix:/run/x, 127.0.0.1:1" }).value.addresses).toEqual([
      { type: "unix", path: "/run/x" },
      { type: "tcp", host: "127.0.0.1", port: 1 },
    ]);
  });
});

test("the printable form shows no secret and no value of a child's environment", () => {
  const path = write("c.json", {
    auth: { token: "hunter2" },
    webhook: {
      url: "http://127.0.0.1:1/x",
      token: "hunter2",
      secret: `whsec_${Buffer.from("hunter2-hunter2-hunter2-").toString("base64")}`,
    },
    providers: { codex: { env: { PLAIN: "hunter2" } } },
  });
  const printed = JSON.stringify(printableConfig(load({}, path).value));
  expect(printed).not.toContain("hunter2");
  expect(printed).not.toContain("whsec_");
  expect(JSON.parse(printed)).toMatchObject({
    auth: { token: "[redacted]" },
    webhook: { url: "http://127.0.0.1:1/x" },
    providers: { codex: { env: { PLAIN: "[redacted]" } } },
  });
});

test("problems are printed one a line, with the file", () => {
  expect(
    formatProblems(
      [
        { path: "port", message: "bad" },
        { path: "", message: "worse" },
      ],
      "/x.json",
    ),
  ).toBe("2 problems in /x.json:\n  port: bad\n  worse");
});

describe("a fleet", () => {
  const fleet = (value: unknown, env: Record<string, string> = {}) =>
    load(env, write("fleet.json", { fleet: value })).value.fleet;

  test("is none where the config says nothing of it", () => {
    expect(load().value.fleet).toBeUndefined();
  });

  test("is spoken to over TLS with its name checked, unless the address is this machine or says otherwise", () => {
    expect(fleet({ url: "postgres://u@db.example/f" })?.url).toBe("postgres://u@db.example/f?sslmode=verify-full");
    expect(fleet({ url: "postgres://u@db.example/f?sslmode=require" })?.url).toContain("sslmode=require");
    expect(fleet({ url: "postgres://u@127.0.0.1/f" })?.url).toContain("sslmode=disable");
    expect(fleet({ url: "postgres://u@localhost/f?host=/run/postgresql" })?.url).not.toContain("sslmode");
  });

  test("can be had from the environment alone", () => {
    expect(load({ AH_FLEET_URL: "postgres://u@127.0.0.1/f", AH_FLEET_NODE: "b1" }).value.fleet).toMatchObject({
      node: "b1",
      schema: "agent_harness",
      acceptCalls: true,
    });
  });

  test("shows its password to nobody", () => {
    const { value } = load({ AH_FLEET_URL: "postgres://u:hunter2@127.0.0.1/f" });
    expect(JSON.stringify(printableConfig(value))).not.toContain("hunter2");
    const bad = loadHarnessConfig({ env: { HOME: dir, AH_FLEET_URL: "mysql://u:hunter2@db/f" }, systemDir: dir });
    if (bad.ok) throw new Error("it was taken");
    expect(formatProblems(bad.problems, null)).not.toContain("hunter2");
    expect(formatProblems(bad.problems, null)).toContain("AH_FLEET_URL");
  });

  test("takes one key or several, the first of which seals, and shows none", () => {
    const [one, two] = ["1", "2"].map((each) => btoa(each.repeat(32)));
    const url = "postgres://u@127.0.0.1/f";
    const { value } = load({ AH_FLEET_URL: url, AH_FLEET_KEY: `${one},${two}` });
    expect(value.fleet?.keys as unknown).toEqual([one, two]);
    expect(JSON.stringify(printableConfig(value))).not.toContain(String(one));
    const file = join(dir, "fleet.key");
    writeFileSync(file, `${two}\n`);
    expect(fleet({ url, keyFile: file })?.keys as unknown).toEqual([two]);
    for (const bad of ["hunter2", `${one} ${two}`, `${one},`, btoa("short"), Array(6).fill(one).join()])
      expect(() => fleet({ url, key: bad })).toThrow("openssl rand -base64 32");
    expect(() => fleet({ url, key: "hunter2" })).not.toThrow("hunter2");
  });

  test("without an address is a mistake that names the three ways to give one", () => {
    expect(() => fleet({ node: "b1" })).toThrow("fleet.urlFile, or AH_FLEET_URL");
  });
});

/**
 * Everything that `doctor` can find, one at a time: the line that says it, the step that mends it, and the exit code,
 * which is 1 only when something that was configured is broken. No daemon runs unless the row brings one.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkProviders } from "../../src/cli/doctor/providers.ts";
import { checkSystem } from "../../src/cli/doctor/system.ts";
import type { ProviderShape } from "../../src/cli/shapes.ts";
import { VERSION } from "../../src/lib/version.ts";
import { BINARY, FAKES } from "../support/binary.ts";

setDefaultTimeout(60_000);

const TOKEN = "0123456789abcdef0123456789abcdef";
const claude = [process.execPath, join(FAKES, "claude.ts")];
const off = Object.fromEntries(["claude-code", "codex", "opencode", "pi"].map((name) => [name, { enabled: false }]));
/** Nothing in it is to be found fault with. */
const SOUND = { auth: { token: TOKEN }, providers: { ...off, sh: { kind: "command", command: ["cat"] } } };

let root: string;
beforeAll(() => void (root = mkdtempSync(join(tmpdir(), "ah-doctor-"))));
afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Row {
  readonly name: string;
  readonly config?: unknown;
  readonly mode?: number;
  /** What it does in its folder first. */
  readonly arrange?: (dir: string) => void;
  /** Answers like a daemon of the row's own. */
  readonly daemon?: (path: string) => Response | Promise<Response>;
  /** Tab-separated; DIR is the row's folder. */
  readonly says: RegExp;
  readonly code: 0 | 1 | 7;
}

const json = (body: unknown, init?: ResponseInit): Response => Response.json(body, init);
const daemonOf =
  (version: string, headers: Record<string, string> = {}) =>
  (path: string): Response =>
    path.endsWith("/providers")
      ? json({
          providers: [{ name: "sh", available: true, path: "/bin/cat", version: null, login: null, reason: null }],
        })
      : json({ version }, { headers });

const ROWS: readonly Row[] = [
  { name: "nothing to find", config: SOUND, says: /^ok\tconfig\tDIR\/harness\.json\t$/m, code: 0 },
  {
    name: "a config that is no JSON",
    config: "{no",
    says: /^FAIL\tconfig\t.*line 1.*\tedit DIR\/harness\.json$/m,
    code: 1,
  },
  { name: "a key that nobody knows", config: { prot: 1 }, says: /^FAIL\tconfig\tprot: .*port.*\tedit DIR/m, code: 1 },
  {
    name: "a secret that only the unit can read",
    config: { auth: { tokenFile: "$CREDENTIALS_DIRECTORY/token" } },
    says: /^warn\tconfig\t.*CREDENTIALS_DIRECTORY.*\tnothing: the daemon's unit can read it$/m,
    code: 0,
  },
  {
    name: "a config that others may write",
    config: SOUND,
    mode: 0o620,
    says: /^FAIL\tconfig\tDIR\/harness\.json can be written by others \(620\)\tchmod go-w DIR\/harness\.json$/m,
    code: 1,
  },
  {
    name: "a token that others may read",
    config: SOUND,
    mode: 0o644,
    says: /^warn\tconfig\tDIR\/harness\.json can be read by others \(644\)\tchmod 600 DIR\/harness\.json, or use tokenFile$/m,
    code: 0,
  },
  { name: "a strong token", config: SOUND, says: /^ok\ttoken\tset \(32 characters\)\t$/m, code: 0 },
  {
    name: "no token",
    config: { ...SOUND, auth: {} },
    says: /^warn\ttoken\tnone: every local user has control\tset auth\.tokenFile, or listen on a unix socket$/m,
    code: 0,
  },
  {
    name: "a socket instead of a token",
    config: { ...SOUND, auth: {}, listen: "unix:/nonexistent/sock" },
    says: /^ok\ttoken\tnone needed: the socket's mode guards it\t$/m,
    code: 0,
  },
  {
    name: "a short token",
    config: { ...SOUND, auth: { token: "a-short-token-16" } },
    says: /^warn\ttoken\tshort \(16 characters\)\topenssl rand -hex 32/m,
    code: 0,
  },
  {
    name: "a state folder that is not there yet",
    config: SOUND,
    says: /^ok\tstate\tDIR\/state \(will be made\)\t$/m,
    code: 0,
  },
  {
    name: "a state folder that cannot be made",
    config: { ...SOUND, stateDir: "/proc/version/state" },
    says: /^FAIL\tstate\t\/proc\/version\/state cannot be made in \/proc\/version\tmkdir -p/m,
    code: 1,
  },
  {
    name: "a state folder that others may look into",
    config: SOUND,
    arrange: (dir) => mkdirSync(join(dir, "state"), { mode: 0o755 }),
    says: /^warn\tstate\tDIR\/state is open to others \(755\)\tchmod 700 DIR\/state$/m,
    code: 0,
  },
  {
    name: "a state folder as it should be, and room for it",
    config: SOUND,
    arrange: (dir) => mkdirSync(join(dir, "state"), { mode: 0o700 }),
    says: /^ok\tstate\tDIR\/state\t\n(ok|FAIL)\tdisk\t\S+ \w+ free/m,
    code: 0,
  },
  { name: "no daemon", config: SOUND, says: /^warn\tdaemon\tnone answers at http:\S+\tagent-harness serve$/m, code: 0 },
  {
    name: "a daemon of our version",
    config: SOUND,
    daemon: daemonOf(VERSION),
    says: new RegExp(`^ok\tdaemon\t${VERSION}\t$`, "m"),
    code: 0,
  },
  {
    name: "a daemon of another version",
    config: SOUND,
    daemon: daemonOf("9.9.9"),
    says: /^warn\tdaemon\t9\.9\.9, but this is \S+\trestart the daemon, or install the same version here$/m,
    code: 0,
  },
  {
    name: "a clock that is off",
    config: SOUND,
    daemon: daemonOf(VERSION, { date: new Date(Date.now() - 3_600_000).toUTCString() }),
    says: /^warn\tclock\t(1 h|59 min) apart from the daemon's\tset the clocks/m,
    code: 0,
  },
  {
    name: "a clock that agrees",
    config: SOUND,
    daemon: daemonOf(VERSION),
    says: /^ok\tclock\tagrees with the daemon's\t$/m,
    code: 0,
  },
  {
    name: "a daemon that answers wrongly",
    config: SOUND,
    daemon: () => json({ error: "INTERNAL", message: "something broke" }, { status: 500 }),
    says: /^FAIL\tdaemon\tsomething broke\tlook at its log$/m,
    code: 1,
  },
  {
    name: "a program that was configured and is not there",
    config: { ...SOUND, providers: { ...SOUND.providers, pi: { command: "no-such-program" } } },
    says: /^FAIL\tpi\tthe program "no-such-program" is not in PATH\tinstall it, or set providers\.pi\.command$/m,
    code: 1,
  },
  {
    name: "a program that is too old",
    config: {
      ...SOUND,
      providers: { ...off, "claude-code": { command: claude, env: { FAKE_CLAUDE_VERSION: "2.1.197" } } },
    },
    says: /^FAIL\tclaude-code\t.*2\.1\.268 or newer is needed/m,
    code: 1,
  },
  { name: "a program that was switched off", config: SOUND, says: /^ok\tcodex\tswitched off\t$/m, code: 0 },
  {
    name: "no program at all",
    config: { ...SOUND, providers: off },
    says: /^FAIL\tproviders\tnone can be used\tinstall one:/m,
    code: 1,
  },
  { name: "no webhook", config: SOUND, says: /^ok\twebhook\tnone configured\t$/m, code: 0 },
  {
    name: "a webhook to which nobody listens",
    config: { ...SOUND, webhook: { url: "http://127.0.0.1:9/hook" } },
    says: /^FAIL\twebhook\t127\.0\.0\.1:9: .*\tstart what listens there, or mend webhook\.url$/m,
    code: 1,
  },
  {
    name: "a webhook to a name that does not exist",
    config: { ...SOUND, webhook: { url: "http://nowhere.invalid/hook" } },
    says: /^FAIL\twebhook\tnowhere\.invalid: .*\tstart what listens there/m,
    code: 1,
  },
];

async function doctor(row: Row): Promise<{ readonly out: string; readonly err: string; readonly code: number }> {
  const dir = mkdtempSync(join(root, "row-"));
  const server = row.daemon === undefined ? null : serve(row.daemon);
  try {
    const port = server?.port ?? 1;
    const config = typeof row.config === "object" ? { stateDir: join(dir, "state"), port, ...row.config } : row.config;
    const file = join(dir, "harness.json");
    writeFileSync(file, typeof config === "string" ? config : JSON.stringify(config));
    chmodSync(file, row.mode ?? 0o600);
    row.arrange?.(dir);
    const before = existsSync(join(dir, "state"));
    const child = Bun.spawn([BINARY, "doctor", "--config", file], {
      env: { PATH: process.env["PATH"] ?? "", HOME: dir },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    const code = await child.exited;
    expect(existsSync(join(dir, "state"))).toBe(before); // it looks, and changes nothing
    expect(out + err).not.toContain(TOKEN);
    return { out: out.replaceAll(dir, "DIR"), err, code };
  } finally {
    await server?.stop(true);
  }
}

const serve = (answer: NonNullable<Row["daemon"]>) =>
  Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => answer(new URL(request.url).pathname) });

describe("doctor", () => {
  test.each(ROWS)("$name", async (row) => {
    const { out, code } = await doctor(row);
    expect(out).toMatch(row.says);
    // As long as the machine itself has nothing that fails.
    expect({ code, failed: out.split("\n").filter((line) => line.startsWith("FAIL")).length > 0 }).toEqual({
      code: row.code,
      failed: row.code === 1,
    });
  });

  test("without the right token nothing more can be seen: 7", async () => {
    const refused = () => json({ error: "UNAUTHORIZED", message: "the token is wrong" }, { status: 401 });
    const { code, err } = await doctor({ name: "", config: SOUND, daemon: refused, says: /./, code: 7 });
    expect({ code, err }).toEqual({ code: 7, err: expect.stringContaining("token") });
  });
});

const unit = (facts: string) => (argv: readonly string[]) =>
  argv.includes("--user") ? "LoadState=not-found\n" : `LoadState=loaded\n${facts}`;

test.each([
  ["none", () => null, "ok none of ours is loaded"],
  ["one as ours is", unit("KillMode=process\nDelegate=yes\n"), "ok KillMode=process, Delegate=yes"],
  [
    "one that takes the agents with it",
    unit("KillMode=control-group\nDelegate=yes\n"),
    "warn KillMode=control-group: a restart of the daemon ends the agents",
  ],
  [
    "one without control groups",
    unit("KillMode=process\nDelegate=no\n"),
    "warn no Delegate=yes: agents get no control groups of their own",
  ],
])("the service's unit: %s", (_, run, says) => {
  const found = checkSystem(run).find(({ name }) => name === "unit");
  expect(`${found?.level} ${found?.text}`).toBe(says);
});

test.each([
  ["none", null, "warn none: agents get no folders of their own"],
  ["an old one", "git version 2.37.9\n", "warn 2.37.9: agents' work cannot be merged by merge"],
  ["the first that can merge", "git version 2.38.0\n", "ok 2.38.0"],
  ["a newer one with more words", "git version 3.1.2.windows.1\n", "ok 3.1.2.windows.1"],
])("the box's git: %s", (_, said, says) => {
  const found = checkSystem((argv) => (argv[0] === "git" ? said : null)).find(({ name }) => name === "git");
  expect(`${found?.level} ${found?.text}`).toBe(says);
});

const report = (more: Partial<ProviderShape>): ProviderShape =>
  ({
    name: "pi",
    available: true,
    path: "/usr/bin/pi",
    version: "1.2.3",
    login: null,
    reason: null,
    ...more,
  }) as ProviderShape;

test.each<[string, Partial<ProviderShape>, boolean, string]>([
  ["usable", {}, true, "ok 1.2.3 /usr/bin/pi"],
  [
    "not logged in, and configured",
    { login: { loggedIn: false, detail: "no login: run pi" } as never },
    true,
    "FAIL 1.2.3 /usr/bin/pi: no login → run pi",
  ],
  [
    "not logged in, and nobody asked for it",
    { login: { loggedIn: false, detail: "no login: run pi" } as never },
    false,
    "warn 1.2.3 /usr/bin/pi: no login → run pi",
  ],
  [
    "not there, and nobody asked for it",
    { available: false, path: null, reason: "not in PATH: install it" },
    false,
    "warn not in PATH → install it",
  ],
  [
    "there and broken",
    { available: false, reason: "it ended with code 3: mend it" },
    false,
    "FAIL it ended with code 3 → mend it",
  ],
])("a program that is %s", (_, more, configured, says) => {
  const [found] = checkProviders([report(more)], new Set(configured ? ["pi"] : []));
  expect(`${found?.level} ${found?.text}${found?.mend === undefined ? "" : ` → ${found.mend}`}`).toBe(says);
});

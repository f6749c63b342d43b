/**
 * What holds for the lines of every provider, because it is done where all codecs are sealed.
 * Looked at: every reader of a child's stdout (the actor, the look of `doctor` and `GET /providers`, the bridge's
 * reading of `opencode serve`), and every fact of every codec. Found: the address that `opencode serve` prints was
 * taken with the colour code behind it (see bridge/server.ts); ids went into states that no fact shows (Codex's turns
 * and items), so ids are also measured where they are read.
 */
import { describe, expect, test } from "bun:test";
import type { AnyCodec, LaunchContext, ProviderFact } from "../../../src/providers/contract.ts";
import { frameBehind } from "../../../src/providers/line.ts";
import { codecOf, PROVIDER_KINDS } from "./record.ts";

const launch: LaunchContext = {
  command: ["x"],
  args: [],
  agentId: "a3f2b1c0",
  agentUuid: "00000000-0000-4000-8000-000000000000",
  session: null,
  cwd: "/p",
  agentDir: "/a",
  model: null,
  permissions: "ask",
  systemPrompt: null,
  trusted: false,
  env: {},
  isRoot: false,
  self: [],
};

/** A frame that every codec of the kind knows, and what it makes of it at the start. */
const FRAMES: Readonly<Record<string, string>> = {
  "claude-code": '{"type":"control_response","response":{"subtype":"error","request_id":"ah-1","error":"no"}}',
  codex: '{"id":1,"error":{"code":1,"message":"no"}}',
  opencode: '{"t":"start_failed","code":"X","message":"no"}',
  pi: '{"type":"response","id":"handshake-get_state","command":"get_state","success":false,"error":"no"}',
  acp: '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no"}}',
};
const LINES = Object.keys(FRAMES);

function begun(codec: AnyCodec): unknown {
  return codec.start({ launch, nowMs: 0, unconfirmed: [], grants: [] }).state;
}

function parsed(raw: string): unknown {
  try {
    return JSON.parse(raw) as unknown;
  } catch {
    return undefined;
  }
}

/** The facts of these lines, read one after the other by a fresh codec. */
function facts(kind: string, ...lines: readonly string[]): readonly ProviderFact[] {
  const codec = codecOf(PROVIDER_KINDS.find((each) => each === kind) ?? "acp");
  let state = begun(codec);
  return lines.flatMap((raw) => {
    const step = codec.frame(JSON.parse(JSON.stringify(state)), { raw, json: parsed(raw) }, 0);
    state = step.state;
    return [...step.facts];
  });
}

const types = (all: readonly ProviderFact[]): readonly string[] => all.map(({ type }) => type);
const codes = (all: readonly ProviderFact[]): readonly string[] =>
  all.flatMap((fact) => (fact.type === "note" ? [fact.code] : []));

describe.each(LINES)("bytes before a frame of %s", (kind) => {
  const frame = FRAMES[kind] ?? "";

  test.each([
    ["a window title", "\u001b]0;vim\u0007"],
    ["a title that ends with ST", "\u001b]2;a title\u001b\\"],
    ["colours", "\u001b[0m\u001b[1;32m"],
    ["a progress bar that a carriage return takes back", "50% [=====>    ]\r"],
    ["several of them, and a colour", "10%\r50%\r100%\r\u001b[K\u001b[0m"],
    ["a bell and a byte order mark", "\u0007\ufeff"],
    ["a line with a brace that was taken back", "{spinner}\r"],
  ])("%s is passed over and told once", (_what, bytes) => {
    const all = facts(kind, bytes + frame, bytes + frame);
    expect(types(all)).toContain("start_failed");
    expect(codes(all).filter((code) => code === "foreign_bytes")).toEqual(["foreign_bytes"]);
  });

  test.each([
    ["words", "log: "],
    ["words behind an escape sequence", "\u001b[0mlog: "],
    ["a quoted frame", '"'],
    ["more than 4 KiB", `${"x".repeat(5000)}\r`],
    ["another JSON value", "{} "],
  ])("%s is not passed over: the line is no frame", (_what, bytes) => {
    const all = facts(kind, bytes + frame);
    expect(types(all)).not.toContain("start_failed");
    expect(types(all)).toContain("foreign_output");
  });

  test("something behind the frame makes it none", () => {
    expect(types(facts(kind, `\u0007${frame} done`))).not.toContain("start_failed");
  });

  test("JSON that is no frame of the protocol is none behind foreign bytes either", () => {
    expect(types(facts(kind, '\u0007{"level":"info","msg":"hi"}'))).not.toContain("start_failed");
  });

  test("the first line that is no frame is told, once, and cut", () => {
    const all = facts(kind, "Please log in", "x".repeat(2_000_000), frame);
    expect(all.filter(({ type }) => type === "foreign_output")).toEqual([
      { type: "foreign_output", line: "Please log in" },
    ]);
    expect(types(all)).toContain("start_failed");
  });
});

test("a plain command's output is never searched for frames", () => {
  expect(types(facts("command", "\u0007{}", "words"))).toEqual(["delta", "delta"]);
});

test("a hostile line of 8 MB costs no more than a few parses", () => {
  const line = `\u001b]0;x\u0007{"a":"${'{\\"'.repeat(2_700_000)}`;
  const before = performance.now();
  expect(frameBehind(line, () => true)).toBeNull();
  expect(performance.now() - before).toBeLessThan(2000);
});

const MB = "m".repeat(1_000_000);

/** A frame of each kind with a member of a megabyte, after its handshake was refused or not begun. */
const HUGE: Readonly<Record<string, string>> = {
  "claude-code": `{"type":"control_response","response":{"subtype":"error","request_id":"ah-1","error":"${MB}"}}`,
  codex: `{"id":1,"error":{"code":1,"message":"${MB}"}}`,
  opencode: `{"t":"start_failed","code":"${MB}","message":"${MB}"}`,
  pi: `{"type":"response","id":"handshake-get_state","command":"get_state","success":false,"error":"${MB}"}`,
  acp: `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"${MB}"}}`,
};

describe.each(LINES)("what %s says", (kind) => {
  test("a reason of a megabyte is cut where it enters", () => {
    const all = facts(kind, HUGE[kind] ?? "");
    expect(types(all)).toContain("start_failed");
    expect(JSON.stringify(all).length).toBeLessThan(10_000);
  });

  test("a kind of frame with a name of a megabyte, too", () => {
    const names: Readonly<Record<string, string>> = {
      "claude-code": `{"type":"control_request","request_id":"r","request":{"subtype":"${MB}"}}`,
      codex: `{"method":"${MB}"}`,
      opencode: `{"t":"${MB}"}`,
      pi: `{"type":"${MB}"}`,
      acp: `{"jsonrpc":"2.0","method":"${MB}"}`,
    };
    expect(JSON.stringify(facts(kind, names[kind] ?? "")).length).toBeLessThan(10_000);
  });
});

const OVERSIZED: readonly (readonly [string, readonly string[]])[] = [
  ["codex", [`{"id":1,"result":{}}`, `{"id":2,"result":{"thread":{"id":"${MB}"}}}`]],
  ["opencode", [`{"t":"ready","version":"1","session":"${MB}"}`]],
  ["opencode", [`{"t":"asked","ask":{"id":"${MB}","permission":"bash"}}`]],
  ["opencode", [`{"t":"part","message":"${MB}","role":"assistant","part":{"type":"text","text":"hi"}}`]],
  ["codex", [`{"method":"turn/started","params":{"threadId":"t","turn":{"id":"${MB}"}}}`]],
  ["codex", [`{"id":"${MB}","method":"item/commandExecution/requestApproval","params":{"command":"ls"}}`]],
  ["pi", [`{"type":"extension_ui_request","id":"${MB}","method":"confirm","title":"?"}`]],
  ["pi", [`{"type":"tool_execution_start","toolCallId":"${MB}"}`]],
  ["acp", [`{"jsonrpc":"2.0","id":"${MB}","method":"session/request_permission","params":{"options":[]}}`]],
];

test.each(OVERSIZED)(
  "%s: a frame with an id of a megabyte is passed over, told once, and changes nothing",
  (kind, lines) => {
    const codec = codecOf(PROVIDER_KINDS.find((each) => each === kind) ?? "acp");
    let state = begun(codec);
    for (const raw of lines.slice(0, -1)) state = codec.frame(state, { raw, json: parsed(raw) }, 0).state;
    const raw = lines.at(-1) ?? "";
    const first = codec.frame(state, { raw, json: parsed(raw) }, 0);
    expect(codes(first.facts)).toEqual(["frame_refused"]);
    expect(first.lines).toEqual([]);
    expect(JSON.stringify(first).length).toBeLessThan(10_000);
    const inner = (value: unknown): unknown => (value as { state: unknown }).state;
    expect(inner(first.state)).toEqual(inner(state));
    expect(codec.frame(first.state, { raw, json: parsed(raw) }, 0).facts).toEqual([]);
  },
);

test("an id of 512 bytes is one", () => {
  const id = "i".repeat(512);
  expect(types(facts("opencode", `{"t":"ready","version":"1","session":"${id}"}`))).toEqual(["session", "ready"]);
});

test("how many processes an idle program is, is told of each program through the seal", () => {
  const own = (kind: (typeof PROVIDER_KINDS)[number], state?: unknown) => {
    const codec = codecOf(kind);
    return codec.ownProcesses?.(state ?? begun(codec));
  };
  expect(PROVIDER_KINDS.map((kind) => [kind, own(kind)])).toEqual([
    ["claude-code", 1],
    ["codex", 2],
    ["opencode", 3],
    ["pi", 1],
    ["acp", 1],
    ["command", 1],
  ]);
  const acp = codecOf("acp");
  const agentInfo = { name: "@agentclientprotocol/codex-acp", version: "2.6.0" };
  const json = { jsonrpc: "2.0", id: 1, result: { protocolVersion: 1, agentCapabilities: {}, agentInfo } };
  expect(own("acp", acp.frame(begun(acp), { raw: "", json }, 0).state)).toBe(2);
  expect(own("codex", { not: "its own" })).toBe(1);
});

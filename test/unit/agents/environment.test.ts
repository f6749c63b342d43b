import { describe, expect, test } from "bun:test";
import type { EnvironmentSources } from "../../../src/agents/environment.ts";
import { childEnvironment } from "../../../src/agents/environment.ts";
import { claudeCodec } from "../../../src/providers/claude-code/codec.ts";

const OURS = { AH_AGENT_ID: "a3f2b1c0", AH_PROJECT: "demo", AH_RUN: "3" };

function child(sources: Partial<EnvironmentSources>): Record<string, string> {
  return childEnvironment({
    inherited: {},
    traits: { passEnv: [], stripEnv: [] },
    passEnv: [],
    configured: {},
    requested: {},
    ours: {},
    ...sources,
  });
}

describe("what of the daemon's environment a child gets", () => {
  test.each([
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TERM",
    "USER",
    "LOGNAME",
    "SHELL",
    "TMPDIR",
    "TZ",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "SSH_AUTH_SOCK",
    "HTTP_PROXY",
    "https_proxy",
    "NO_PROXY",
    "ALL_PROXY",
    "SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
  ])("%s is handed through", (name) => {
    expect(child({ inherited: { [name]: "v" } })).toEqual({ [name]: "v" });
  });

  test.each([
    "AH_AUTH_TOKEN",
    "AH_WEBHOOK_SECRET",
    "AH_CONFIG",
    "NOTIFY_SOCKET",
    "CREDENTIALS_DIRECTORY",
    "LISTEN_FDS",
    "INVOCATION_ID",
    "DISCORD_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "ANTHROPIC_API_KEY",
    "LD_PRELOAD",
    "NODE_OPTIONS",
    "BUN_OPTIONS",
    "GIT_DIR",
    "PATHOLOGY",
    "LC",
    "XDG",
    "HOMEPAGE",
  ])("%s is not, because nobody asked for it", (name) => {
    expect(child({ inherited: { [name]: "v" } })).toEqual({});
  });

  test("a variable that is not set is not handed through as the text undefined", () => {
    expect(Object.entries(child({ inherited: { HOME: undefined, TZ: "" } }))).toEqual([["TZ", ""]]);
  });

  test("the provider's own variables, by name and by prefix", () => {
    const inherited = {
      ANTHROPIC_API_KEY: "k",
      ANTHROPIC_BASE_URL: "u",
      OPENAI_API_KEY: "o",
      CLAUDE_CONFIG_DIR: "c",
      CLAUDE_CONFIG_DIRECTORY: "x",
    };
    expect(child({ inherited, traits: { passEnv: ["ANTHROPIC_*", "CLAUDE_CONFIG_DIR"], stripEnv: [] } })).toEqual({
      ANTHROPIC_API_KEY: "k",
      ANTHROPIC_BASE_URL: "u",
      CLAUDE_CONFIG_DIR: "c",
    });
  });

  test("what the config names in passEnv", () => {
    const inherited = { MY_TOKEN: "t", CORP_A: "a", CORP_B: "b", OTHER: "o" };
    expect(child({ inherited, passEnv: ["MY_TOKEN", "CORP_*"] })).toEqual({ MY_TOKEN: "t", CORP_A: "a", CORP_B: "b" });
  });

  test("none of ours, even if the config names it", () => {
    const inherited = { AH_AUTH_TOKEN: "secret", AH_WEBHOOK_TOKEN: "secret", HOME: "/h" };
    expect(child({ inherited, passEnv: ["AH_AUTH_TOKEN", "AH_*", "*"] })).toEqual({ HOME: "/h" });
  });
});

describe("marks of an outer session of the same program", () => {
  const { traits } = claudeCodec;

  test.each(["CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_SSE_PORT", "CLAUDE_CODE_SESSION_ID", "AI_AGENT"])(
    "%s is stripped",
    (name) => {
      expect(child({ inherited: { [name]: "1", HOME: "/h" }, traits })).toEqual({ HOME: "/h" });
    },
  );

  test("a mark that an allowed prefix would let through is stripped all the same", () => {
    const marked = { passEnv: ["CLAUDE_CODE_*"], stripEnv: ["CLAUDE_CODE_CHILD_*"] };
    expect(child({ inherited: { CLAUDE_CODE_CHILD_ID: "1", CLAUDE_CODE_MAX_RETRIES: "2" }, traits: marked })).toEqual({
      CLAUDE_CODE_MAX_RETRIES: "2",
    });
  });

  test("keys of the program are none of them", () => {
    const inherited = { ANTHROPIC_API_KEY: "k", CLAUDE_CODE_OAUTH_TOKEN: "t", CLAUDE_CONFIG_DIR: "/c" };
    expect(child({ inherited, traits })).toEqual(inherited);
  });

  test("the config may name one on purpose, and the request may set one", () => {
    expect(child({ inherited: { CLAUDECODE: "1" }, traits, passEnv: ["CLAUDECODE"] })).toEqual({ CLAUDECODE: "1" });
    expect(child({ inherited: { CLAUDECODE: "1" }, traits, requested: { CLAUDECODE: "2" } })).toEqual({
      CLAUDECODE: "2",
    });
  });
});

describe("who wins", () => {
  test("inherited, then the config, then the request, then ours", () => {
    const inherited = { A: "inherited", B: "inherited", C: "inherited", AH_RUN: "inherited" };
    const all = child({
      inherited,
      passEnv: ["A", "B", "C"],
      configured: { B: "config", C: "config", AH_RUN: "config" },
      requested: { C: "request", AH_RUN: "request" },
      ours: OURS,
    });
    expect(all).toEqual({ A: "inherited", B: "config", C: "request", ...OURS });
  });
});

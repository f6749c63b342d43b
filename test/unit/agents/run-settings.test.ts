import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initialState } from "../../../src/store/agent-state.ts";
import { findProgram, isTrusted, isUnder, runSettingsOf } from "../../../src/agents/run-settings.ts";
import { missingProvider, providerTable } from "../../../src/providers/index.ts";
import { LaunchRefused } from "../../../src/providers/contract.ts";
import type { Agent, AgentSettings } from "../../../src/store/agents.ts";
import type { Store } from "../../../src/store/database.ts";
import { openStore } from "../../../src/store/database.ts";
import type { Project } from "../../../src/store/projects.ts";
import { insertProject } from "../../../src/store/projects.ts";
import type { ProviderSettings } from "../../../src/words/kinds.ts";

let dir = "";
let store: Store;

beforeAll(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), "ah-run-settings-")));
  for (const name of ["trusted/repo", "trusted-not/repo", "elsewhere", "bin"])
    mkdirSync(join(dir, name), { recursive: true });
  symlinkSync(join(dir, "trusted"), join(dir, "link-to-trusted"));
  symlinkSync(join(dir, "elsewhere"), join(dir, "trusted", "link-out"));
  writeFileSync(join(dir, "bin", "tool"), "#!/bin/sh\n");
  chmodSync(join(dir, "bin", "tool"), 0o755);
  writeFileSync(join(dir, "bin", "not-executable"), "");
  store = openStore(join(dir, "harness.db"));
});

afterAll(() => {
  store.close();
  rmSync(dir, { recursive: true });
});

describe("a path under a root, both after symlinks", () => {
  test.each([
    ["the root itself", "trusted", "trusted", true],
    ["a folder in it", "trusted/repo", "trusted", true],
    ["a folder whose name only begins like it", "trusted-not/repo", "trusted", false],
    ["the folder above it", "", "trusted", false],
    ["a root given with a slash at its end", "trusted/repo", "trusted/", true],
    ["a root that is a link", "trusted/repo", "link-to-trusted", true],
    ["a path through a link", "link-to-trusted/repo", "trusted", true],
    ["a link that leads out of it", "trusted/link-out", "trusted", false],
    ["a root that is not there", "trusted/repo", "nowhere", false],
    ["a path that is not there", "trusted/nothing", "trusted", false],
    ["a path that climbs out", "trusted/../elsewhere", "trusted", false],
  ])("%s", (_what, path, root, under) => {
    expect(isUnder(join(dir, path), `${dir}/${root}`)).toBe(under);
  });

  test("everything lies under /", () => {
    expect(isUnder(dir, "/")).toBe(true);
  });
});

describe("trust", () => {
  const at = (path: string, trusted: boolean | null = null) => ({ cwd: join(dir, path), trusted });
  const trusts = (project: { cwd: string; trusted: boolean | null }, ...roots: readonly string[]) =>
    isTrusted(
      project,
      roots.map((root) => join(dir, root)),
    );

  test("nothing is trusted by default", () => expect(trusts(at("trusted/repo"))).toBe(false));
  test("a project under a trusted root is", () =>
    expect(trusts(at("trusted/repo"), "elsewhere", "trusted")).toBe(true));
  test("unless it says otherwise", () => expect(trusts(at("trusted/repo", false), "trusted")).toBe(false));
  test("a project that a person trusts is, wherever it lies", () =>
    expect(trusts(at("elsewhere", true), "trusted")).toBe(true));
  test("a project elsewhere is not", () => expect(trusts(at("elsewhere"), "trusted")).toBe(false));
});

describe("a program", () => {
  const find = (program: string) => findProgram(program, join(dir, "bin"), join(dir, "bin"));

  test("a bare name is looked for in PATH", () => expect(find("tool")).toBe(join(dir, "bin", "tool")));
  test("a path is taken as it is", () => expect(find(join(dir, "bin", "tool"))).toBe(join(dir, "bin", "tool")));
  test("what is not executable is not found", () => expect(find("not-executable")).toBeNull());
  test("what is not there is not found", () => expect(find("nothing")).toBeNull());
  test("without PATH nothing is found", () => expect(findProgram("sh", undefined, "/")).toBeNull());
});

const some: ProviderSettings = { kind: "claude-code", command: ["x"], args: [], env: {}, passEnv: [], enabled: true };
const claude = (await providerTable({ "claude-code": some }).get("claude-code")?.load()) ?? expect.unreachable();

describe("request, project, config: the nearest wins", () => {
  let number = 0;

  const settingsFor = (given: {
    agent?: Partial<AgentSettings>;
    project?: Partial<Project>;
    provider?: Partial<ProviderSettings>;
    name?: string;
  }) => {
    number += 1;
    const project: Project = {
      name: `p${number}`,
      cwd: join(dir, "elsewhere"),
      trusted: null,
      webhook: null,
      defaults: {},
      budgetPerDay: null,
      createdAt: 1,
      ...given.project,
    };
    insertProject(store, project);
    const settings: ProviderSettings = {
      kind: "claude-code",
      command: [join(dir, "bin", "tool"), "first"],
      args: ["--flag"],
      env: {},
      passEnv: [],
      enabled: true,
      ...given.provider,
    };
    const agent: Agent = {
      id: "a3f2b1c0",
      project: project.name,
      name: null,
      provider: given.name ?? "claude-code",
      uuid: "u",
      state: { ...initialState(1), session: "s1" },
      settings: {
        model: null,
        permissions: null,
        systemPrompt: null,
        env: {},
        webhook: null,
        metadata: {},
        ...given.agent,
      },
      createdAt: 1,
      updatedAt: 1,
    };
    const sources = {
      store,
      onLimit: "park" as const,
      limits: { agentMemoryBytes: 0, agentTasks: 0, agentCpuWeight: 0 },
      budget: { turns: 9, costUsd: 5 },
      trustedRoots: [join(dir, "trusted")],
      inheritedEnv: { PATH: join(dir, "bin"), AH_AUTH_TOKEN: "secret" },
      isRoot: false,
      self: ["/self"],
    };
    const provider = given.name === undefined ? { ...claude, settings } : missingProvider(given.name);
    return runSettingsOf(sources, provider, agent, join(dir, "agent"));
  };

  test("each limit of a budget is the nearest word about it, and 0 lifts it", () => {
    expect(settingsFor({}).budget).toEqual({ turns: 9, costUsd: 5 });
    const defaults = { budget: { costUsd: 2, tokens: 1000 } };
    expect(settingsFor({ project: { defaults } }).budget).toEqual({ turns: 9, costUsd: 2, tokens: 1000 });
    expect(settingsFor({ project: { defaults }, agent: { budget: { costUsd: 0 } } }).budget).toEqual({
      turns: 9,
      costUsd: 0,
      tokens: 1000,
    });
  });

  test("nothing said: ask, no model, no system prompt, not trusted, nothing of ours in the environment", () => {
    const { permissions, launch } = settingsFor({});
    expect(permissions).toBe("ask");
    const context = launch(3);
    expect(context).toMatchObject({
      permissions: "ask",
      model: null,
      systemPrompt: null,
      trusted: false,
      session: "s1",
      args: ["--flag"],
      command: [join(dir, "bin", "tool"), "first"],
    });
    expect(context.env).toEqual({
      PATH: join(dir, "bin"),
      AH_AGENT_ID: "a3f2b1c0",
      AH_PROJECT: `p${number}`,
      AH_RUN: "3",
    });
  });

  const provider = { permissions: "deny", model: "config" } as const;
  const project = { defaults: { permissions: "allow", model: "project", systemPrompt: "project" } } as const;
  const agent = { permissions: "ask", model: "request", systemPrompt: "request" } as const;
  test.each([
    ["the config", { provider }, { permissions: "deny", model: "config", systemPrompt: null }],
    ["the project", { provider, project }, { permissions: "allow", model: "project", systemPrompt: "project" }],
    ["the request", { provider, project, agent }, { permissions: "ask", model: "request", systemPrompt: "request" }],
  ] as const)("%s", (_who, given, wins) => {
    const found = settingsFor(given);
    expect(found.permissions).toBe(wins.permissions);
    expect(found.launch(1)).toMatchObject(wins);
  });

  test("a project under a trusted root is launched as trusted", () => {
    expect(settingsFor({ project: { cwd: join(dir, "trusted", "repo") } }).launch(1).trusted).toBe(true);
  });

  test("a program that is not there is refused with the cure", () => {
    const { launch } = settingsFor({ provider: { command: ["no-such-program"] } });
    expect(() => launch(1)).toThrow(LaunchRefused);
    expect(() => launch(1)).toThrow(
      'provider "claude-code": the program "no-such-program" is not in PATH: install it, or set providers.claude-code.command',
    );
  });

  test("a provider that was taken out of the config is shown, not started", () => {
    const { codec } = settingsFor({ name: "gone" });
    expect(codec.traits.oneshot).toBe(false);
    expect(() => codec.launch({} as never)).toThrow(
      'the config has no provider "gone": put it back under providers.gone',
    );
  });
});

/**
 * The real program behind the compiled daemon, with a stub for a model: what a user's box does. This file is the stage,
 * the cases that every program must pass are in suite-cases.ts. Every agent of a test is deleted behind it, its event
 * log is looked through, and nothing of it may be left running.
 */
import { afterAll, afterEach, beforeAll, expect } from "bun:test";
import { join } from "node:path";
import type { Abilities } from "../provider/abilities.ts";
import type { Api, Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { makeBox } from "../support/binary.ts";
import { storedEvents } from "../support/events.ts";
import { flawsIn } from "../support/story.ts";
import { describeReal } from "./install.ts";
import { PATIENCE_MS } from "./patience.ts";
import { commonCases } from "./suite-cases.ts";

export interface LiveProvider {
  /** For people; `name` is the provider's in the config. */
  readonly title: string;
  readonly name: string;
  /** The path or command, or why there is none. */
  readonly installed: object;
  readonly settings: Record<string, unknown>;
  readonly env: Record<string, string>;
  readonly abilities: Abilities;
  prepare?(box: Box): void;
  /** Between the end of a process and the start of the next one on the same conversation. */
  beforeResume?(box: Box): void;
  /** Prompts that make the stub model do something, in the stub's own words. */
  readonly ask: {
    say(text: string, gate?: string): string;
    /** A command that needs a permission, then a text. */
    run(command: string, then: string): string;
    /** So many failures, then a text; without `then` it fails for ever. */
    fail(status: number, then?: { readonly times: number; readonly text: string }): string;
    question?(question: string, options: readonly string[], then: string): string;
  };
  /** What the model answers to a plain prompt. */
  answerTo(prompt: string): string;
  /** Everything that the model was sent last, as JSON. */
  lastRequest(): string;
  /** What the program says of a 401. */
  readonly unauthorized: RegExp;
  /** The turn goes on after a denied tool. */
  readonly goesOnAfterDeny: boolean;
  /** The model is told why a tool was denied. */
  readonly tellsWhyDenied: boolean;
  /** What a tool printed is told to us, not only to the model. */
  readonly tellsToolOutput: boolean;
  /** "Always" outlives the process; otherwise the agent says that it was dropped. */
  readonly keepsGrants: boolean;
  readonly longestInputBytes: number;
}

export interface LiveContext {
  readonly box: () => Box;
  readonly api: () => Api;
  make(task: string, more?: Record<string, unknown>): Promise<LiveAgent>;
}

export interface LiveAgent {
  readonly path: string;
  /** Waits until it rests in one of these; resting in another one is an error that shows why. */
  reach(...statuses: string[]): Promise<Json>;
  /** The agent's own words, message by message. */
  said(): Promise<string[]>;
  messages(): Promise<Json[]>;
  pending(): Promise<Json>;
  answer(permission: Json, decision: string, more?: Record<string, unknown>): Promise<void>;
  send(text: string, more?: Record<string, unknown>): Promise<void>;
  events(type?: string): Promise<Json[]>;
  outcomes(): Promise<string[]>;
  debug(): Promise<Json>;
  /** Half of this text, which the stub holds back at a gate, has come out of the program. */
  streams(text: string): Promise<void>;
}

export function liveSuite(provider: LiveProvider, more: (context: LiveContext) => void = () => undefined): void {
  describeReal(provider.title, provider.installed)(`the real ${provider.title} behind the compiled daemon`, () => {
    let box: Box;
    let made: LiveAgent[] = [];
    beforeAll(async () => {
      box = await makeBox({ providers: { [provider.name]: provider.settings } }, provider.env);
      provider.prepare?.(box);
      await (await box.start()).post("/projects", { name: "p", cwd: box.cwd });
    });
    afterEach(async () => {
      const agents = made;
      made = [];
      for (const agent of agents) {
        expect(flawsIn(await agent.events())).toEqual([]);
        expect((await box.api().call("DELETE", agent.path)).status).toBe(204);
      }
      expect(box.agentProcesses()).toEqual([]);
    });
    afterAll(() => box.close());

    const context: LiveContext = {
      box: () => box,
      api: () => box.api(),
      async make(task, extra = {}) {
        const answer = await box.api().post("/projects/p/agents", { provider: provider.name, task, ...extra });
        const agent = agentAt(() => box, String(answer["agent"]?.["id"]));
        made.push(agent);
        return agent;
      },
    };
    commonCases(provider, context);
    more(context);
  });
}

const RESTS = ["idle", "error", "exited", "waiting_input"];

function agentAt(box: () => Box, id: string): LiveAgent {
  const path = `/projects/p/agents/${id}`;
  const api = () => box().api();
  const agent: LiveAgent = {
    path,
    async reach(...statuses) {
      const wait = () => api().get(`${path}/wait?until=${RESTS.join()}&timeout=30`);
      const deadline = Date.now() + PATIENCE_MS;
      let answer = await wait();
      while ((answer["reached"] as unknown) !== true && Date.now() < deadline) answer = await wait();
      if (statuses.includes(String(answer["agent"]?.["status"]))) return answer["agent"] as Json;
      throw new Error(`not ${statuses.join(" or ")}: ${JSON.stringify(answer)} ${JSON.stringify(await agent.debug())}`);
    },
    async said() {
      const own = (await agent.messages()).filter(
        (each) => String(each["role"]) === "assistant" && each["subagent"] === undefined,
      );
      return own.map((each) => String(each["text"])).filter((text) => text !== "");
    },
    messages: async () => [...((await api().get(`${path}/messages?after=0&limit=1000`))["messages"] as Json)],
    async pending() {
      const { permissions } = await api().get(`${path}/permissions?state=pending`);
      const [first] = [...(permissions as Json)];
      if (first === undefined) throw new Error("nothing is pending");
      return first;
    },
    async answer(permission, decision, extra = {}) {
      await api().post(`${path}/permissions/${String(permission["id"])}`, { decision, ...extra });
    },
    async send(text, extra = {}) {
      await api().post(`${path}/input`, { text, ...extra });
    },
    async events(type) {
      const all = await storedEvents(api(), path);
      return type === undefined ? all : all.filter((each) => String(each["type"]) === type);
    },
    outcomes: async () => (await agent.events("turn_ended")).map((each) => String(each["data"]?.["turn"]?.["outcome"])),
    debug: () => api().get(`${path}/debug`),
    async streams(text) {
      const begin = text.slice(0, 5);
      // Deltas are live only, so the sign is in the raw frames. The prompt, which some programs repeat, is in other
      // ones.
      await eventually(
        `the program to say "${begin}…"`,
        async () => {
          const frames = [...((await agent.debug())["lastFrames"] as Json)].map(String);
          return frames.some((frame) => /delta|agent_message_chunk/i.test(frame) && frame.includes(begin));
        },
        PATIENCE_MS,
      );
    },
  };
  return agent;
}

/** A file that does not exist: a text that waits for it never ends. */
export function never(box: Box): string {
  return join(box.dir, "never-opened");
}

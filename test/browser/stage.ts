/** A daemon with fake agents for the browser tests, and what they say in a line. */
import { join } from "node:path";
import type { Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";
import type { Browser } from "./chromium.ts";
import type { ScriptStep } from "../fakes/script-steps.ts";

import type { Tab } from "./tab.ts";

export interface Stage {
  readonly box: Box;
  /** Address of the page. */
  url(): string;
  project(name: string): Promise<void>;
  /** The id of a new agent of the fake Claude Code. */
  agent(project: string, name: string, steps: readonly ScriptStep[] | string | null): Promise<string>;
  get(project: string, agent: string): Promise<Json>;
  status(project: string, agent: string, status: string): Promise<void>;
  close(): Promise<void>;
}

export const script = (...steps: readonly ScriptStep[]): string => `SCRIPT ${JSON.stringify(steps)}`;

export async function openStage(
  config: Record<string, unknown> = {},
  { env = {}, token }: { env?: Record<string, string>; token?: string } = {},
): Promise<Stage> {
  const box = await makeBox(
    {
      providers: {
        "claude-code": { command: [process.execPath, join(FAKES, "claude.ts")] },
        codex: { enabled: false },
        opencode: { enabled: false },
        pi: { enabled: false },
      },
      ...config,
    },
    env,
    token,
  );
  await box.start();
  return {
    box,
    url: () => `${box.api().url}/inspect`,
    async project(name) {
      const cwd = join(box.cwd, name);
      await Bun.write(join(cwd, "README.md"), `# ${name}\n`);
      await box.api().post("/projects", { name, cwd });
    },
    async agent(project, name, task) {
      const text = typeof task === "string" ? task : task === null ? null : script(...task);
      const { agent } = await box.api().post(`/projects/${project}/agents`, {
        provider: "claude-code",
        name,
        ...(text === null ? {} : { task: text }),
      });
      return String(agent?.["id"]);
    },
    async get(project, agent) {
      const { agent: found } = await box.api().get(`/projects/${project}/agents/${agent}`);
      if (found === undefined) throw new Error(`no agent ${agent}`);
      return found;
    },
    async status(project, agent, status) {
      await eventually(`${agent} to be ${status}`, async () => {
        const { agent: found } = await box.api().get(`/projects/${project}/agents/${agent}`);
        return String(found?.["status"]) === status;
      });
    },
    close: () => box.close(),
  };
}

/** The browser's tab on the stage's page, connected. `fresh`: one of its own, for who needs two. */
export async function openPage(
  browser: Browser,
  stage: Stage,
  hash = "",
  { fresh = false, beside }: { readonly fresh?: boolean; readonly beside?: Tab } = {},
): Promise<Tab> {
  const tab = fresh || beside !== undefined ? await browser.tab(beside) : await browser.again();
  await tab.viewport(1280, 800);
  await tab.goto(`${stage.url()}${hash}`);
  await tab.see(".live", "live");
  return tab;
}

/** What is streamed is told to who follows the agent already, and to nobody later. */
export const follows = (tab: Tab, id: string): Promise<true> =>
  eventually("the page to follow the agent", () => tab.answered.some((url) => url.includes(`whole=${id}`)));

/** Requests that changed something, without their common beginning. */
export function sent({ requests }: Tab): { readonly what: string; readonly body: unknown }[] {
  return requests
    .filter(({ method }) => method !== "GET")
    .map(({ method, url, body }) => ({
      what: `${method} ${new URL(url).pathname.replace("/api/v1", "")}`,
      body: body === undefined ? null : (JSON.parse(body) as unknown),
    }));
}

/** What has only just appeared, or moved, answers nothing: a person who sees that tries once more. */
export async function untilTaken(what: string, attempt: () => Promise<unknown>, done: () => unknown): Promise<void> {
  await eventually(what, async () => {
    await Bun.sleep(500);
    if (await done()) return true;
    await attempt();
    return await done();
  });
}

export const clickUntil = (tab: Tab, selector: string, text: string, done: () => unknown): Promise<void> =>
  untilTaken(
    `${text} to be taken`,
    async () => {
      if (await tab.look<boolean>(shows(selector, text))) await tab.click(selector, text);
    },
    done,
  );

/** As an expression of the page. */
export const shows = (selector: string, text: string): string =>
  `[...document.querySelectorAll(${JSON.stringify(selector)})].some((each) => each.innerText.includes(${JSON.stringify(text)}))`;

/**
 * `attach` with a real program's own screen in a terminal of tmux: a person takes the conversation over, says something
 * there, and it is given back on every kind of end. Nothing here knows one program: what differs is in
 * `ScreenProvider`.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { BINARY, makeBox } from "../support/binary.ts";
import type { Cli } from "../support/cli.ts";
import { cliOf } from "../support/cli.ts";
import type { Pane } from "../support/tmux.ts";
import { haveTool, openPane } from "../support/tmux.ts";
import { describeReal } from "./install.ts";

export interface ScreenProvider {
  readonly title: string;
  readonly name: string;
  readonly installed: object;
  readonly settings: Record<string, unknown>;
  /** Of the agent and of the person's shell: the same program is to find the same things. */
  readonly env: Record<string, string>;
  prepare?(box: Box): void;
  /** What the screen asks a person before it listens. */
  enter?(pane: Pane): Promise<void>;
  /** What the screen shows when it listens. */
  readonly listens: RegExp;
  /** As a person leaves it when all is well. */
  leave(pane: Pane): Promise<void>;
  answerTo(prompt: string): string;
  /** Everything that the model was sent last, as JSON. */
  lastRequest(): string;
}

const AT = "/projects/shop/agents/worker";
/** A program that is started on a busy machine draws late. */
export const SLOW_MS = 180_000;
/** What comes faster than this behind a text is taken for a part of what was pasted. */
const PASTE_MS = 1500;

export function attachSuite(provider: ScreenProvider): void {
  const { title, name, settings, env, listens, answerTo } = provider;
  const installed = haveTool("tmux") ? provider.installed : { skip: "there is no tmux" };
  setDefaultTimeout(420_000);
  describeReal(`screen of ${title}`, installed)(`the real screen of ${title}`, () => {
    let box: Box;
    let cli: Cli;
    let pane: Pane;
    /** Another word in each test: the program's home is one, and holds what was said before. */
    let word: string;
    let tests = 0;
    beforeAll(async () => {
      const others = ["claude-code", "codex", "opencode", "pi"].filter((each) => each !== name);
      const providers = Object.fromEntries(others.map((each) => [each, { enabled: false }]));
      box = await makeBox({ providers: { ...providers, [name]: { ...settings, env } } }, env);
      provider.prepare?.(box);
      await box.start();
      cli = cliOf(box);
      await cli("projects", "add", "shop", box.cwd, "--provider", name);
    });
    afterAll(() => box.close());
    beforeEach(async () => {
      const made = await cli("run", "--project", "shop", "--name", "worker", "--system", "be brief", "one");
      if (made.code !== 0) throw new Error(made.err);
      word = `two-${++tests}`;
      pane = openPane({ ...box.env, AH_URL: box.api().url }, box.cwd, 120, 36);
    });
    afterEach(async () => {
      await cli("resume", "--force", "shop/worker");
      await cli("rm", "--yes", "shop/worker");
      pane.close();
    });

    const state = async (): Promise<string> => {
      const { agent } = await box.api().get(AT);
      return `${agent?.["status"]} ${agent?.["process"]}`;
    };
    const is = (wanted: string): Promise<unknown> =>
      eventually(`it is ${wanted}`, async () => (await state()) === wanted, SLOW_MS);
    const texts = async (): Promise<string[]> => {
      const { messages } = await box.api().get(`${AT}/messages?limit=1000`);
      return [...(messages ?? [])]
        .filter((each) => String(each["text"]) !== "")
        .toSorted((a, b) => String(a["createdAt"]).localeCompare(String(b["createdAt"])))
        .map((each) => `${each["role"]}${each["via"] === undefined ? "" : ` ${each["via"]}`}: ${each["text"]}`);
    };
    const attach = async (): Promise<number> => {
      const modes = (when: string): string => `stty -a > ${join(box.dir, when)}`;
      pane.line(`${modes("before")}; ${BINARY} attach shop/worker; echo "code $?"; ${modes("after")}; echo over`);
      await provider.enter?.(pane);
      await pane.sees(listens, SLOW_MS);
      const screen = await eventually("the screen's process to be known", async () => {
        const { attached } = await box.api().get(`${AT}/attach`);
        return Number(attached?.["screen"]?.["pid"]) || null;
      });
      expect(await state()).toBe("idle attached");
      return screen;
    };
    const say = async (text: string): Promise<void> => {
      pane.type(text);
      await pane.sees(text);
      await Bun.sleep(PASTE_MS);
      pane.key("Enter");
      await pane.sees(answerTo(text).slice(0, 40), SLOW_MS);
    };
    const saidThere = (): string[] => [`user attach: ${word}`, `assistant attach: ${answerTo(word)}`];
    const inIt = (): Promise<unknown> =>
      eventually(
        "what was said there to be among the messages",
        async () => {
          const found = await texts();
          return saidThere().every((each) => found.includes(each));
        },
        SLOW_MS,
      );
    /** Some write it down a moment after it was shown; what died before that was never kept by anybody. */
    const kept = (text: string): Promise<unknown> =>
      eventually(
        "the program to have written it down",
        () => Bun.spawnSync(["grep", "-rqsF", text, box.home, box.stateDir]).exitCode === 0,
        SLOW_MS,
      );
    const sameModes = (): void => {
      const [before, after] = ["before", "after"].map((when) => readFileSync(join(box.dir, when), "utf8"));
      expect(before).toContain("speed");
      expect(after).toBe(before ?? "");
    };

    test("what is said there comes back, what was sent meanwhile goes on, and the model knows all of it", async () => {
      await attach();
      await say(word);
      expect((await cli("send", "shop/worker", "three")).err).toBe("sent to shop/worker as input 2 (queued)\n");
      await provider.leave(pane);
      await pane.sees(/taken back after [^,]+, 2 messages brought in\s+code 0\s+over/, SLOW_MS);
      sameModes();
      expect((await cli("wait", "shop/worker")).code).toBe(0);
      expect(await texts()).toEqual([
        "user: one",
        `assistant: ${answerTo("one")}`,
        ...saidThere(),
        "user: three",
        `assistant: ${answerTo("three")}`,
      ]);
      for (const text of [answerTo("one"), answerTo(word), "three"]) expect(provider.lastRequest()).toContain(text);
    });

    test("Ctrl-C is the screen's: when it has ended by it, the conversation is given back", async () => {
      const screen = await attach();
      for (let n = 0; n < 300 && existsSync(`/proc/${screen}`); n += 1) {
        pane.key("C-c");
        await Bun.sleep(200); // some want it twice, within half a second
      }
      await pane.sees(/taken back after[\s\S]*code 0\s+over/, SLOW_MS);
      sameModes();
      await is("idle stopped");
    });

    test("kill -9 of the screen: given back at once, with what was said, and the terminal is as before", async () => {
      const screen = await attach();
      await say(word);
      await kept(answerTo(word));
      process.kill(screen, "SIGKILL");
      await pane.sees(/the screen ended by SIGKILL[\s\S]*taken back after[\s\S]*code 0\s+over/, SLOW_MS);
      sameModes();
      await is("idle stopped");
      await inIt();
    });

    test("kill -9 of the command: attached as long as the screen is open, then given back with what was said", async () => {
      const screen = await attach();
      await say(word);
      await kept(answerTo(word));
      process.kill(parentOf(screen), "SIGKILL");
      await Bun.sleep(1000);
      expect(await state()).toBe("idle attached");
      process.kill(screen, "SIGKILL");
      await is("idle stopped");
      await inIt();
    });

    test("a closed terminal gives it back", async () => {
      await attach();
      pane.close();
      await is("idle stopped");
    });

    test("the daemon is killed and comes back: still attached, and given back with what was said", async () => {
      await attach();
      await box.kill();
      await box.start({ AH_PORT: new URL(box.api().url).port });
      expect(await state()).toBe("idle attached");
      await say(word);
      await provider.leave(pane);
      await pane.sees(/2 messages brought in\s+code 0\s+over/, SLOW_MS);
      await inIt();
    });
  });
}

function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return Number(stat.slice(stat.lastIndexOf(") ") + 2).split(" ")[1]);
}

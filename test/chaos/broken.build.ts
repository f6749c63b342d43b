/**
 * Builds of both programs that are broken on purpose, and a storm over such a build. They are made in a copy of the
 * tree by the tree's own Makefile; the tree itself, and what was built of it, stay as they are.
 */
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { whileEdited, type Edit } from "../support/edits.ts";
import { CHECK_NAMES, type CheckName } from "./check.ts";

const ROOT = join(import.meta.dir, "../..");
/** Enough to be built from; the page is taken as it was built, so that it is not bundled once more. */
const TAKEN = ["src", "package.json", "bun.lock", "Makefile", ".build/page"] as const;
const STORM_MS = 420_000;

/** What a storm is like. */
export interface Weather {
  readonly seed: number;
  readonly seconds: number;
  /** Parts of the faults' names; none: nothing is struck with, and the agents' own scripts are all that happens. */
  readonly only: readonly string[];
  readonly agentsEach: number;
  readonly crowd: number;
}

export interface Found {
  /** Checks that failed. */
  readonly failed: readonly CheckName[];
  /** false: it broke off before anything could be checked. */
  readonly whole: boolean;
  readonly output: string;
}

export interface Workshop {
  /** Both programs with this edit, or as they are; throws when they cannot be built. */
  build(edit: Edit | null): Promise<void>;
  /** Over what was built last. */
  storm(weather: Weather): Promise<Found>;
  close(): void;
}

export function openWorkshop(): Workshop {
  const copy = mkdtempSync(join(tmpdir(), "ah-broken-"));
  // The times stay, or make would take the page for older than its sources.
  for (const name of TAKEN)
    if (existsSync(join(ROOT, name)))
      cpSync(join(ROOT, name), join(copy, name), { recursive: true, preserveTimestamps: true });

  const make = (): void => {
    const { exitCode, stdout, stderr } = Bun.spawnSync(["make", "-C", copy, "build", `BUN=${process.execPath}`], {
      env: environment(),
    });
    if (exitCode !== 0) throw new Error(`cannot build: make ended with ${exitCode}\n${stdout}\n${stderr}`);
  };

  return {
    build: async (edit) => (edit === null ? make() : await whileEdited(copy, edit, make)),
    storm: (weather) => stormOver(copy, weather),
    close: () => rmSync(copy, { recursive: true, force: true }),
  };
}

/** The real storm, in a process of its own: which programs it takes is settled when it is loaded. */
async function stormOver(built: string, { seed, seconds, only, agentsEach, crowd }: Weather): Promise<Found> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "main.ts")], {
    env: {
      ...environment(),
      AH_TEST_BIN: join(built, "agent-harness"),
      AH_TEST_RECEIVER: join(built, "webhook-receiver"),
      SEED: String(seed),
      MINUTES: String(seconds / 60),
      ONLY: only.length === 0 ? "none" : only.join(),
      AGENTS: String(agentsEach),
      CROWD: String(crowd),
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: STORM_MS,
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  const failed = CHECK_NAMES.filter((name) => new RegExp(`^FAIL ${name}: \\d+$`, "m").test(stdout));
  return { failed, whole: /^seed \d+: (?:all is well|\d+ checks failed)$/m.test(stdout), output: stdout + stderr };
}

/** Without what the make that runs us tells its own children, and what a person's storm was given. */
function environment(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env))
    if (value !== undefined && !/^(?:MAKE|MFLAGS$|KEEP$|AH_)/.test(name)) env[name] = value;
  return env;
}

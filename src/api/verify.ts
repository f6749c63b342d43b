/** Checks as a request names them: filled in, and only where a person trusts what the repository brings. */
import { isTrusted } from "../agents/run-settings.ts";
import { HarnessError } from "../lib/errors.ts";
import type { Project } from "../store/projects.ts";
import type { AnyCodec } from "../providers/contract.ts";
import type { ResultTerms, Verify } from "../words/agent.ts";
import type { ApiDeps } from "./deps.ts";

const TIMEOUT_MS = 600_000;
const ATTEMPTS = 2;

interface GivenVerify {
  readonly command: Verify["command"];
  readonly timeoutMs?: number;
  readonly attempts?: number;
}

export function verifyOf({ command, timeoutMs = TIMEOUT_MS, attempts = ATTEMPTS }: GivenVerify): Verify {
  return { command, timeoutMs, attempts };
}

/** 422 for a schema where no program would hold to it. */
export function assertGivesResults({ kind, traits }: AnyCodec, result: ResultTerms | null | undefined): void {
  if (!result || traits.results !== undefined) return;
  throw new HarnessError(
    "RESULT_NOT_SUPPORTED",
    `agents of kind ${kind} give no result that fits a schema, those of claude-code and codex do: use one of them, ` +
      "or leave out result (also of the project's defaults)",
  );
}

/** 422 for a check in a project that nobody trusts. */
export function assertMayVerify({ config }: ApiDeps, project: Project, verify: Verify | null | undefined): void {
  if (!verify || isTrusted(project, config.projects.trustedRoots)) return;
  throw new HarnessError(
    "PROJECT_UNTRUSTED",
    `a check runs what the repository brings, and the project "${project.name}" is not trusted: ` +
      `PATCH /api/v1/projects/${project.name} with {"trusted":true} ` +
      `(agent-harness projects set ${project.name} trusted=true), or leave out verify`,
  );
}

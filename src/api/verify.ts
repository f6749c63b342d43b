/** Checks as a request names them: filled in, and only where a person trusts what the repository brings. */
import { isTrusted } from "../agents/run-settings.ts";
import { HarnessError } from "../lib/errors.ts";
import type { Project } from "../store/projects.ts";
import type { Verify } from "../words/agent.ts";
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

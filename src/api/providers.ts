/** Which agent programs there are, and whether they can be used. */
import { findProgram } from "../agents/run-settings.ts";
import { childEnvironment } from "../agents/environment.ts";
import { json } from "../http/answer.ts";
import { route } from "../http/router.ts";
import { HarnessError, invalidRequest } from "../lib/errors.ts";
import type { Provider } from "../providers/index.ts";
import type { Project } from "../store/projects.ts";
import type { ApiDeps } from "./deps.ts";

export function providerRoutes(deps: ApiDeps) {
  return [
    route({
      method: "GET",
      path: "/api/v1/providers",
      summary: "The providers, where each program was found, and why one cannot be used",
      async handler({ keepOpen }) {
        keepOpen(); // the first look starts every program once
        return json({
          providers: await deps
            .reporter()
            .then(({ examine }) => Promise.all([...deps.providers.values()].map(examine))),
        });
      },
    }),
  ];
}

/** 400 for a provider that the config does not have. */
export function assertProvider(deps: ApiDeps, name: string, path: string): void {
  if (!deps.providers.has(name)) unknownProvider(deps, name, path);
}

export function unknownProvider({ providers }: ApiDeps, name: string, path: string): never {
  throw invalidRequest([{ path, message: `got "${name}", expected one of ${[...providers.keys()].join(", ")}` }]);
}

/** 422 when it is switched off or its program cannot be found, before anything is stored. */
export function assertAvailable(
  deps: ApiDeps,
  { name, settings, codec }: Provider,
  project: Project,
  requested: Readonly<Record<string, string>>,
): void {
  if (!settings.enabled) throw unavailable(`provider "${name}" is switched off: set providers.${name}.enabled to true`);
  const env = childEnvironment({
    inherited: deps.inheritedEnv,
    traits: codec.traits,
    passEnv: settings.passEnv,
    configured: settings.env,
    requested,
    ours: {},
  });
  const [program = ""] = settings.command;
  if (findProgram(program, env["PATH"], project.cwd) === null) {
    throw unavailable(
      `provider "${name}": the program "${program}" is not in PATH: install it, or set providers.${name}.command`,
    );
  }
}

function unavailable(message: string): HarnessError {
  return new HarnessError("PROVIDER_UNAVAILABLE", message);
}

/**
 * The tools that others use on an API's description, each as one package with what it needs, and the Node they run on.
 */
import type { Environment } from "./install.ts";
import { installPackage, installScript } from "./install.ts";

/** Finds what is wrong or missing in a description. */
export const installRedocly = (env: Environment) =>
  installScript(env, {
    name: "@redocly/cli",
    version: "2.77.0",
    file: "node_modules/@redocly/cli/bin/cli.js",
  });

/** Makes types of it. */
export const installTypes = (env: Environment) =>
  installScript(env, {
    name: "openapi-typescript",
    version: "7.13.0",
    file: "node_modules/openapi-typescript/bin/cli.js",
  });

/** Calls by those types. */
export const installFetch = (env: Environment) =>
  installPackage(env, {
    name: "openapi-fetch",
    version: "0.17.0",
    file: "node_modules/openapi-fetch/package.json",
  });

/** The reference that says what a signed webhook is. */
export const installStandardWebhooks = (env: Environment) =>
  installPackage(env, {
    name: "standardwebhooks",
    version: "1.1.1",
    file: "node_modules/standardwebhooks/package.json",
  });

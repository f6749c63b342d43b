/**
 * The inspector as the build has put it into this program: its bundle, and the files that keep their names. Run from
 * source there is no bundle; the routes then say so.
 */
import { basename } from "node:path";
import type { PageFile } from "./api/inspect.ts";
import page from "./inspector/index.html";
import calm from "./inspector/static/calm.svg" with { type: "file" };
import large from "./inspector/static/icon-512.png" with { type: "file" };
import lost from "./inspector/static/lost.svg" with { type: "file" };
import manifest from "./inspector/static/app.webmanifest" with { type: "file" };
import needed from "./inspector/static/needed.svg" with { type: "file" };
import small from "./inspector/static/icon-192.png" with { type: "file" };

/** Named in the manifest and by the page's own code, so their addresses stay. */
const STATIC: Readonly<Record<string, readonly [path: string, type: string]>> = {
  "app.webmanifest": [manifest, "application/manifest+json"],
  "calm.svg": [calm, "image/svg+xml"],
  "needed.svg": [needed, "image/svg+xml"],
  "lost.svg": [lost, "image/svg+xml"],
  "icon-192.png": [small, "image/png"],
  "icon-512.png": [large, "image/png"],
};

/** The bundler names its files from the root (`/chunk-….js`), whatever the page's own address is. */
export function pageFiles(): readonly PageFile[] {
  const built = (page.files ?? []).map(({ path, loader, headers }) => ({
    address: loader === "html" ? "/inspect" : `/${basename(path)}`,
    path,
    type: headers["content-type"],
  }));
  const named = Object.entries(STATIC).map(([name, [path, type]]) => ({ address: `/inspect/${name}`, path, type }));
  return built.length === 0 ? [] : [...built, ...named];
}

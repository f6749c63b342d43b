/**
 * The inspector as `make build` has put it into this program: each file of its bundle, and those that keep their names
 * (icons, manifest), embedded as `NAME.page`. Run from source there are none; the routes then say so.
 */
import type { PageFile } from "./api/inspect.ts";

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html;charset=utf-8",
  js: "text/javascript;charset=utf-8",
  css: "text/css;charset=utf-8",
  svg: "image/svg+xml",
  png: "image/png",
  webmanifest: "application/manifest+json",
};

export function pageFiles(): readonly PageFile[] {
  return Bun.embeddedFiles.flatMap((file) => {
    // The types know a Blob; an embedded one has its name, too.
    const name = "name" in file && typeof file.name === "string" ? /([^/]+)\.page$/.exec(file.name)?.[1] : undefined;
    if (name === undefined) return [];
    const type = TYPES[name.slice(name.lastIndexOf(".") + 1)] ?? "application/octet-stream";
    return [{ address: name === "index.html" ? "/inspect" : `/inspect/${name}`, type, bytes: () => file.bytes() }];
  });
}

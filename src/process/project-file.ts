/**
 * A file of a project, for those who name it by a path: opened component by component below the project's folder, so
 * that no link on the way, planted or swapped in meanwhile, can lead out of it. Never blocks, reads plain files alone.
 */
import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { withDescriptors } from "../lib/descriptors.ts";
import { errorCode } from "../lib/errors.ts";
import { readAt } from "./agent-file.ts";

export type ProjectFile =
  | { readonly ok: true; readonly bytes: Buffer }
  /** The rest of "got <path>, …". */
  | { readonly ok: false; readonly problem: string };

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** `root`: the real path of the project's folder. `path`: below it, or absolute and below it. */
export function readProjectFile(root: string, path: string, maxBytes: number): ProjectFile {
  const inside = path.startsWith("/") ? below(root, path) : path;
  const parts = inside?.split("/") ?? [];
  if (parts.length === 0 || parts.some((part) => part === "" || part === "." || part === ".."))
    return bad(`expected a file below ${root}, without "." and ".."`);
  let folder = withDescriptors(() => openSync(root, O_RDONLY | O_DIRECTORY));
  try {
    for (const [i, part] of parts.entries()) {
      const last = i === parts.length - 1;
      // Relative to the folder that is held open, whatever its path has become.
      const opened = openBelow(folder, part, last ? O_NONBLOCK : O_DIRECTORY);
      if (typeof opened !== "number") return bad(opened.problem);
      closeSync(folder);
      folder = opened;
    }
    const stats = fstatSync(folder);
    if (!stats.isFile()) return bad("which is no plain file");
    if (stats.size > maxBytes) return bad(`which has ${stats.size} bytes, expected at most ${maxBytes}`);
    return { ok: true, bytes: readAt(folder, 0, maxBytes) };
  } finally {
    closeSync(folder);
  }
}

function below(root: string, path: string): string | undefined {
  const prefix = root.endsWith("/") ? root : `${root}/`;
  return path.startsWith(prefix) ? path.slice(prefix.length) : undefined;
}

function openBelow(folder: number, part: string, flags: number): number | { readonly problem: string } {
  try {
    return withDescriptors(() => openSync(`/proc/self/fd/${folder}/${part}`, O_RDONLY | O_NOFOLLOW | flags));
  } catch (error) {
    switch (errorCode(error)) {
      case "ENOENT":
        return { problem: `there is no ${JSON.stringify(part)}` };
      case "ELOOP":
      case "ENOTDIR":
        return { problem: `${JSON.stringify(part)} is a link, or no folder: links are not followed` };
      case "EACCES":
      case "ENXIO":
        return { problem: `${JSON.stringify(part)} cannot be read` };
      default:
        throw error;
    }
  }
}

const bad = (problem: string): ProjectFile => ({ ok: false, problem });

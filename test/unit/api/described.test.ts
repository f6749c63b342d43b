/** What can be set can be seen: the description of an answer knows every member that a request may give. */
import { expect, test } from "bun:test";
import { agent } from "../../../src/api/answers/agent.ts";
import { project } from "../../../src/api/answers/box.ts";
import { namedShapes } from "../../../src/api/answers/shape.ts";
import { newProject, projectPatch } from "../../../src/api/schemas.ts";
import { isObject } from "../../../src/lib/check.ts";

/** The members of an object that a description leads to, through what may be null or one of several. */
function members(json: unknown, ...path: readonly string[]): string[] {
  if (!isObject(json)) return [];
  if (typeof json["$ref"] === "string") {
    const name = json["$ref"].split("/").at(-1);
    return members(namedShapes().find((each) => each.name === name)?.definition, ...path);
  }
  const { properties, anyOf, allOf } = json;
  const inner = [anyOf, allOf].flatMap((each) => (Array.isArray(each) ? each : []));
  if (inner.length > 0) return inner.flatMap((each) => members(each, ...path));
  if (!isObject(properties)) return [];
  const [name, ...rest] = path;
  return name === undefined ? Object.keys(properties) : members(properties[name], ...rest);
}

const shown = members(project.json, "defaults");

test.each([
  ["POST /projects", newProject.json],
  ["PATCH /projects/{name}", projectPatch.json],
])("%s: every default of a project is among those that it shows", (_route, json) => {
  const given = members(json, "defaults");
  expect(given).toContain("onLimit");
  expect(given.filter((name) => !shown.includes(name))).toEqual([]);
});

test("each member of a budget, too, of a project's defaults and of an agent", () => {
  const given = members(newProject.json, "defaults", "budget");
  for (const budget of [members(project.json, "defaults", "budget"), members(agent.json, "budget")])
    expect(given.filter((name) => !budget.includes(name))).toEqual([]);
  expect(given).toContain("wallMs");
});

/** What a careful eye would find on a page: asked of the page itself, each answer a list of problems. */
import type { Tab } from "./tab.ts";

/** Wider than the screen, and not inside something that may scroll sideways. */
export const overflowProblems = (tab: Tab): Promise<readonly string[]> =>
  tab.look<string[]>(`(() => {
    const wide = document.documentElement.scrollWidth;
    const found = wide > innerWidth ? ["the page is " + wide + " wide on " + innerWidth] : [];
    for (const each of document.querySelectorAll("main *, header *, nav *")) {
      if (!each.checkVisibility() || each.closest("pre, .scroller, .code, .tabs, .sr, .cut, svg")) continue;
      const box = each.getBoundingClientRect();
      if (box.width > 0 && box.right > innerWidth + 1) found.push(each.tagName + "." + each.className + " ends at " + Math.round(box.right));
    }
    return found.slice(0, 10);
  })()`);

/** Buttons, fields and links that stand alone; links inside of a sentence are as high as their line. */
export const targetProblems = (tab: Tab): Promise<readonly string[]> =>
  tab.look<string[]>(`(() => {
    const found = [];
    for (const each of document.querySelectorAll("button, .btn, select, textarea, input, summary, .row, .nav a, .tabs a, .rail a, .add, .home")) {
      if (!each.checkVisibility({ checkOpacity: true }) || each.closest(".row-acts, .sr")) continue;
      const around = each.matches("input[type=radio], input[type=checkbox]") ? each.closest("label, .check") ?? each : each;
      const box = around.getBoundingClientRect();
      const low = each.closest(".check") !== null ? 24 : each.matches("textarea") ? 32 : 43.5;
      if (box.height > 0 && box.height < low) found.push(each.tagName + "." + each.className + " " + each.textContent.slice(0, 20) + " is " + Math.round(box.height) + " high");
    }
    return found.slice(0, 10);
  })()`);

/** Text against what is behind it: 4.5, large text 3. Computed from the styles, with what shines through mixed in. */
export const contrastProblems = (tab: Tab): Promise<readonly string[]> =>
  tab.look<string[]>(`(() => {
    const parse = (colour) => {
      const [r, g, b, a = 1] = (colour.match(/[\\d.]+/g) ?? []).map(Number);
      return { r, g, b, a };
    };
    const over = (top, under) => ({
      r: top.r * top.a + under.r * (1 - top.a),
      g: top.g * top.a + under.g * (1 - top.a),
      b: top.b * top.a + under.b * (1 - top.a),
      a: 1,
    });
    const behind = (element) => {
      const layers = [];
      for (let each = element; each !== null; each = each.parentElement) {
        const colour = parse(getComputedStyle(each).backgroundColor);
        if (colour.a > 0) layers.push(colour);
        if (colour.a === 1) break;
      }
      return layers.reduceRight((under, top) => over(top, under), { r: 255, g: 255, b: 255, a: 1 });
    };
    const light = ({ r, g, b }) => {
      const [x, y, z] = [r, g, b].map((each) => {
        const part = each / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const ratio = (one, other) => {
      const [a, b] = [light(one), light(other)].sort((x, y) => y - x);
      return (a + 0.05) / (b + 0.05);
    };
    const found = new Set();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode;
      const element = node.parentElement;
      if (node.data.trim() === "" || !element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) continue;
      if (element.closest("script, noscript, :disabled, .sr, option, datalist, .skip") !== null) continue;
      const style = getComputedStyle(element);
      const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
      const under = behind(element);
      const value = ratio(over(parse(style.color), under), under);
      if (value < (large ? 3 : 4.5)) found.add(element.tagName + "." + element.className + " " + JSON.stringify(node.data.slice(0, 30)) + " has " + value.toFixed(2));
    }
    for (const each of document.querySelectorAll("input, textarea, select")) {
      if (!each.checkVisibility() || each.matches("[type=radio], [type=checkbox]")) continue;
      const holder = getComputedStyle(each).borderTopWidth === "0px" ? each.closest(".box") ?? each : each;
      const value = ratio(parse(getComputedStyle(holder).borderTopColor), behind(holder.parentElement));
      if (value < 3) found.add(each.tagName + "." + each.className + " has a border of " + value.toFixed(2));
    }
    return [...found].slice(0, 10);
  })()`);

/** By the browser's own accessibility tree. */
export async function nameProblems(tab: Tab): Promise<readonly string[]> {
  const { nodes } = await tab.send("Accessibility.getFullAXTree");
  const controls = ["button", "link", "textbox", "searchbox", "checkbox", "radio", "combobox", "menuitem"];
  return (
    nodes as { ignored: boolean; role?: { value: string }; name?: { value: string }; backendDOMNodeId?: number }[]
  )
    .filter(({ ignored, role }) => !ignored && role !== undefined && controls.includes(role.value))
    .filter(({ name }) => (name?.value ?? "").trim() === "")
    .map(({ role, backendDOMNodeId }) => `a ${role?.value} (node ${backendDOMNodeId}) has no name`);
}

/** Nothing takes itself out of the order in which it stands. */
export const orderProblems = (tab: Tab): Promise<readonly string[]> =>
  tab.look<string[]>(
    `[...document.querySelectorAll("[tabindex]")].filter((each) => each.tabIndex > 0).map((each) => each.tagName + " jumps the queue")`,
  );

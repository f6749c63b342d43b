/** Keeps notifications in `window.told`: stands in for the browser's own, which shows nothing without a screen. */
export const RECORDER = `
  window.told = [];
  class Told { constructor(title, options) { window.told.push([title, options.body, options.tag]); } close() {} }
  Told.permission = "granted";
  Told.requestPermission = async () => "granted";
  Object.defineProperty(window, "Notification", { value: Told, configurable: true });
`;

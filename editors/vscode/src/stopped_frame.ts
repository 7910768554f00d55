/** The frame that a menu of the call stack is for, as the server's command takes it. */

interface Chosen {
  frameName: string;
  frameLocation?: { range?: { startLineNumber?: number }; source?: { path?: string } };
}

/** What is given differs with the menu; from the palette it is nothing, which means the frame that the debugger stands in. */
export function stoppedFrame(given: readonly unknown[]): object {
  const chosen = given.find(isChosen);
  if (chosen === undefined) return {};
  const line = chosen.frameLocation?.range?.startLineNumber;
  const path = chosen.frameLocation?.source?.path;
  return { name: chosen.frameName, ...(line === undefined ? {} : { line }), ...(path === undefined ? {} : { path }) };
}

function isChosen(value: unknown): value is Chosen {
  return typeof value === "object" && value !== null && "frameName" in value && typeof value.frameName === "string";
}

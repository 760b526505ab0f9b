/** What a framework says of an app: what is built and what runs. Paths are relative to the app. */
export interface Framework {
  name: string;
  source: string;
  /** What runs in production, after `node`; null when the app has a server of its own. */
  command: string[] | null;
  /** What to copy from the build; null when everything is needed. */
  copies: { from: string; to: string }[] | null;
  needsModules: boolean;
  port: number;
  env: Record<string, string>;
  handlesSigterm: boolean;
}
export function findFramework(_project: unknown): Framework | null {
  return null;
}

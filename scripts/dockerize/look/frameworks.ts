/** The framework of an app: what the other parts have to know of it. */
export interface Framework {
  name: string;
  source: string;
  command: string[] | null;
  copies: { from: string; to: string }[] | null;
  needsModules: boolean;
  port: number;
  env: Record<string, string>;
  handlesSigterm: boolean;
}

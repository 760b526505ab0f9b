import { relative } from 'node:path';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** How long the output may be silent, in milliseconds. */
const SILENCE_MS = 20_000;

/** A reporter beside Vitest's own: says what still runs when nothing else was printed for a while. */
export default class Heartbeat implements Reporter {
  readonly #modules = new Map<TestModule, { since: number; current: string }>();
  #timer: NodeJS.Timeout | undefined;

  onTestRunStart(): void {
    this.#restart();
  }
  onTestModuleStart(module: TestModule): void {
    this.#modules.set(module, { since: Date.now(), current: 'preparing' });
  }
  onTestCaseReady(test: TestCase): void {
    const state = this.#modules.get(test.module);
    if (state) state.current = test.fullName;
  }
  onTestCaseResult(): void {
    this.#restart();
  }
  onTestModuleEnd(module: TestModule): void {
    this.#modules.delete(module);
    this.#restart();
  }
  onTestRunEnd(): void {
    clearInterval(this.#timer);
  }

  #restart(): void {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#report(), SILENCE_MS).unref();
  }

  #report(): void {
    for (const [module, { since, current }] of this.#modules) {
      const name = relative(import.meta.dirname, module.moduleId);
      console.log(` … ${name} for ${Math.round((Date.now() - since) / 1000)} s: ${current}`);
    }
  }
}

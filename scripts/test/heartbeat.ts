import { relative } from 'node:path';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** How long the output may be silent, in milliseconds. */
const SILENCE_MS = 20_000;

/** A reporter beside Vitest's own: prints which files still run when nothing else was printed for a while. */
export default class Heartbeat implements Reporter {
  readonly #running = new Map<TestModule, { since: number; last?: TestCase }>();
  #timer: NodeJS.Timeout | undefined;

  onTestRunStart(): void {
    this.#restart();
  }
  onTestModuleStart(module: TestModule): void {
    this.#running.set(module, { since: Date.now() });
  }
  onTestCaseResult(test: TestCase): void {
    const state = this.#running.get(test.module);
    if (state) state.last = test;
    this.#restart();
  }
  onTestModuleEnd(module: TestModule): void {
    this.#running.delete(module);
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
    for (const [module, { since, last }] of this.#running) {
      const name = relative(import.meta.dirname, module.moduleId);
      const seconds = Math.round((Date.now() - since) / 1000);
      console.log(` … ${name}: running for ${seconds} s, ${last ? `last: ${last.fullName}` : 'still preparing'}`);
    }
  }
}
